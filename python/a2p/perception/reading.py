"""Several passes of the landmark model over one hand, taken together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from a2p.crew import Crew
from a2p.errors import BoxError
from a2p.perception.crop import Crop
from a2p.perception.detector import Candidate
from a2p.perception.image import Pixels
from a2p.perception.landmarks import LandmarkModel, Landmarks
from a2p.perception.outline import Box
from a2p.perception.palm import PalmDetector, merge

_PALM = (0, 1, 5, 9, 13, 17)
"""Keypoints of the palm: their places tell hands apart; fingers of two hands interlace."""
_ALONE = (0.8, ((-0.44, True), (0.44, False), (-0.44, False), (0.44, True)))
"""Scale over MediaPipe's tracking window, and turn (rad) and mirroring, of the windows on a hand that stands alone.

Measured on hand_graph_cnn: one upright window at scale 1 has a mean error of 6.56 px, these four have 6.03; all of
0.65 to 0.9 in steps of 0.05 with five turns each way have 6.25.
"""
_CROWDED = (0.95, ((0.0, True), (0.2, False), (-0.2, True), (-0.2, False)))
"""The same for a hand in doubt or beside another, over the detector's window: what the first pass saw may be wrong,
and a window that follows it shrinks onto what the other hand leaves free."""
_FOLLOWED = 2
"""Passes over a hand that is known from the frame before."""
_SURE = 0.9
_AGREED = 0.04
"""Passes whose spread is below this on average agree."""
_PLAIN_PRESENCE, _PLAIN_SCORE, _PLAIN_SPREAD = 0.85, 0.8, 0.1
"""What each pass, the score and the spread of a hand without doubt reach at least, and at most."""
_HOPELESS = 0.05
_FITTING = 0.8
"""A pass as like a given box as this needs no others beside it (see `_likeness`). Once measured: on hand_graph_cnn 5.1
passes a hand in place of 9.1 and the same keypoints, on renders of two hands 8.1 in place of 9.2, errors within 2 %."""
_STRAYED = 0.15
"""A pass whose palm is farther than this from the first's, in hand sizes, saw another hand."""


@dataclass(frozen=True)
class Reading:
    """One hand as several passes saw it."""

    candidate: Candidate
    passes: tuple[Landmarks, ...]

    @property
    def keypoints_2d(self) -> Float[np.ndarray, "21 2"]:
        """Mean of the passes, image px."""
        mean: np.ndarray = np.mean([one.keypoints_2d for one in self.passes], axis=0)
        return mean

    @property
    def keypoints_3d(self) -> Float[np.ndarray, "21 3"]:
        """Mean of the passes; m, camera axes, about the hand's centre."""
        mean: np.ndarray = np.mean([one.keypoints_3d for one in self.passes], axis=0)
        return mean

    @property
    def presence(self) -> float:
        """Mean probability of a hand."""
        return float(np.mean([one.presence for one in self.passes]))

    @property
    def right(self) -> float:
        """Mean probability of a right hand; what the detector knows goes before what the passes say."""
        if self.candidate.handedness is not None:
            return 1.0 if self.candidate.handedness == "right" else 0.0
        return float(np.mean([one.right for one in self.passes]))

    @property
    def score(self) -> float:
        """Probability of a hand: presence alone drops hands that touch another, so the detector's word counts too."""
        return math.sqrt(self.presence * self.candidate.score)

    @property
    def spread(self) -> Float[np.ndarray, " 21"]:
        """How far the passes disagree about each keypoint: root mean square distance from the mean, in hand sizes.

        Of few passes the mean lies nearer to each than of many: taken to what four passes would show.
        """
        points = np.stack([one.keypoints_2d for one in self.passes])
        rms: np.ndarray = np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=-1).mean(axis=0))
        return rms * math.sqrt(0.75 / (1.0 - 1.0 / max(len(points), 2))) / size(self.keypoints_2d)

    @property
    def agrees(self) -> bool:
        """Whether two passes or more say the same, so that further ones would change little."""
        sides = [one.right for one in self.passes]
        same_side = self.candidate.handedness is not None or min(sides) > _SURE or max(sides) < 1.0 - _SURE
        return len(self.passes) > 1 and same_side and float(self.spread.mean()) < _AGREED

    @property
    def is_plain(self) -> bool:
        """Whether this is a hand without doubt, and each pass saw the same one."""
        present = min(one.presence for one in self.passes) >= _PLAIN_PRESENCE and self.score >= _PLAIN_SCORE
        return present and len(self.passes) > 1 and float(self.spread.mean()) < _PLAIN_SPREAD


def best_score(candidate: Candidate) -> float:
    """Returns the most that a reading of a candidate could score."""
    return math.sqrt(candidate.score)


def size(points: Float[np.ndarray, "21 2"]) -> float:
    """Returns the larger side of a hand's bounding box, px."""
    return max(float(np.max(np.ptp(points, axis=0))), 1e-6)


def distance(a: Float[np.ndarray, "21 2"], b: Float[np.ndarray, "21 2"]) -> float:
    """Returns how far apart two hands' palms are, in sizes of the larger hand."""
    palm = list(_PALM)
    return float(np.linalg.norm(a[palm] - b[palm], axis=-1).mean()) / max(size(a), size(b))


class HandReader:
    """Reads hands at candidates' places."""

    def __init__(self, landmarks: LandmarkModel, palms: PalmDetector, crew: Crew, *, thorough: bool = True) -> None:
        """Reads with given models; `thorough` says that hands whose first passes agree get all others, too."""
        self._landmarks = landmarks
        self._palms = palms
        self._crew = crew
        self._thorough = thorough

    def glance(self, image: Pixels, candidate: Candidate) -> Reading:
        """Returns the hand at a candidate's place after two passes, one if it shows nothing; see its score."""
        first = self._first(image, candidate)
        if first.presence < _HOPELESS:
            return Reading(candidate, (first,))
        windows = _windows_after(first, crowded=first.presence < _SURE)
        return Reading(candidate, (first, self._landmarks(image, windows[0])))

    def study(self, image: Pixels, reading: Reading, *, crowded: bool) -> Reading:
        """Returns the same hand after further passes, each over another window; `crowded` says that two overlap.

        A pass that ends on another hand nearby is left out: of two clasped hands, the one in front attracts. For a
        hand that stands alone so is the first, whose window was the detector's guess.
        """
        if reading.agrees and reading.candidate.crops and not self._thorough:
            return reading  # in a box that was given, whose hand may point anywhere, two passes are not enough
        first = reading.passes[0]
        crowded = crowded or first.presence < _SURE
        around = self._look(image, _windows_after(first, crowded=crowded)[1:])
        near = tuple(
            one for one in (*reading.passes[1:], *around) if distance(one.keypoints_2d, first.keypoints_2d) < _STRAYED
        )
        return Reading(reading.candidate, near if len(near) > 2 and not crowded else (first, *near))

    def follow(self, image: Pixels, candidate: Candidate, window: Crop, *, crowded: bool) -> Reading:
        """Returns the hand in a window known from the frame before, after fewer passes than a new hand needs."""
        windows = _windows_on(window, crowded=crowded)[:_FOLLOWED]
        return Reading(candidate, tuple(self._look(image, windows)))

    def _first(self, image: Pixels, candidate: Candidate) -> Landmarks:
        box = candidate.box_xyxy_px
        if candidate.crops:
            looks = [self._landmarks(image, candidate.crops[0])]
            if _HOPELESS < looks[0].presence < _SURE:
                looks += self._look(image, candidate.crops[1:])
            return max(looks, key=lambda look: look.presence)
        if box is None:
            raise BoxError("a candidate must have crops or a box; got neither. Let the detector fill in one of them.")
        looks = self._look(image, self._palms_in(image, box))
        if max((_likeness(look, candidate, box) for look in looks), default=0.0) < _FITTING:
            looks += self._look(image, _turns_of(box))
        return max(looks, key=lambda look: _likeness(look, candidate, box))

    def _look(self, image: Pixels, windows: Sequence[Crop]) -> list[Landmarks]:
        return self._crew.map(lambda window: self._landmarks(image, window), windows)

    def _palms_in(self, image: Pixels, box: Box) -> list[Crop]:
        """Returns windows on the hands whose palms show in a box."""
        center, side = _square_of(box)
        palms = merge(self._palms(image, Crop(center, 1.5 * side), min_score=0.2))
        return [palm.crop() for palm in palms[:3]]


def _turns_of(box: Box) -> list[Crop]:
    """Returns windows on a box whose hand may point anywhere."""
    center, side = _square_of(box)
    return [Crop(center, 1.4 * side, turn * math.pi / 2.0) for turn in range(4)]


def _square_of(box: Box) -> tuple[tuple[float, float], float]:
    """Returns the centre and the larger side of a box."""
    return ((box[0] + box[2]) / 2.0, (box[1] + box[3]) / 2.0), max(box[2] - box[0], box[3] - box[1])


def _windows_after(first: Landmarks, *, crowded: bool) -> list[Crop]:
    """Returns the windows of the passes after the first."""
    return _windows_on(first.crop if crowded else first.next_crop(), crowded=crowded)


def _windows_on(window: Crop, *, crowded: bool) -> list[Crop]:
    """Returns the turned and mirrored windows that a hand is read through."""
    scale, turns = _CROWDED if crowded else _ALONE
    upright = replace(window, mirrored=False).scaled(scale)
    return [replace(upright, mirrored=flip).turned(turn) for turn, flip in turns]


def _likeness(look: Landmarks, candidate: Candidate, box: Sequence[float]) -> float:
    """Returns how well a pass fits a box: a hand, of that handedness, that fills it and keeps inside."""
    low, high = look.keypoints_2d.min(axis=0), look.keypoints_2d.max(axis=0)
    shared = np.prod(np.clip(np.minimum(high, box[2:]) - np.maximum(low, box[:2]), 0.0, None))
    union = np.prod(high - low) + (box[2] - box[0]) * (box[3] - box[1]) - shared
    sided = {"right": look.right, "left": 1.0 - look.right, None: 0.5}[candidate.handedness]
    return float((0.1 + look.presence) * (0.3 + sided) * (0.1 + shared / max(union, 1e-9)))
