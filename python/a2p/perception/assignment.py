"""Which of several readings are hands, each once, and which is left and which right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from a2p.perception.detector import Candidate
from a2p.perception.observation import Handedness
from a2p.perception.reading import Reading, best_score, distance, size

MIN_SCORE = 0.52
"""A reading of a lower score is no hand."""
_SAME_HAND = 0.2
"""Palms nearer than this, in hand sizes, are one hand read twice."""
_LIKE_SIZE = 0.5
_SURE = 0.9
_LIKELY = 0.75
_TWO_OF_A_SIDE = 0.03
"""Prior probability that two hands that overlap are two left or two right ones, of two people."""
_PARTNER_SCORE, _PARTNER_SIDE, _PARTNER_DISTANCE = 0.8, 0.85, 0.3
_DOUBT = 0.02
"""The landmark model's handedness is never surer than this: it says 0.00 of some right hands in a clasp."""


def select(readings: Sequence[Reading], *, max_hands: int) -> list[Reading]:
    """Returns the readings that are hands, each hand once, best first.

    Palms decide what is the same hand; boxes do not, since those of clasped hands overlap.
    """
    kept: list[Reading] = []
    for reading in sorted(readings, key=lambda one: -one.score):
        if reading.score < MIN_SCORE or len(kept) == max_hands:
            break
        if all(_are_two_hands(other, reading) for other in kept):
            kept.append(reading)
    return kept


def still_there(readings: Sequence[Reading]) -> set[int]:
    """Returns which of the readings at the places of known hands are hands; of two that meet on one, the better."""
    kept: set[int] = set()
    for index in sorted(range(len(readings)), key=lambda k: -readings[k].score):
        apart = all(
            distance(readings[other].keypoints_2d, readings[index].keypoints_2d) >= _SAME_HAND for other in kept
        )
        if readings[index].score >= MIN_SCORE and apart:
            kept.add(index)
    return kept


def may_be_partner(candidate: Candidate) -> bool:
    """Says whether a candidate's reading, whatever it shows, could be a partner."""
    return best_score(candidate) >= _PARTNER_SCORE


def partner(front: Reading, hidden: Sequence[Reading]) -> list[Reading]:
    """Returns the best hand, or none, of what was read around a hand that had been painted over.

    A painted hand leaves its arm and its outline, and the landmark model will see a hand in those too; it is less
    sure then, above all of the side. On the 100 photos of one hand of hand_graph_cnn these bounds let none through.
    """
    good = [
        reading
        for reading in hidden
        if reading.score >= _PARTNER_SCORE
        and max(reading.right, 1.0 - reading.right) >= _PARTNER_SIDE
        and distance(front.keypoints_2d, reading.keypoints_2d) >= _PARTNER_DISTANCE
    ]
    return sorted(good, key=lambda one: -one.score)[:1]


def handedness(readings: Sequence[Reading]) -> list[Handedness]:
    """Returns the likelier side of each reading; two that overlap are one left and one right hand with high prior."""
    right = [min(max(reading.right, _DOUBT), 1.0 - _DOUBT) for reading in readings]
    sides: list[Handedness] = ["right" if probability >= 0.5 else "left" for probability in right]
    if len(readings) != 2 or sides[0] != sides[1] or not overlap(*readings):
        return sides
    same = _TWO_OF_A_SIDE * max(right[0] * right[1], (1.0 - right[0]) * (1.0 - right[1]))
    right_and_left, left_and_right = right[0] * (1.0 - right[1]), (1.0 - right[0]) * right[1]
    if same >= (1.0 - _TWO_OF_A_SIDE) * max(right_and_left, left_and_right):
        return sides
    return ["right", "left"] if right_and_left >= left_and_right else ["left", "right"]


def overlap(a: Reading, b: Reading) -> bool:
    """Says whether the bounding boxes of two hands overlap."""
    low = np.maximum(a.keypoints_2d.min(axis=0), b.keypoints_2d.min(axis=0))
    high = np.minimum(a.keypoints_2d.max(axis=0), b.keypoints_2d.max(axis=0))
    return bool(np.all(high > low))


def _are_two_hands(better: Reading, other: Reading) -> bool:
    """Says whether a reading is another hand than a better one.

    Where the two overlap it must be of like size, and of the other handedness or beyond doubt.
    """
    if distance(better.keypoints_2d, other.keypoints_2d) < _SAME_HAND:
        return False
    if not overlap(better, other):
        return True
    sizes = size(better.keypoints_2d), size(other.keypoints_2d)
    same_side = (better.right >= 0.5) == (other.right >= 0.5) and max(other.right, 1.0 - other.right) > _LIKELY
    return min(sizes) > _LIKE_SIZE * max(sizes) and (not same_side or other.score >= _SURE)
