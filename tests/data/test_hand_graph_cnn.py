"""hand-graph-cnn's test set: left hands that project into their pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from a2p.data import HandDataset, HandGraphCnn
from a2p.errors import DataError
from tests.data.scenes import picture


def test_genuine_hands_are_left_hands_that_lie_in_their_pictures(shared_data: Path) -> None:
    dataset: HandDataset = HandGraphCnn(shared_data / "annotated" / "hand_graph_cnn")
    assert len(dataset) == 100
    signs = []
    for sample in (dataset[index] for index in range(0, 100, 7)):
        assert sample.right is None
        hand = sample.left
        assert hand is not None
        assert bool(((hand.keypoints_2d > 0) & (hand.keypoints_2d < 256)).all())
        points = hand.keypoints_3d.double()
        fingers = (points[[8, 12, 16, 20]] - points[[5, 9, 13, 17]]).mean(dim=0)
        signs.append(float(torch.linalg.cross(points[5] - points[0], points[17] - points[0], dim=0) @ fingers))
    assert max(signs) < 0, "fingers bend to the side on which a left hand has its palm"


def test_a_broken_entry_is_named(tmp_path: Path) -> None:
    picture("left").resize((256, 256)).save(tmp_path / "a.jpg")
    joints = [[0.0, 0.0, 0.5]] * 20 + [[0.0, float("nan"), 0.5]]
    entry = {"file": "a.jpg", "fx_fy_cx_cy": [400.0, 400.0, 128.0, 128.0], "joints_camera_m": joints}
    (tmp_path / "joints.json").write_text(json.dumps({"samples": [entry, {"file": "b.jpg"}]}))
    dataset = HandGraphCnn(tmp_path)
    with pytest.raises(DataError, match=r'\["samples"\]\[0\]\["joints_camera_m"\]\[20\]\[1\] must be finite'):
        dataset[0]
    with pytest.raises(DataError, match=r'\["samples"\]\[1\]\["fx_fy_cx_cy"\] is missing'):
        dataset[1]
