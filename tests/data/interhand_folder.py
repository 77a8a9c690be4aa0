"""InterHand2.6M as it lies on disk, fabricated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from a2p.data.joint_orders import INTERHAND
from tests.data.scenes import CAMERA, ROTATION, SIZE, TRANSLATION, TrueHand, picture, true_hand

HAND_TYPES = ("interacting", "right", "left", "interacting")


def annotations() -> dict[str, Any]:
    """The content of data, camera, joint_3d and MANO_NeuralAnnot."""
    images, labels, joints, fits = [], [], {}, {}
    for number, hand_type in enumerate(HAND_TYPES):
        sides = ("right", "left") if hand_type == "interacting" else (hand_type,)
        hands = [true_hand(side) for side in sides]
        frame = 1000 + number
        images.append(
            {
                "id": 10 + number,
                "file_name": f"Capture5/0007_test/cam400001/image{frame}.jpg",
                "width": SIZE[0],
                "height": SIZE[1],
                "capture": 5,
                "subject": 1,
                "seq_name": "0007_test",
                "camera": "400001",
                "frame_idx": frame,
            }
        )
        valid = [[int("right" in sides)]] * 21 + [[int("left" in sides)]] * 21
        labels.append(
            {
                "id": 100 + number,
                "image_id": 10 + number,
                "bbox": [1.0, 2.0, 3.0, 4.0],
                "joint_valid": valid,
                "hand_type": hand_type,
                "hand_type_valid": 1,
            }
        )
        joints[str(frame)] = {
            "world_coord": _world_coord(hands),
            "joint_valid": [[bool(flag[0])] for flag in valid],
            "hand_type": hand_type,
            "hand_type_valid": True,
        }
        by_side = {hand.side: hand.mano(world=True, flat_hand_mean=False) for hand in hands}
        fits[str(frame)] = {side: by_side.get(side) for side in ("right", "left")}
    cameras = {
        "campos": {"400001": (-1e3 * ROTATION.T @ TRANSLATION).tolist()},
        "camrot": {"400001": ROTATION.tolist()},
        "focal": {"400001": [CAMERA.fx, CAMERA.fy]},
        "princpt": {"400001": [CAMERA.cx - 0.5, CAMERA.cy - 0.5]},
    }
    return {
        "data": {"images": images, "annotations": labels},
        "camera": {"5": cameras},
        "joint_3d": {"5": joints},
        "MANO_NeuralAnnot": {"5": fits},
    }


def write_interhand(root: Path, content: dict[str, Any] | None = None) -> Path:
    """Writes the test split and returns its root."""
    content = annotations() if content is None else content
    folder = root / "annotations" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in content.items():
        (folder / f"InterHand2.6M_test_{name}.json").write_text(json.dumps(value))
    (folder / "aid_human_annot_test.txt").write_text("100\n102\n")
    for image, hand_type in zip(content["data"]["images"], HAND_TYPES, strict=True):
        path = root / "images" / "test" / image["file_name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        sides = ("right", "left") if hand_type == "interacting" else (hand_type,)
        picture(*sides).save(path, quality=95)  # type: ignore[arg-type]
    return root


def _world_coord(hands: list[TrueHand]) -> list[list[float]]:
    world = np.ones((42, 3))
    for hand in hands:
        start = 0 if hand.side == "right" else 21
        for keypoint, joint in enumerate(INTERHAND):
            world[start + joint] = 1e3 * hand.world_keypoints[keypoint]
    return world.tolist()
