import math

import pytest
import torch

from a2p import Camera
from a2p.errors import CameraError


def test_a_point_on_the_optical_axis_falls_on_the_principal_point() -> None:
    camera = Camera(500.0, 600.0, 320.0, 240.0)
    assert camera.project(torch.tensor([[0.0, 0.0, 0.7]])).tolist() == [[320.0, 240.0]]


def test_field_of_view_spans_the_larger_side() -> None:
    camera = Camera.from_fov(640, 480, fov_deg=60.0)
    edge = camera.project(torch.tensor([math.tan(math.radians(30.0)), 0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(edge, torch.tensor([640.0, 240.0], dtype=torch.float64))


@pytest.mark.parametrize("focal", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_focal_length_is_refused(focal: float) -> None:
    with pytest.raises(CameraError, match="finite fx, fy > 0"):
        Camera(focal, 500.0, 320.0, 240.0)
