"""What the page is told of a frame: JSON, with meshes and pictures in base64."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from a2p.render.palette import colour_of
from a2p.result import Hand, Reconstruction

_MAX_SIDE_PX = 960
"""Larger pictures are shown smaller."""


def frame_message(result: Reconstruction, *, frame_id: int, title: str) -> bytes:
    """Returns what the page shows of one frame. Lengths in m, camera frame; keypoints in px of the whole picture."""
    height, width = result.image.shape[:2]
    message = {
        "title": title,
        "frame_id": frame_id,
        "width_px": width,
        "height_px": height,
        "picture": _picture(result.image),
        "hands": [_hand(hand) for hand in result.hands],
        "penetration_mm": round(result.penetration.max_mm, 2),
        "duration_ms": round(sum(result.timings_ms.values()), 1),
        "warnings": list(result.warnings),
    }
    return json.dumps(message).encode()


def faces_message(hand: Hand) -> bytes:
    """Returns a mesh's triangles: little-endian uint32, three each."""
    return np.ascontiguousarray(hand.faces.numpy(), "<u4").tobytes()


def _hand(hand: Hand) -> Mapping[str, object]:
    return {
        "handedness": hand.handedness,
        "track_id": hand.track_id,
        "confidence": round(hand.confidence, 3),
        "colour": colour_of(hand.handedness),
        "vertices": base64.b64encode(np.ascontiguousarray(hand.vertices.numpy(), "<f4").tobytes()).decode(),
        "keypoints_px": np.round(hand.keypoints_2d.numpy().astype(float), 1).tolist(),
    }


def _picture(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """Returns a JPEG of the picture as a data URL."""
    image = Image.fromarray(pixels)
    image.thumbnail((_MAX_SIDE_PX, _MAX_SIDE_PX))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
