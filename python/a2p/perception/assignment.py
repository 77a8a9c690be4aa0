"""Which of several readings are hands, each once, and which is left and which right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Reading:
    """A hand as read from an image, before it is decided whether to keep it."""

    keypoints_2d: Float[np.ndarray, "21 2"]
    """Image px."""
    keypoints_3d: Float[np.ndarray, "21 3"]
    """m, camera axes, about the hand's centre."""
    confidence: Float[np.ndarray, " 21"]
    score: float
    """Probability that it is a hand."""
    right: float
    """Probability that it is the person's own right hand, if it is a hand."""


def assign(readings: Sequence[Reading], *, max_hands: int, min_score: float = 0.3) -> list[Reading]:
    """Returns the readings to keep, best first, with their handedness settled."""
    kept: list[Reading] = []
    for reading in sorted(readings, key=lambda one: -one.score):
        if reading.score < min_score or len(kept) == max_hands:
            break
        if all(distance(reading, other) > 0.35 for other in kept):
            kept.append(reading)
    if len(kept) == 2 and _overlap(*kept):
        kept = _as_pair(*kept)
    return kept


def distance(a: Reading, b: Reading) -> float:
    """Returns the mean distance of the keypoints of two readings in units of the larger hand's size."""
    apart = np.linalg.norm(a.keypoints_2d - b.keypoints_2d, axis=-1).mean()
    return float(apart / max(_size(a), _size(b), 1e-9))


def _size(reading: Reading) -> float:
    return float(np.max(np.ptp(reading.keypoints_2d, axis=0)))


def _overlap(a: Reading, b: Reading) -> bool:
    low = np.maximum(a.keypoints_2d.min(axis=0), b.keypoints_2d.min(axis=0))
    high = np.minimum(a.keypoints_2d.max(axis=0), b.keypoints_2d.max(axis=0))
    return bool(np.all(high > low))


def _as_pair(a: Reading, b: Reading) -> list[Reading]:
    """Returns the two as one left and one right hand, the likelier way round."""
    a_is_right = a.right * (1.0 - b.right) >= (1.0 - a.right) * b.right
    right_a = max(a.right, 0.5) if a_is_right else min(a.right, 0.499)
    right_b = min(b.right, 0.499) if a_is_right else max(b.right, 0.5)
    return [replace(a, right=right_a), replace(b, right=right_b)]
