"""Broken annotations and pictures of every kind in every data set: file and key are named, and reading goes on."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from a2p.data import CocoWholeBody, FreiHand, HandDataset, HandGraphCnn, Hic, Ho3d, InterHand26M, ReInterHand
from a2p.data.reading import LoadedSample, SampleReader
from a2p.data.reinterhand import TEST_CAPTURES
from a2p.errors import DataError
from tests.data.folders import write_coco, write_freihand, write_hic, write_ho3d, write_reinterhand
from tests.data.interhand_folder import write_interhand
from tests.data.scenes import models, picture, true_hand

NAN = float("nan")
IH = "annotations/test/InterHand2.6M_test_"
IH_PICTURES = "images/test/Capture5/0007_test/cam400001"
COCO = "annotations/coco_wholebody_val_v1.0.json"
COCO_FITS = "annotations/MSCOCO_val_MANO_NeuralAnnot.json"
RE = TEST_CAPTURES[0]
RE_JOINTS = f"{RE}/orig_fits/left/Keypoints/keypoint-000013.json"

Damage = Callable[[Path], None]


def write_hand_graph_cnn(root: Path) -> Path:
    """Three pictures of the left hand."""
    joints = true_hand("left").keypoints.tolist()
    samples = []
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        picture("left").resize((256, 256)).save(root / name)
        samples.append({"file": name, "fx_fy_cx_cy": [300.0, 400.0, 128.0, 128.0], "joints_camera_m": joints})
    (root / "joints.json").write_text(json.dumps({"order": "wrist first", "unit": "m", "samples": samples}))
    return root


def open_interhand(root: Path) -> HandDataset:
    return InterHand26M(root, models=models(), index_folder=root / "index")


def open_freihand(root: Path) -> HandDataset:
    return FreiHand(root, versions=("hom",), models=models(), index_folder=root / "index")


def open_ho3d(root: Path) -> HandDataset:
    return Ho3d(root, models=models(), index_folder=root / "index")


def open_evaluated_ho3d(root: Path) -> HandDataset:
    return Ho3d(root, split="evaluation", index_folder=root / "index")


def open_reinterhand(root: Path) -> HandDataset:
    return ReInterHand(root, models=models(), index_folder=root / "index")


def open_coco(root: Path) -> HandDataset:
    return CocoWholeBody(root, models=models(), index_folder=root / "index")


def open_hic(root: Path) -> HandDataset:
    return Hic(root, index_folder=root / "index")


def write_both_freihand(root: Path) -> Path:
    write_freihand(root)
    folder = root / "training" / "rgb"
    (folder / "00032560.jpg").write_bytes((folder / "00032561.jpg").read_bytes())
    return root


def write_evaluated_ho3d(root: Path) -> Path:
    return write_ho3d(root, split="evaluation", with_truth=True)


SETS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], HandDataset]]] = {
    "interhand": (write_interhand, open_interhand),
    "freihand": (write_both_freihand, open_freihand),
    "ho3d": (write_ho3d, open_ho3d),
    "ho3d-evaluation": (write_evaluated_ho3d, open_evaluated_ho3d),
    "reinterhand": (write_reinterhand, open_reinterhand),
    "coco": (write_coco, open_coco),
    "hic": (write_hic, open_hic),
    "hand_graph_cnn": (write_hand_graph_cnn, HandGraphCnn),
}


def removed(name: str) -> Damage:
    return lambda root: (root / name).unlink()


def cut(name: str, share: float = 0.5) -> Damage:
    """Leaves the first part of a file."""

    def damage(root: Path) -> None:
        data = (root / name).read_bytes()
        (root / name).write_bytes(data[: int(share * len(data))])

    return damage


def altered(name: str, *keys: str | int, value: Any) -> Damage:
    """Puts another value into a JSON file; `...` takes the key away."""

    def damage(root: Path) -> None:
        content = place = json.loads((root / name).read_text())
        for key in keys[:-1]:
            place = place[key]
        if value is ...:
            del place[keys[-1]]
        else:
            place[keys[-1]] = value
        (root / name).write_text(json.dumps(content))

    return damage


def pickled(name: str, **changes: Any) -> Damage:
    def damage(root: Path) -> None:
        fields = pickle.loads((root / name).read_bytes())
        (root / name).write_bytes(pickle.dumps({**fields, **changes}))

    return damage


def resized(name: str) -> Damage:
    return lambda root: picture("right").resize((100, 60)).save(root / name)


@dataclass(frozen=True)
class Case:
    """One entry or picture that is broken; the others of its set are not."""

    dataset: str
    damage: Damage
    words: tuple[str, ...]
    """What the error says: file, then key."""


JOINTS = np.full((21, 3), 0.1).tolist()
LOST = [[0.1, NAN, 0.1], *JOINTS[1:]]
ONE_SAMPLE = [
    Case("interhand", removed(f"{IH_PICTURES}/image1001.jpg"), ("image1001.jpg",)),
    Case("interhand", cut(f"{IH_PICTURES}/image1001.jpg"), ("image1001.jpg", "damaged")),
    Case("interhand", resized(f"{IH_PICTURES}/image1001.jpg"), ("image1001.jpg", "of different versions")),
    Case("interhand", altered(f"{IH}joint_3d.json", "5", "1001", value=None), ("joint_3d.json", '["5"]["1001"]')),
    Case(
        "interhand",
        altered(f"{IH}joint_3d.json", "5", "1001", "world_coord", value=None),
        ("joint_3d.json", '["5"]["1001"]["world_coord"]', "null"),
    ),
    Case(
        "interhand",
        altered(f"{IH}joint_3d.json", "5", "1001", "world_coord", 3, 0, value=NAN),
        ("joint_3d.json", '["5"]["1001"]["world_coord"][3]'),
    ),
    Case(
        "interhand",
        altered(f"{IH}joint_3d.json", "5", "1001", value=...),
        ("joint_3d.json", '["5"]["1001"]', "missing"),
    ),
    Case(
        "interhand",
        altered(f"{IH}data.json", "annotations", 1, "joint_valid", value=...),
        ("_data.json", '["annotations"][1]["joint_valid"]'),
    ),
    Case(
        "interhand",
        altered(f"{IH}data.json", "annotations", 1, "hand_type", value=None),
        ("_data.json", '["annotations"][1]["hand_type"]'),
    ),
    Case(
        "interhand",
        altered(f"{IH}MANO_NeuralAnnot.json", "5", "1001", "right", "pose", 7, value=NAN),
        ("MANO_NeuralAnnot.json", '["5"]["1001"]["right"]["pose"][7]'),
    ),
    Case("freihand", removed("training/rgb/00032561.jpg"), ("00032561.jpg", "missing")),
    Case("freihand", cut("training/rgb/00032561.jpg"), ("00032561.jpg", "damaged")),
    Case("freihand", altered("training_xyz.json", 1, value=None), ("training_xyz.json", "[1]", "null")),
    Case("freihand", altered("training_xyz.json", 1, value=LOST), ("training_xyz.json", "[1][0][1]", "nan")),
    Case("freihand", altered("training_mano.json", 1, value=[[0.0] * 58]), ("training_mano.json", "[1]", "61")),
    Case("ho3d", removed("train/ABF10/rgb/0001.jpg"), ("0001", "missing")),
    Case("ho3d", cut("train/ABF10/rgb/0001.jpg"), ("0001.jpg", "damaged")),
    Case("ho3d", removed("train/ABF10/meta/0001.pkl"), ("0001.pkl", "cannot be read")),
    Case("ho3d", cut("train/ABF10/meta/0001.pkl"), ("0001.pkl", "pickle")),
    Case("ho3d", pickled("train/ABF10/meta/0001.pkl", handJoints3D=None), ("0001.pkl", '["handJoints3D"]', "null")),
    Case(
        "ho3d",
        pickled("train/ABF10/meta/0001.pkl", handJoints3D=np.array(LOST)),
        ("0001.pkl", '["handJoints3D"][0][1]'),
    ),
    Case("ho3d", pickled("train/ABF10/meta/0001.pkl", handPose=np.zeros(45)), ("0001.pkl", '["handPose"]', "48")),
    Case("ho3d-evaluation", altered("evaluation_xyz.json", 1, value=None), ("evaluation_xyz.json", "[1]", "null")),
    Case(
        "ho3d-evaluation",
        altered("evaluation_verts.json", 1, 5, 2, value=NAN),
        ("evaluation_verts.json", "[1][5][2]"),
    ),
    Case(
        "reinterhand",
        lambda root: (root / RE / "orig_fits" / "left" / "Keypoints" / "keypoint-000013.json").unlink(),
        ("keypoint-000013.json", "cannot be read"),
    ),
    Case("reinterhand", cut(RE_JOINTS), ("keypoint-000013.json", "cut")),
    Case("reinterhand", altered(RE_JOINTS, 3, value=None), ("keypoint-000013.json", "24 x 3 numbers")),
    Case("reinterhand", altered(RE_JOINTS, 4, 1, value=NAN), ("keypoint-000013.json", "[4][1]")),
    Case(
        "reinterhand",
        altered(f"{RE}/mano_fits/params/13_right.json", "pose", value=None),
        ("13_right.json", '["pose"]', "null"),
    ),
    Case("coco", altered(COCO, "annotations", 0, "lefthand_kpts", value=None), (COCO, '[0]["lefthand_kpts"]', "null")),
    Case("coco", altered(COCO, "annotations", 0, "lefthand_kpts", 4, value=NAN), (COCO, '[0]["lefthand_kpts"][1][1]')),
    Case("coco", altered(COCO, "annotations", 0, "righthand_box", value=...), (COCO, '[0]["righthand_box"]')),
    Case(
        "coco",
        altered(COCO_FITS, "31", "left", "mano_param", "shape", 2, value=NAN),
        (COCO_FITS, '["31"]["left"]["mano_param"]["shape"][2]'),
    ),
    Case("hic", removed("1.png"), ("1.png", "missing")),
    Case("hic", cut("1.png"), ("1.png", "damaged")),
    Case("hic", removed("meshes/0_right.ply"), ("0_right.ply", "cannot be read")),
    Case("hic", cut("meshes/0_right.ply"), ("0_right.ply", "PLY")),
    Case(
        "hic",
        altered("HIC.json", "annotations", 1, "left_mano_path", value=None),
        ("HIC.json", '["annotations"][1]["left_mano_path"]', "null"),
    ),
    Case(
        "hic",
        altered("HIC.json", "annotations", 1, "hand_type", value="both"),
        ("HIC.json", '["annotations"][1]["hand_type"]'),
    ),
    Case("hand_graph_cnn", removed("b.jpg"), ("b.jpg", "missing")),
    Case("hand_graph_cnn", cut("b.jpg"), ("b.jpg", "damaged")),
    Case("hand_graph_cnn", resized("b.jpg"), ("b.jpg", "of different versions")),
    Case(
        "hand_graph_cnn",
        altered("joints.json", "samples", 1, "joints_camera_m", value=None),
        ("joints.json", '["samples"][1]["joints_camera_m"]', "null"),
    ),
    Case(
        "hand_graph_cnn",
        altered("joints.json", "samples", 1, "joints_camera_m", 4, 2, value=NAN),
        ("joints.json", '["samples"][1]["joints_camera_m"][4][2]'),
    ),
]
WHOLE_FILE = [
    Case("interhand", cut(f"{IH}joint_3d.json", 0.9), ("joint_3d.json", '["5"]["1003"]')),
    Case("interhand", removed(f"{IH}camera.json"), ("_camera.json", "cannot be read")),
    Case("interhand", altered(f"{IH}camera.json", "5", "focal", value=...), ("_camera.json", '["5"]["focal"]')),
    Case("freihand", cut("training_xyz.json", 0.9), ("training_xyz.json", "[1]")),
    Case("freihand", removed("training_K.json"), ("training_K.json", "cannot be read")),
    Case("freihand", altered("training_xyz.json", 1, value=...), ("training_K.json", "'xyz': 1")),
    Case("ho3d", removed("train.txt"), ("train.txt", "cannot be read")),
    Case("ho3d", lambda root: (root / "train.txt").write_text("ABF10/0000 0001") and None, ("train.txt", "'0001'")),
    Case("ho3d-evaluation", cut("evaluation_xyz.json", 0.9), ("evaluation_xyz.json", "[1]")),
    Case("ho3d-evaluation", altered("evaluation_xyz.json", 1, value=...), ("evaluation_xyz.json", "it has 1")),
    Case("reinterhand", altered(f"{RE}/Mugsy_cameras/cam_params.json", "400002", value=...), ("cam_params", "400002")),
    Case("reinterhand", cut(f"{RE}/Mugsy_cameras/cam_params.json", 0.4), ("cam_params.json", '["400001"]')),
    Case("coco", cut(COCO, 0.7), (COCO, "annotations")),
    Case("coco", removed(COCO), (COCO, "cannot be read")),
    Case("coco", altered(COCO, "images", value=...), (COCO, "'images'")),
    Case("hic", cut("HIC.json", 0.9), ("HIC.json", '["annotations"][1]')),
    Case("hic", altered("HIC.json", "annotations", 0, "image_id", value=77), ("HIC.json", "image 77")),
    Case("hand_graph_cnn", cut("joints.json"), ("joints.json", '["samples"]')),
    Case("hand_graph_cnn", altered("joints.json", "samples", value=...), ("joints.json", '["samples"]')),
]


def read(case: Case, folder: Path, *, skip_broken: bool) -> tuple[int, SampleReader, list[LoadedSample]]:
    """Returns how many samples there are, the reader, and what could be read."""
    write, open_set = SETS[case.dataset]
    write(folder)
    case.damage(folder)
    reader = SampleReader(open_set(folder), skip_broken=skip_broken)
    return len(reader.dataset), reader, list(reader.read())


@pytest.mark.parametrize("case", ONE_SAMPLE, ids=lambda case: f"{case.dataset}: {' '.join(case.words)}")
def test_a_broken_sample_is_named_and_the_others_are_read(tmp_path: Path, case: Case) -> None:
    for folder in ("strict", "patient"):
        (tmp_path / folder).mkdir()
    with pytest.raises(DataError) as caught:
        read(case, tmp_path / "strict", skip_broken=False)
    for word in case.words:
        assert word in str(caught.value)
    count, reader, loaded = read(case, tmp_path / "patient", skip_broken=True)
    assert count - len(loaded) == len(reader.broken) >= 1
    assert loaded, "what is not broken is read"
    for broken in reader.broken:
        for word in case.words:
            assert word in broken.reason


@pytest.mark.parametrize("case", WHOLE_FILE, ids=lambda case: f"{case.dataset}: {' '.join(case.words)}")
def test_a_broken_annotation_file_is_named_with_its_key(tmp_path: Path, case: Case) -> None:
    with pytest.raises(DataError) as caught:
        read(case, tmp_path, skip_broken=False)
    for word in case.words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", sorted(SETS))
def test_what_is_not_broken_is_read_to_the_last_sample(tmp_path: Path, name: str) -> None:
    count, reader, loaded = read(Case(name, lambda _: None, ()), tmp_path, skip_broken=True)
    assert count == len(loaded) >= 2
    assert not reader.broken


def test_annotations_that_are_all_broken_are_of_another_version(tmp_path: Path) -> None:
    write_interhand(tmp_path)
    for number in range(4):
        altered(f"{IH}data.json", "annotations", number, "bbox", value=...)(tmp_path)
    with pytest.raises(DataError, match=r'\["annotations"\]\[0\]\["bbox"\] is missing. The file is of another version'):
        open_interhand(tmp_path)


def test_a_broken_annotation_belongs_to_the_subset_that_names_it(tmp_path: Path) -> None:
    write_interhand(tmp_path)
    altered(f"{IH}data.json", "annotations", 2, "bbox", value=...)(tmp_path)
    sizes = {}
    for subset in ("all", "human", "machine"):
        dataset = InterHand26M(tmp_path, subset=subset, index_folder=tmp_path / "index")  # type: ignore[arg-type]
        reader = SampleReader(dataset, skip_broken=True)
        sizes[subset] = (len(list(reader.read())), len(reader.broken))
    assert sizes == {"all": (3, 1), "human": (1, 1), "machine": (2, 0)}
