"""InterHand2.6M: genuine frames project where they are annotated, and fabricated ones give back the true hands."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p.data import InterHand26M
from a2p.errors import ConfigError, DataError
from a2p.hand import HandModel, HandPair
from tests.data.interhand_folder import annotations, write_interhand
from tests.data.scenes import models, true_hand
from tests.tolerances import DATA_PLACEMENT_M, DATA_PROJECTION_PX


@pytest.fixture
def genuine(shared_data: Path, tmp_path: Path) -> InterHand26M:
    folder = shared_data / "annotated" / "interhand2.6m"
    return InterHand26M(folder, index_folder=tmp_path)


def test_genuine_frames_project_within_a_pixel_of_their_annotated_box(genuine: InterHand26M) -> None:
    assert len(genuine) == 4
    for index in range(len(genuine)):
        sample = genuine[index]
        pixels = torch.cat([hand.keypoints_2d[hand.keypoints_2d_valid] for _, hand in sample.hands]).double().numpy()
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        middle, half = (low + high) / 2, 0.6 * (high - low)  # the published box is the joints' box times 1.2
        assert np.abs(np.concatenate([middle - half, middle + half]) - genuine.published_box(index)).max() < 1e-3


def test_genuine_hands_have_the_sizes_and_chirality_of_hands(genuine: InterHand26M) -> None:
    seen = [hand for index in range(len(genuine)) for hand in genuine[index].hands]
    assert sorted(side for side, _ in seen) == ["left", "left", "left", "right", "right", "right"]
    for side, hand in seen:
        points = hand.keypoints_3d.double()
        assert 0.07 < float((points[9] - points[0]).norm()) < 0.12
        palm_normal = torch.linalg.cross(points[5] - points[0], points[17] - points[0], dim=0)
        fingers = (points[[8, 12, 16, 20]] - points[[5, 9, 13, 17]]).mean(dim=0)
        flexion = float(fingers @ palm_normal / palm_normal.norm())
        if abs(flexion) > 0.03:  # flat fingers do not tell
            assert (flexion > 0) == (side == "right")


def test_genuine_pictures_have_the_annotated_size(genuine: InterHand26M) -> None:
    assert [genuine[index].pixels().shape for index in range(4)] == [(512, 334, 3)] * 3 + [(334, 512, 3)]


def test_joints_and_meshes_come_back_as_they_were_written(tmp_path: Path) -> None:
    dataset = InterHand26M(write_interhand(tmp_path / "data"), models=models(), index_folder=tmp_path / "index")
    assert len(dataset) == 4
    for sample in (dataset[index] for index in range(4)):
        assert len(sample.hands) == (2 if sample.hand_type == "interacting" else 1)
        for side, hand in sample.hands:
            truth = true_hand(side)
            assert np.abs(hand.keypoints_3d.numpy() - truth.keypoints).max() < DATA_PLACEMENT_M
            assert np.abs(hand.keypoints_2d.numpy() - truth.pixels).max() < DATA_PROJECTION_PX
            assert hand.parameters is not None
            assert hand.vertices is not None
            assert np.abs(hand.vertices.numpy() - truth.vertices).max() < DATA_PLACEMENT_M
            assert torch.allclose(hand.parameters.hand_pose, truth.parameters.hand_pose, atol=1e-6)
            covered = dataset[0].pixels()[tuple(hand.keypoints_2d[9].long().flip(0))]
            assert covered.max() > 110, "the middle finger's base lies on the rendered hand, not on the ground"


def test_only_the_annotated_hand_is_there(tmp_path: Path) -> None:
    dataset = InterHand26M(write_interhand(tmp_path / "data"), index_folder=tmp_path / "index")
    assert dataset[1].left is None
    assert dataset[1].right is not None
    assert dataset[1].right.parameters is None, "no model, no placed fit"


def test_subsets_follow_the_list_of_human_annotations(tmp_path: Path) -> None:
    root = write_interhand(tmp_path / "data")
    ids = {
        subset: [dataset[i].id for i in range(len(dataset))]
        for subset in ("all", "human", "machine")
        for dataset in [InterHand26M(root, subset=subset, index_folder=tmp_path)]  # type: ignore[arg-type]
    }
    assert ids == {"all": ["100", "101", "102", "103"], "human": ["100", "102"], "machine": ["101", "103"]}


def test_5_and_30_frames_a_second_lie_side_by_side(tmp_path: Path) -> None:
    slow, fast = annotations(), annotations()
    for number in (1, 3):
        fast["data"]["annotations"][number]["id"] += 1000
    write_interhand(tmp_path / "InterHand2.6M_5fps_batch1", slow)
    write_interhand(tmp_path / "InterHand2.6M_30fps_batch1", fast)
    for fps, ids in ((5, ["100", "101", "102", "103"]), (30, ["100", "1101", "102", "1103"])):
        dataset = InterHand26M(tmp_path, fps=fps, index_folder=tmp_path / "index")
        assert [dataset[index].id for index in range(4)] == ids
        image = dataset[0].image
        assert isinstance(image, Path)
        assert image.is_relative_to(tmp_path / f"InterHand2.6M_{fps}fps_batch1" / "images" / "test")
        assert dataset[0].pixels().shape == (240, 320, 3)


def test_a_pickled_data_set_reads_the_same_without_the_sources(tmp_path: Path) -> None:
    dataset = InterHand26M(write_interhand(tmp_path / "data"), index_folder=tmp_path / "index")
    data = pickle.dumps(dataset)
    assert len(data) < 10_000, "columns travel as paths"
    for path in (tmp_path / "data" / "annotations" / "test").iterdir():
        path.unlink()
    assert torch.equal(pickle.loads(data)[0].right.keypoints_3d, dataset[0].right.keypoints_3d)  # type: ignore[union-attr]


def test_a_joint_that_is_valid_and_not_finite_is_named(tmp_path: Path) -> None:
    content = annotations()
    content["joint_3d"]["5"]["1001"]["world_coord"][7][1] = float("nan")
    dataset = InterHand26M(write_interhand(tmp_path / "data", content), index_folder=tmp_path / "index")
    with pytest.raises(DataError, match=r'joint_3d.json: \["5"\]\["1001"\]\["world_coord"\]\[7\]'):
        dataset[1]
    assert dataset[0].right is not None


def test_a_frame_without_joints_is_named(tmp_path: Path) -> None:
    content = annotations()
    del content["joint_3d"]["5"]["1002"]
    dataset = InterHand26M(write_interhand(tmp_path / "data", content), index_folder=tmp_path / "index")
    with pytest.raises(DataError, match=r'joint_3d.json: \["5"\]\["1002"\]'):
        dataset[2]


@pytest.mark.parametrize("key", ["bbox", "joint_valid", "hand_type"])
def test_a_missing_key_is_named_with_its_file(tmp_path: Path, key: str) -> None:
    content = annotations()
    del content["data"]["annotations"][2][key]
    dataset = InterHand26M(write_interhand(tmp_path / "data", content), index_folder=tmp_path / "index")
    assert [dataset[index].id for index in range(3)] == ["100", "101", "103"]
    with pytest.raises(DataError, match=rf'_data.json: \["annotations"\]\[2\]\["{key}"\]'):
        dataset[3]


def test_a_null_hand_among_the_fits_is_a_hand_without_a_fit(tmp_path: Path) -> None:
    content = annotations()
    content["MANO_NeuralAnnot"]["5"]["1000"]["right"] = None
    dataset = InterHand26M(
        write_interhand(tmp_path / "data", content), models=models(), index_folder=tmp_path / "index"
    )
    sample = dataset[0]
    assert sample.right is not None
    assert sample.right.parameters is None
    assert sample.left is not None
    assert sample.left.parameters is not None


def test_a_cut_annotation_file_is_named(tmp_path: Path) -> None:
    root = write_interhand(tmp_path / "data")
    path = root / "annotations" / "test" / "InterHand2.6M_test_joint_3d.json"
    path.write_text(json.dumps(annotations()["joint_3d"])[:-300])
    with pytest.raises(DataError, match=r"joint_3d.json: \[\"5\"\]\[\"1003\"\]"):
        InterHand26M(root, index_folder=tmp_path / "index")


def test_a_picture_of_another_size_is_of_another_version(tmp_path: Path) -> None:
    content = annotations()
    content["data"]["images"][0]["width"] = 334
    dataset = InterHand26M(write_interhand(tmp_path / "data", content), index_folder=tmp_path / "index")
    with pytest.raises(DataError, match=r"image1000.jpg must be 334 x 240 px as annotated; it is 320 x 240"):
        dataset[0].pixels()


def test_a_damaged_and_a_missing_picture_are_named(tmp_path: Path) -> None:
    dataset = InterHand26M(write_interhand(tmp_path / "data"), index_folder=tmp_path / "index")
    path = dataset[0].image
    assert isinstance(path, Path)
    path.write_bytes(path.read_bytes()[:800])
    with pytest.raises(DataError, match=r"image1000.jpg is damaged"):
        dataset[0].pixels()
    path.unlink()
    with pytest.raises(DataError, match=r"image1000.jpg is missing"):
        dataset[0].pixels()


def test_ids_of_another_version_are_refused(tmp_path: Path) -> None:
    root = write_interhand(tmp_path / "data")
    (root / "annotations" / "test" / "aid_human_annot_test.txt").write_text("100\n999\n")
    with pytest.raises(DataError, match=r"names annotation 999"):
        InterHand26M(root, subset="human", index_folder=tmp_path / "index")


def test_models_with_a_bent_zero_pose_are_refused(tmp_path: Path) -> None:
    bent = HandPair(*(HandModel.load("open", side=side, flat_hand_mean=False) for side in ("right", "left")))
    with pytest.raises(ConfigError, match="flat_hand_mean=True"):
        InterHand26M(write_interhand(tmp_path / "data"), models=bent, index_folder=tmp_path / "index")
