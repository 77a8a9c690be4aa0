"""The numbers of a reconstruction as .json and .npz; names end in their units, the frame is the camera's."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

import numpy as np

from a2p.render.scene import ExportHand, ExportScene

SCHEMA = "a2p.reconstruction"
SCHEMA_VERSION = 1
"""Grows when a name goes or changes its meaning; new names may come without."""
FRAME = "camera: x right, y down, z forward; the centre of the top left pixel is (0.5, 0.5)"


def json_text(scene: ExportScene) -> str:
    """Returns everything known of the scene; what is unknown is null. Numbers survive a round trip exactly."""
    record = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "frame": FRAME,
        "image_size_px": _image_size(scene),
        "camera": _camera(scene),
        "hands": [{"name": name, **_listed(hand)} for name, hand in scene.named_hands()],
        "relative_translation_m": None if scene.relative_translation is None else scene.relative_translation.tolist(),
        "penetration_before": None if scene.penetration_before is None else asdict(scene.penetration_before),
        "penetration": None if scene.penetration is None else asdict(scene.penetration),
        "timings_ms": dict(scene.timings_ms),
        "warnings": list(scene.warnings),
    }
    return json.dumps(record, indent=1, allow_nan=False) + "\n"


def npz_bytes(scene: ExportScene) -> bytes:
    """Returns every array under `<hand's name>_<array's name>`, and camera_px as (fx, fy, cx, cy)."""
    arrays: dict[str, Any] = {
        "schema": np.array(SCHEMA),
        "schema_version": np.array(SCHEMA_VERSION),
        "frame": np.array(FRAME),
        "hands": np.array([name for name, _ in scene.named_hands()], dtype=np.str_),
    }
    if scene.camera is not None:
        arrays["camera_px"] = np.array(list(asdict(scene.camera).values()))
    if scene.relative_translation is not None:
        arrays["relative_translation_m"] = scene.relative_translation
    for name, hand in scene.named_hands():
        arrays[f"{name}_score"] = np.array(hand.score)
        arrays |= {f"{name}_{key}": value for key, value in _arrays(hand).items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _arrays(hand: ExportHand) -> dict[str, np.ndarray]:
    """Returns the arrays of a hand by their names in files."""
    return {
        "box_xyxy_px": hand.box_xyxy_px,
        "global_orient_rad": hand.global_orient,
        "hand_pose_rad": hand.hand_pose,
        "betas": hand.betas,
        "transl_m": hand.transl,
        "joints_m": hand.joints,
        "keypoints_3d_m": hand.keypoints_3d,
        "keypoints_2d_px": hand.keypoints_2d,
        "vertices_m": hand.vertices,
        "faces": hand.faces,
    }


def _listed(hand: ExportHand) -> dict[str, Any]:
    lists = {key: value.tolist() for key, value in _arrays(hand).items()}
    return {"handedness": hand.handedness, "score": float(hand.score), **lists}


def _camera(scene: ExportScene) -> dict[str, float] | None:
    return None if scene.camera is None else {f"{name}_px": value for name, value in asdict(scene.camera).items()}


def _image_size(scene: ExportScene) -> list[int] | None:
    if scene.image_width_px is None or scene.image_height_px is None:
        return None
    return [scene.image_width_px, scene.image_height_px]
