"""Random results for the tests of messages, servers and clients."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import torch
from hypothesis import strategies as st

from a2p.camera import Camera
from a2p.hand import HandParameters
from a2p.penetration import PenetrationReport
from a2p.result import Hand, Handedness, Reconstruction

FACES: dict[Handedness, torch.Tensor] = {
    "left": torch.tensor([[0, 1, 2], [2, 1, 3]]),
    "right": torch.tensor([[1, 0, 2], [1, 2, 3]]),
}
"""Triangles of meshes of four vertices or more."""

_numbers = st.floats(allow_nan=False, allow_infinity=False)
_positive = st.floats(1e-3, 1e6)


def random_hand(
    seed: int, *, handedness: Handedness, score: float = 0.5, track_id: int | None = None, vertex_count: int = 5
) -> Hand:
    """Returns a hand of random numbers over many magnitudes."""
    draw = np.random.default_rng(seed)

    def tensor(*shape: int) -> torch.Tensor:
        numbers = draw.normal(size=shape) * 10.0 ** draw.integers(-6, 3)
        return torch.from_numpy(numbers.astype(np.float32))

    x0, y0, x1, y1 = (float(value) for value in draw.normal(size=4))
    return Hand(
        handedness=handedness,
        score=score,
        confidence=float(draw.uniform()),
        box_xyxy_px=(x0, y0, x1, y1),
        parameters=HandParameters(tensor(3), tensor(15, 3), tensor(10), tensor(3)),
        vertices=tensor(vertex_count, 3),
        faces=FACES[handedness],
        joints=tensor(16, 3),
        keypoints_3d=tensor(21, 3),
        keypoints_2d=tensor(21, 2),
        detected_keypoints_2d=tensor(21, 2),
        reprojection_error_px=float(draw.uniform()),
        track_id=track_id,
    )


@st.composite
def hands(draw: st.DrawFn) -> Hand:
    """Hands of either side."""
    return random_hand(
        draw(st.integers(0, 2**32)),
        handedness=draw(st.sampled_from(get_args(Handedness))),
        score=draw(_numbers),
        track_id=draw(st.none() | st.integers(0, 2**32 - 1)),
        vertex_count=draw(st.integers(4, 20)),
    )


_reports = st.builds(
    PenetrationReport,
    max_mm=_numbers,
    mean_mm=_numbers,
    volume_cm3=_numbers,
    vertex_count=st.integers(0, 2**32 - 1),
)


@st.composite
def reconstruction_fields(draw: st.DrawFn) -> dict[str, Any]:
    """The fields of a result with none to three hands and any text; the type checks of tests may not run in here."""
    words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    return {
        "hands": tuple(draw(st.lists(hands(), max_size=3))),
        "camera": Camera(draw(_positive), draw(_positive), draw(_numbers), draw(_numbers)),
        "penetration_before": draw(_reports),
        "penetration": draw(_reports),
        "timings_ms": draw(st.dictionaries(words, _numbers, max_size=5)),
        "warnings": tuple(draw(st.lists(words, max_size=3))),
        "image": np.zeros((draw(st.integers(1, 9)), draw(st.integers(1, 9)), 3), np.uint8),
    }


def differences(mine: Reconstruction, other: Reconstruction) -> list[str]:
    """Returns the names of the fields in which two results are not identical, to the bit and to the order."""
    found = [
        name
        for name in ("camera", "penetration_before", "penetration", "warnings")
        if getattr(mine, name) != getattr(other, name)
    ]
    if list(mine.timings_ms.items()) != list(other.timings_ms.items()):
        found.append("timings_ms")
    if not np.array_equal(mine.image, other.image):
        found.append("image")
    if len(mine.hands) != len(other.hands):
        return [*found, "hands"]
    for index, (one, two) in enumerate(zip(mine.hands, other.hands, strict=True)):
        found += [f"hands[{index}].{name}" for name in _hand_differences(one, two)]
    return found


def _hand_differences(mine: Hand, other: Hand) -> list[str]:
    plain = ("handedness", "score", "confidence", "box_xyxy_px", "reprojection_error_px", "track_id")
    arrays = ("vertices", "faces", "joints", "keypoints_3d", "keypoints_2d", "detected_keypoints_2d")
    parameters = ("global_orient", "hand_pose", "betas", "transl")
    found = [name for name in plain if getattr(mine, name) != getattr(other, name)]
    found += [name for name in arrays if not _same(getattr(mine, name), getattr(other, name))]
    found += [name for name in parameters if not _same(getattr(mine.parameters, name), getattr(other.parameters, name))]
    return found


def _same(mine: torch.Tensor, other: torch.Tensor) -> bool:
    return mine.dtype == other.dtype and torch.equal(mine, other)
