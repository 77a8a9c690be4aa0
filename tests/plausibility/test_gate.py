from __future__ import annotations

import pytest
import torch

from a2p.plausibility import boxes_overlap


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        ((5.0, 5.0, 15.0, 15.0), True),
        ((2.0, 2.0, 3.0, 3.0), True),
        ((10.0, 0.0, 20.0, 10.0), False),
        ((5.0, 11.0, 15.0, 20.0), False),
        ((20.0, 20.0, 30.0, 30.0), False),
    ],
)
def test_boxes_overlap_where_they_share_an_area(other: tuple[float, ...], overlaps: bool) -> None:
    box = torch.tensor([0.0, 0.0, 10.0, 10.0])
    assert bool(boxes_overlap(box, torch.tensor(other))) is overlaps
    assert bool(boxes_overlap(torch.tensor(other), box)) is overlaps
