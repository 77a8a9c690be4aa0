"""Which of several readings are hands, each once, and which is left and which right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from a2p.perception.observation import Handedness
from a2p.perception.reading import Reading, distance

MIN_SCORE = 0.45
"""A reading of a lower score is no hand."""
_SAME_HAND = 0.2
"""Palms nearer than this, in hand sizes, are one hand read twice."""
_SURE = 0.9


def select(readings: Sequence[Reading], *, max_hands: int) -> list[Reading]:
    """Returns the readings that are hands, each hand once, best first.

    Palms decide what is the same hand; boxes do not, since those of clasped hands overlap. Where two overlap, one
    left and one right hand are expected: a second hand of the same handedness must be beyond doubt.
    """
    kept: list[Reading] = []
    for reading in sorted(readings, key=lambda one: -one.score):
        if reading.score < MIN_SCORE or len(kept) == max_hands:
            break
        if all(_are_two_hands(other, reading) for other in kept):
            kept.append(reading)
    return kept


def handedness(readings: Sequence[Reading]) -> list[Handedness]:
    """Returns the likelier side of each reading; two that overlap get one each, unless both are sure."""
    sides: list[Handedness] = ["right" if reading.right >= 0.5 else "left" for reading in readings]
    if len(readings) == 2 and sides[0] == sides[1] and _overlap(*readings):
        doubtful = min((0, 1), key=lambda index: _sureness(readings[index]))
        if _sureness(readings[doubtful]) < _SURE:
            sides[doubtful] = "left" if sides[doubtful] == "right" else "right"
    return sides


def _sureness(reading: Reading) -> float:
    return max(reading.right, 1.0 - reading.right)


def _are_two_hands(better: Reading, other: Reading) -> bool:
    if distance(better.keypoints_2d, other.keypoints_2d) < _SAME_HAND:
        return False
    same_side = (better.right >= 0.5) == (other.right >= 0.5) and _sureness(other) > 0.75
    return not (_overlap(better, other) and same_side and other.score < _SURE)


def _overlap(a: Reading, b: Reading) -> bool:
    """Says whether the bounding boxes of two hands overlap."""
    low = np.maximum(a.keypoints_2d.min(axis=0), b.keypoints_2d.min(axis=0))
    high = np.minimum(a.keypoints_2d.max(axis=0), b.keypoints_2d.max(axis=0))
    return bool(np.all(high > low))
