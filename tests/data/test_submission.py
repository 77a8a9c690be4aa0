"""Submission files: what FreiHAND's and HO-3D's own evaluation scripts read."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p.data import submission
from a2p.data.submission import SubmittedHand, write_submission
from a2p.errors import ConfigError, DataError, ShapeError


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "SAMPLE_COUNTS", dict.fromkeys(submission.SAMPLE_COUNTS, 2))


def hands(vertex_count: int = 778) -> list[SubmittedHand]:
    generator = torch.Generator().manual_seed(0)
    return [
        SubmittedHand(torch.rand(21, 3, generator=generator) + 0.5, torch.randn(vertex_count, 3, generator=generator))
        for _ in range(2)
    ]


def test_freihand_gets_the_camera_frame_and_our_order(tmp_path: Path) -> None:
    made = hands()
    xyz, vertices = json.loads(write_submission(tmp_path / "pred.json", made, server="freihand").read_text())
    assert np.allclose(xyz, np.stack([hand.keypoints_3d.numpy() for hand in made]), atol=1e-6)
    assert np.allclose(vertices, np.stack([hand.vertices.numpy() for hand in made]), atol=1e-6)


def test_ho3d_gets_opengl_axes_and_manos_order(tmp_path: Path) -> None:
    made = hands()
    path = write_submission(tmp_path / "pred.zip", made, server="ho3d_v3")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["pred.json"]
        xyz, vertices = (np.array(part) for part in json.loads(archive.read("pred.json")))
    assert (xyz[..., 2] < 0).all(), "the server refuses hands in front of a camera that looks along +z"
    points = made[0].keypoints_3d.double().numpy() * [1, -1, -1]
    for theirs, ours in ((0, 0), (1, 5), (4, 9), (7, 17), (10, 13), (13, 1), (15, 3), (16, 4), (17, 8), (20, 20)):
        assert np.allclose(xyz[0, theirs], points[ours], atol=1e-6)
    assert np.allclose(vertices[1], made[1].vertices.numpy() * [1, -1, -1], atol=1e-6)


def test_what_a_server_would_refuse_is_refused_here(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 2 samples; got 1 predictions"):
        write_submission(tmp_path / "pred.json", hands()[:1], server="freihand")
    with pytest.raises(ShapeError, match="prediction 0 has 1630"):
        write_submission(tmp_path / "pred.json", hands(1630), server="freihand")
    broken = hands()
    broken[1].keypoints_3d[3, 1] = float("nan")
    with pytest.raises(ShapeError, match="prediction 1 is not"):
        write_submission(tmp_path / "pred.json", broken, server="ho3d_v2")
    with pytest.raises(ConfigError, match=r"must end in .json or .zip"):
        write_submission(tmp_path / "pred.txt", hands(), server="freihand")
    assert list(tmp_path.iterdir()) == []
