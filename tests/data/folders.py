"""Data sets as they lie on disk, fabricated from the true hands."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from a2p.data.hic import CAMERA as HIC_CAMERA
from a2p.data.joint_orders import MANO_WITH_TIPS, REINTERHAND
from a2p.data.reinterhand import TEST_CAPTURES
from tests.data.scenes import CAMERA, ROTATION, SIZE, TRANSLATION, TrueHand, picture, true_hand

INTRINSICS = [[CAMERA.fx, 0.0, CAMERA.cx - 0.5], [0.0, CAMERA.fy, CAMERA.cy - 0.5], [0.0, 0.0, 1.0]]
OPENGL = np.diag([1.0, -1.0, -1.0])


def write_freihand(root: Path, split: str = "training") -> Path:
    """Two samples of the right hand; pictures of all four versions of the second."""
    fit = true_hand("right").mano(world=False, flat_hand_mean=False)
    mano = [*fit["pose"], *fit["shape"], 100.0, 110.0, 700.0]
    (root / f"{split}_K.json").write_text(json.dumps([INTRINSICS] * 2))
    if split == "training":
        (root / "training_mano.json").write_text(json.dumps([[mano]] * 2))
        (root / "training_xyz.json").write_text(json.dumps([true_hand("right").keypoints.tolist()] * 2))
    folder = root / split / "rgb"
    folder.mkdir(parents=True)
    for version in range(4):
        picture("right").crop((0, 0, 224, 224)).save(folder / f"{32560 * version + 1:08d}.jpg", quality=95)
    return root


def write_ho3d(
    root: Path, *, split: str = "train", suffix: str = ".jpg", protocol: int = 2, with_truth: bool = False
) -> Path:
    """Two frames of the right hand; the evaluation split has the wrist and a box."""
    hand = true_hand("right")
    fit = _opengl_fit(hand)
    joints = np.zeros((21, 3))
    joints[list(MANO_WITH_TIPS)] = hand.keypoints @ OPENGL
    fields: dict[str, Any] = {"camMat": np.array(INTRINSICS), "objName": "021_bleach_cleanser", "objLabel": 12}
    if split == "train":
        fields |= {
            "handPose": fit[0],
            "handTrans": fit[1],
            "handJoints3D": joints,
            "handVertContact": np.zeros(778, bool),
        }
        fields["handBeta"] = hand.parameters.betas.double().numpy()
    else:
        fields |= {"handJoints3D": joints[0], "handBoundingBox": [10, 20, 300, 200]}
    for frame in ("0000", "0001"):
        folder = root / split / "ABF10"
        for part in ("rgb", "meta"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "meta" / f"{frame}.pkl").write_bytes(pickle.dumps(fields, protocol=protocol))
        picture("right", size=(640, 480)).save(folder / "rgb" / f"{frame}{suffix}")
    (root / f"{split}.txt").write_text("ABF10/0000\nABF10/0001\n")
    if with_truth:
        (root / "evaluation_xyz.json").write_text(json.dumps([joints.tolist()] * 2))
        (root / "evaluation_verts.json").write_text(json.dumps([(hand.vertices @ OPENGL).tolist()] * 2))
    return root


def write_hic(root: Path, *, form: str = "ascii") -> Path:
    """A picture of both hands and one of the left; meshes are the true hands' first 778 vertices."""
    (root / "meshes").mkdir()
    images = [{"id": i, "width": 640, "height": 480, "file_name": f"{i}.png"} for i in range(2)]
    for side in ("right", "left"):
        _write_ply(root / "meshes" / f"0_{side}.ply", true_hand(side).vertices[:778], form)
    for image in images:
        picture("right", "left", camera=HIC_CAMERA, size=(640, 480)).save(root / str(image["file_name"]))
    annotations = [
        {
            "id": 5,
            "image_id": 0,
            "hand_type": "interacting",
            "right_mano_path": "meshes/0_right.ply",
            "left_mano_path": "meshes/0_left.ply",
        },
        {"id": 6, "image_id": 1, "hand_type": "left", "right_mano_path": None, "left_mano_path": "meshes/0_left.ply"},
    ]
    (root / "HIC.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return root


def write_reinterhand(root: Path) -> Path:
    """A capture of either split with two cameras and two frames, and a headset whose second frame is cut."""
    for capture in (TEST_CAPTURES[0], "m--20210701--1058--0000000--pilot--relightablehandsy--participant0--two-hands"):
        _write_capture(root / capture)
    return root


def write_coco(root: Path) -> Path:
    """A person with two hands, a crowd, one with a left hand, one without hands; fits of both hands of the first."""
    (root / "annotations").mkdir()
    (root / "images" / "val2017").mkdir(parents=True)
    picture("right", "left").save(root / "images" / "val2017" / "000000000007.jpg", quality=95)
    people = [
        _person(31, right=True, left=True),
        _person(32, right=True, left=True) | {"iscrowd": 1},
        _person(33, right=False, left=True),
        _person(34, right=False, left=False),
    ]
    image = {"id": 7, "width": SIZE[0], "height": SIZE[1], "file_name": "000000000007.jpg"}
    content = {"annotations": people, "images": [image]}  # annotations may come first
    (root / "annotations" / "coco_wholebody_val_v1.0.json").write_text(json.dumps(content))
    camera = {"focal": [CAMERA.fx, CAMERA.fy], "princpt": [CAMERA.cx - 0.5, CAMERA.cy - 0.5]}
    fits = {
        side: {"mano_param": true_hand(side).mano(world=False, flat_hand_mean=False), "cam_param": camera}
        for side in ("right", "left")
    }
    content = {"33": {"right": None, "left": fits["left"]}, "31": fits}
    (root / "annotations" / "MSCOCO_val_MANO_NeuralAnnot.json").write_text(json.dumps(content))
    return root


def _write_capture(folder: Path) -> None:
    studio, ego = folder / "Mugsy_cameras", folder / "Ego_cameras" / "envmap_per_frame"
    pose = {"R": ROTATION.tolist(), "t": (1e3 * TRANSLATION).tolist()}
    camera = {**pose, "focal": [CAMERA.fx, CAMERA.fy], "princpt": [CAMERA.cx - 0.5, CAMERA.cy - 0.5]}
    for frame in (12, 13):
        for side in ("right", "left"):
            hand = true_hand(side)
            joints = np.zeros((24, 3))
            joints[list(REINTERHAND)] = 1e3 * hand.world_keypoints
            _write_json(folder / "orig_fits" / side / "Keypoints" / f"keypoint-{frame:06d}.json", joints.tolist())
            fit = hand.mano(world=True, flat_hand_mean=False)
            _write_json(folder / "mano_fits" / "params" / f"{frame}_{side}.json", fit)
        for name in ("400001", "400002"):
            _save(picture("right", "left"), studio / "envmap_per_frame" / "images" / name / f"{frame:06d}.png")
        _save(picture("right", "left"), ego / "images" / f"{frame:06d}.png")
        _write_json(ego / "cam_params" / f"{frame:06d}.json", {**camera, "D": [0.1, -0.02, 0.003, 0.0]})
    _write_json(studio / "cam_params.json", dict.fromkeys(("400001", "400002"), camera))
    _write_json(ego / "truncation_ratio.json", {"000012": 0.9, "000013": 0.1})
    (folder / "frame_list.txt").write_text("seq 12\nseq 13\n")


def _person(number: int, *, right: bool, left: bool) -> dict[str, Any]:
    person: dict[str, Any] = {"id": number, "image_id": 7, "iscrowd": 0, "num_keypoints": 17, "bbox": [0, 0, 9, 9]}
    for side, there in (("right", right), ("left", left)):
        keypoints = np.zeros((21, 3))
        box = [0.0] * 4
        if there:
            keypoints[1:, :2] = true_hand(side).pixels[1:] - 0.5  # type: ignore[arg-type]
            keypoints[1:, 2] = 0.8
            low, high = keypoints[1:, :2].min(axis=0), keypoints[1:, :2].max(axis=0)
            box = [*low, *(high - low)]
        person |= {f"{side}hand_valid": there, f"{side}hand_kpts": keypoints.ravel().tolist(), f"{side}hand_box": box}
    return person


def _opengl_fit(hand: TrueHand) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The pose and translation of the hand in OpenGL's axes."""
    import torch

    from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat
    from tests.data.scenes import models

    orient = torch.from_numpy(OPENGL) @ rotmat_from_rotvec(hand.parameters.global_orient.double())
    wrist = models().right.rest_joints(hand.parameters.betas)[0].double().numpy()
    trans = OPENGL @ (wrist + hand.parameters.transl.double().numpy()) - wrist
    pose = np.concatenate([rotvec_from_rotmat(orient).numpy(), hand.parameters.hand_pose.double().numpy().ravel()])
    return pose, trans


def _write_ply(path: Path, vertices: npt.NDArray[np.float64], form: str) -> None:
    header = f"ply\nformat {form} 1.0\ncomment made by a test\nelement vertex {len(vertices)}\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "element face 1\n"
    header += "property list uchar int vertex_indices\nend_header\n"
    if form == "ascii":
        body = "".join(f"{x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in vertices) + "3 0 1 2\n"
        path.write_text(header + body)
        return
    order = "<" if form == "binary_little_endian" else ">"
    path.write_bytes(header.encode() + vertices.astype(f"{order}f4").tobytes() + b"\x03" + b"\0" * 12)


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
