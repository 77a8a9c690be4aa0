"""Every data set in its exact form on disk gives back the hands that it was written from."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p.data import CocoWholeBody, FreiHand, HandDataset, HandLabels, Hic, Ho3d, ReInterHand, Sample
from a2p.data.ply import read_ply_vertices
from a2p.errors import ConfigError, DataError, UnsafeFileError
from a2p.hand.hand_data import Side
from tests.data.folders import write_coco, write_freihand, write_hic, write_ho3d, write_reinterhand
from tests.data.scenes import CAMERA, SIZE, models, true_hand
from tests.tolerances import DATA_PLACEMENT_M, DATA_PROJECTION_PX


def assert_is_true_hand(hand: HandLabels, side: Side, *, meshes: bool = True) -> None:
    truth = true_hand(side)
    assert bool(hand.keypoints_3d_valid.all())
    assert np.abs(hand.keypoints_3d.numpy() - truth.keypoints).max() < DATA_PLACEMENT_M
    assert np.abs(hand.keypoints_2d.numpy() - truth.pixels).max() < DATA_PROJECTION_PX
    if meshes:
        assert hand.vertices is not None
        assert hand.parameters is not None
        assert np.abs(hand.vertices.numpy() - truth.vertices).max() < DATA_PLACEMENT_M
        assert torch.allclose(hand.parameters.hand_pose, truth.parameters.hand_pose, atol=1e-6)


def assert_lies_on_the_picture(sample: Sample, side: Side, hand: HandLabels) -> None:
    """The labelled hand covers pixels of its own colour, not of the ground."""
    pixels = sample.pixels().astype(np.int64)
    columns, rows = hand.keypoints_2d[[5, 9, 13]].long().unbind(-1)
    red, _, blue = pixels[rows, columns].T
    assert ((red > blue + 20) if side == "right" else (blue > red + 20)).all()


def test_freihand_has_every_sample_in_four_versions(tmp_path: Path) -> None:
    dataset: HandDataset = FreiHand(write_freihand(tmp_path), models=models(), index_folder=tmp_path / "index")
    assert len(dataset) == 8
    assert [dataset[index].id for index in (0, 1, 2, 7)] == [
        "00000000-gs",
        "00000001-gs",
        "00000000-hom",
        "00000001-auto",
    ]
    sample = dataset[7]
    assert sample.image == tmp_path / "training" / "rgb" / f"{3 * 32560 + 1:08d}.jpg"
    assert sample.right is not None
    assert_is_true_hand(sample.right, "right")
    assert sample.pixels().shape == (224, 224, 3)
    assert_lies_on_the_picture(sample, "right", sample.right)


def test_freihand_takes_vertices_from_their_file_where_it_is_there(tmp_path: Path) -> None:
    root = write_freihand(tmp_path)
    (root / "training_verts.json").write_text(json.dumps([[[1.0, 2.0, 3.0]] * 778] * 2))
    hand = FreiHand(root, index_folder=tmp_path / "index")[0].right
    assert hand is not None
    assert hand.vertices is not None
    assert hand.vertices.shape == (778, 3)
    assert hand.parameters is None


def test_freihand_files_of_different_versions_are_refused(tmp_path: Path) -> None:
    root = write_freihand(tmp_path)
    xyz = json.loads((root / "training_xyz.json").read_text())
    (root / "training_xyz.json").write_text(json.dumps(xyz[:1]))
    with pytest.raises(DataError, match=r"training_K.json.*as many entries; got .*'xyz': 1"):
        FreiHand(root, index_folder=tmp_path / "index")
    with pytest.raises(ConfigError, match="versions must be some of"):
        FreiHand(root, versions=("v2",), index_folder=tmp_path / "index")


def test_freihand_names_a_null_entry(tmp_path: Path) -> None:
    root = write_freihand(tmp_path)
    xyz = json.loads((root / "training_xyz.json").read_text())
    (root / "training_xyz.json").write_text(json.dumps([xyz[0], None]))
    dataset = FreiHand(root, index_folder=tmp_path / "index")
    with pytest.raises(DataError, match=r"training_xyz.json: \[1\] must be 21 x 3 numbers: it is null"):
        dataset[1]


def test_freihands_evaluation_split_may_have_no_labels(tmp_path: Path) -> None:
    root = write_freihand(tmp_path, split="evaluation")
    dataset = FreiHand(root, split="evaluation", index_folder=tmp_path / "index")
    assert len(dataset) == 2
    hand = dataset[0].right
    assert hand is not None
    assert not hand.is_annotated
    assert dataset[0].boxes == [("right", (0.0, 0.0, 224.0, 224.0))]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_ho3d_turns_opengl_axes_and_reads_pickles_inertly(tmp_path: Path, suffix: str, protocol: int) -> None:
    root = write_ho3d(tmp_path, suffix=suffix, protocol=protocol)
    sample = Ho3d(root, models=models(), index_folder=tmp_path / "index")[1]
    assert sample.id == "ABF10/0001"
    assert sample.right is not None
    assert_is_true_hand(sample.right, "right")
    assert isinstance(sample.image, Path)
    assert sample.image.suffix == suffix
    assert sample.camera is not None
    assert sample.camera.cx == pytest.approx(CAMERA.cx)
    assert_lies_on_the_picture(sample, "right", sample.right)


def test_ho3ds_evaluation_split_knows_the_wrist_and_a_box(tmp_path: Path) -> None:
    dataset = Ho3d(write_ho3d(tmp_path, split="evaluation"), split="evaluation", index_folder=tmp_path / "index")
    hand = dataset[0].right
    assert hand is not None
    assert hand.keypoints_3d_valid.tolist() == [True] + [False] * 20
    assert np.abs(hand.keypoints_3d[0].numpy() - true_hand("right").keypoints[0]).max() < DATA_PLACEMENT_M
    assert hand.box_xyxy_px == (10.0, 20.0, 300.0, 200.0)


def test_ho3ds_published_evaluation_truth_is_used(tmp_path: Path) -> None:
    root = write_ho3d(tmp_path, split="evaluation", with_truth=True)
    hand = Ho3d(root, split="evaluation", index_folder=tmp_path / "index")[0].right
    assert hand is not None
    assert_is_true_hand(hand, "right", meshes=False)
    assert hand.vertices is not None
    assert np.abs(hand.vertices.numpy() - true_hand("right").vertices).max() < DATA_PLACEMENT_M


def test_ho3d_names_the_frame_without_a_hand_and_refuses_code(tmp_path: Path) -> None:
    dataset = Ho3d(write_ho3d(tmp_path), index_folder=tmp_path / "index")
    path = tmp_path / "train" / "ABF10" / "meta" / "0000.pkl"
    path.write_bytes(pickle.dumps({"camMat": np.eye(3), "handJoints3D": None}))
    with pytest.raises(DataError, match=r'0000.pkl: \["handJoints3D"\] is missing or null'):
        dataset[0]
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UnsafeFileError, match=r"os.system|posix.system"):
        dataset[0]
    path.write_bytes(b"\x80\x04K")
    with pytest.raises(DataError, match=r"0000.pkl is not a readable pickle"):
        dataset[0]
    path.unlink()
    with pytest.raises(DataError, match=r"0000.pkl cannot be read"):
        dataset[0]


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_hic_has_meshes_and_no_joints(tmp_path: Path, form: str) -> None:
    dataset = Hic(write_hic(tmp_path, form=form), index_folder=tmp_path / "index")
    assert [dataset[index].hand_type for index in range(2)] == ["interacting", "left"]
    sample = dataset[0]
    for side, hand in sample.hands:
        assert hand.vertices is not None
        assert np.abs(hand.vertices.numpy() - true_hand(side).vertices[:778]).max() < 1e-6
        assert not hand.keypoints_3d_valid.any()
        assert hand.box_xyxy_px is not None
        columns, rows = sample.project(hand.vertices).long().unbind(-1)
        pixels = sample.pixels()[rows, columns].astype(np.int64)
        own = pixels[:, 0] > pixels[:, 2] + 20 if side == "right" else pixels[:, 2] > pixels[:, 0] + 20
        assert own.mean() > 0.9, "mesh vertices lie on the hand's picture, a few on its outline"
    assert dataset[1].right is None
    assert sample.camera is not None
    assert (sample.camera.cx, sample.camera.cy) == (320.0, 240.0), "in a2p's pixels, 640 x 480 has its centre there"


def test_a_cut_mesh_is_named(tmp_path: Path) -> None:
    dataset = Hic(write_hic(tmp_path, form="binary_little_endian"), index_folder=tmp_path / "index")
    path = tmp_path / "meshes" / "0_right.ply"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"0_right.ply is no readable PLY mesh: it has \d+ bytes for 778 vertices"):
        dataset[0]
    path.write_bytes(b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nend_header\n1 2\n")
    with pytest.raises(DataError, match="'z' is not in list"):
        dataset[0]


def test_ply_properties_may_come_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "mesh.ply"
    header = "ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty uchar red\nproperty double z\n"
    header += "property float x\nproperty float y\nelement face 0\nproperty list uchar int vertex_indices\nend_header\n"
    path.write_bytes(header.encode() + struct.pack("<BdffBdff", 7, 3.0, 1.0, 2.0, 8, 6.0, 4.0, 5.0))
    assert read_ply_vertices(path).tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_reinterhand_splits_by_capture_and_lists_its_pictures(tmp_path: Path) -> None:
    root = write_reinterhand(tmp_path)
    test = ReInterHand(root, models=models(), index_folder=tmp_path / "index")
    train = ReInterHand(root, split="train", index_folder=tmp_path / "index")
    assert (len(test), len(train)) == (4, 4)
    assert test[0].id.split("/")[1:] == ["400001", "000012"]
    sample = test[3]
    for side, hand in sample.hands:
        assert_is_true_hand(hand, side)
        assert_lies_on_the_picture(sample, side, hand)


def test_reinterhand_sees_a_new_picture(tmp_path: Path) -> None:
    root = write_reinterhand(tmp_path)
    dataset = ReInterHand(root, index_folder=tmp_path / "index")
    image = dataset[0].image
    assert isinstance(image, Path)
    image.with_name("000099.png").write_bytes(image.read_bytes())
    assert len(ReInterHand(root, index_folder=tmp_path / "index")) == 5


def test_reinterhands_headset_has_a_fisheye_lens_and_leaves_cut_hands_out(tmp_path: Path) -> None:
    root = write_reinterhand(tmp_path)
    dataset = ReInterHand(root, view="ego", models=models(), index_folder=tmp_path / "index")
    assert [dataset[index].id.split("/")[1:] for index in range(len(dataset))] == [["ego", "000012"]]
    sample = dataset[0]
    assert sample.fisheye is not None
    for side, hand in sample.hands:
        truth = torch.from_numpy(true_hand(side).keypoints)
        assert np.abs(hand.keypoints_3d.numpy() - truth.numpy()).max() < DATA_PLACEMENT_M
        assert torch.allclose(hand.keypoints_2d.double(), sample.project(truth), atol=1e-3)
        straight = CAMERA.project(truth)
        assert float((hand.keypoints_2d - straight).norm(dim=-1).max()) > 1.0, "the lens bends"


def test_a_fisheye_without_coefficients_is_equidistant() -> None:
    from a2p.data.fisheye import Fisheye

    lens, angle = Fisheye(0.0, 0.0, 0.0, 0.0), torch.tensor([0.0, 0.3, 1.2], dtype=torch.float64)
    points = torch.stack([angle.sin(), torch.zeros(3), angle.cos()], dim=-1)
    assert torch.allclose(lens.project(points, CAMERA)[:, 0], CAMERA.cx + CAMERA.fx * angle)


def test_reinterhand_without_captures_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no capture \(m--\*\) of split 'test'"):
        ReInterHand(tmp_path, index_folder=tmp_path)


def test_coco_gives_people_whose_hands_are_annotated(tmp_path: Path) -> None:
    dataset = CocoWholeBody(write_coco(tmp_path), models=models(), index_folder=tmp_path / "index")
    assert [dataset[index].id for index in range(len(dataset))] == ["31", "33"], "32 is a crowd, 34 has no valid hand"
    sample = dataset[0]
    assert sample.hand_type == "interacting"
    for side, hand in sample.hands:
        truth = true_hand(side)
        assert np.abs(hand.keypoints_2d[1:].numpy() - truth.pixels[1:]).max() < 1e-3
        assert hand.keypoints_2d_valid.tolist() == [False] + [True] * 20
        assert hand.camera is not None
        assert hand.vertices is not None
        pixels = hand.camera.project(hand.vertices.double())
        assert (
            np.abs(pixels.numpy() - CAMERA.project(torch.from_numpy(truth.vertices)).numpy()).max() < DATA_PROJECTION_PX
        )
        assert_lies_on_the_picture(sample, side, hand)
    assert dataset[1].right is None
    with pytest.raises(DataError, match="has no camera"):
        sample.project(torch.ones(1, 3))


def test_genuine_coco_hands_lie_in_their_boxes(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "annotated" / "coco_wholebody"
    dataset = CocoWholeBody(folder, index_folder=tmp_path)
    seen = [(sample, hand) for sample in (dataset[i] for i in range(len(dataset))) for _, hand in sample.hands]
    assert len(dataset) == 7
    assert len(seen) == 10
    for sample, hand in seen:
        assert hand.box_xyxy_px is not None
        x0, y0, x1, y1 = hand.box_xyxy_px
        points = hand.keypoints_2d[hand.keypoints_2d_valid]
        assert len(points) >= 5
        slack = 0.25 * max(x1 - x0, y1 - y0)  # people drew boxes and keypoints apart: up to 4.5 px outside
        low, high = torch.tensor([x0, y0]) - slack, torch.tensor([x1, y1]) + slack
        assert bool(((points >= low) & (points <= high)).all())
        assert x0 < float(points[:, 0].mean()) < x1
        assert y0 < float(points[:, 1].mean()) < y1
        assert sample.size_px is not None
        assert sample.pixels().shape[:2] == sample.size_px[::-1]


def test_boxes_stay_in_the_picture(tmp_path: Path) -> None:
    for sample in (ReInterHand(write_reinterhand(tmp_path), index_folder=tmp_path / "index")[i] for i in range(4)):
        for _, (x0, y0, x1, y1) in sample.boxes:
            assert 0 <= x0 < x1 <= SIZE[0]
            assert 0 <= y0 < y1 <= SIZE[1]
