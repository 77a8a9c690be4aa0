"""The whole of perception: from pixels to hands with handedness and 21 keypoints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image

from a2p.crew import Crew, default_threads
from a2p.errors import ConfigError
from a2p.perception.assignment import handedness, may_be_partner, overlap, partner, select, still_there
from a2p.perception.confidence import keypoint_confidence
from a2p.perception.detector import Candidate, Detector, HandBox, checked_boxes
from a2p.perception.hiding import window_around, without_hand
from a2p.perception.image import Pixels
from a2p.perception.landmarks import LandmarkModel, window_on
from a2p.perception.observation import Handedness, HandObservation
from a2p.perception.outline import outline_box
from a2p.perception.palm import PalmDetector
from a2p.perception.reading import HandReader, Reading, best_score
from a2p.perception.search import PalmSearch


class HandFinder:
    """Finds the hands in an image.

    The models are loaded once, at construction. One finder may be used from several threads, which take turns at the
    models.
    """

    def __init__(self, *, detector: Detector | None = None, threads: int | None = None, thorough: bool = True) -> None:
        """Loads the models.

        Args:
            detector: What proposes hands instead of the packaged palm detector.
            threads: How many windows are looked at side by side.
            thorough: Whether a hand whose first two passes agree gets the other three, too: keypoints alone come 1.5 %
                nearer to the truth, 0.5 % where the alignment network looks at the hand as well.
        """
        threads = threads or default_threads()
        palms = PalmDetector(threads=threads)
        self._crew = Crew(threads)
        self._search = PalmSearch(palms, self._crew)
        self._detector = detector
        self._reader = HandReader(LandmarkModel(threads=threads), palms, self._crew, thorough=thorough)

    def find_hands(
        self, image: Pixels, *, max_hands: int = 2, boxes: Sequence[HandBox] | None = None
    ) -> tuple[HandObservation, ...]:
        """Returns at most `max_hands` hands, best first; with `boxes`, one hand for each box in their order.

        Two hands that overlap are taken for one left and one right hand. Without hands the result is empty.
        """
        if max_hands < 1:
            raise ConfigError(f"max_hands must be at least 1; got {max_hands}. Two suit one person.")
        if boxes is not None:
            given = checked_boxes(boxes, image.shape[1], image.shape[0]).candidates
            kept = self._crew.map(lambda candidate: self._reader.glance(image, candidate), given)
        else:
            kept = self._found(image, max_hands)
        studied = self._crew.map(
            lambda reading: self._reader.study(image, reading, crowded=_is_crowded(reading, kept)), kept
        )
        if boxes is None and len(kept) == 1 and max_hands > 1:
            studied += self._behind(image, kept[0])
        return tuple(_observation(*pair) for pair in zip(studied, handedness(studied), strict=True))

    def follow_hands(self, image: Pixels, last: Sequence[HandObservation]) -> tuple[HandObservation | None, ...]:
        """Returns each hand of the frame before as this frame shows it; None for one that is not where it was.

        No palm is searched for: a few passes over the hand's last place, so hands that are new are not seen.
        """

        def read(index: int) -> Reading:
            crowded = any(_boxes_overlap(last[index], other) for k, other in enumerate(last) if k != index)
            window = window_on(last[index].keypoints_2d.double().numpy())
            known = Candidate(last[index].score, handedness=last[index].handedness)
            return self._reader.follow(image, known, window, crowded=crowded)

        readings = self._crew.map(read, range(len(last)))
        kept = still_there(readings)
        return tuple(
            _observation(reading, last[index].handedness) if index in kept else None
            for index, reading in enumerate(readings)
        )

    def _found(self, image: Pixels, max_hands: int) -> list[Reading]:
        """Returns the hands that were detected, read by a glance each; looks closer only where that leaves doubt."""
        given = self._detector
        looks: Iterable[list[Candidate]] = (
            self._search.looks(image, max_hands=max_hands)
            if given is None
            else [given(Image.fromarray(image), max_hands=max_hands)]
        )
        kept: list[Reading] = []
        for candidates in looks:
            plain = [reading for reading in kept if reading.is_plain]
            kept = select(self._glances(image, candidates, max_hands, plain), max_hands=max_hands)
            if len(kept) == max_hands and all(reading.is_plain for reading in kept):
                break
        return kept

    def _glances(
        self, image: Pixels, candidates: Sequence[Candidate], max_hands: int, known: Sequence[Reading] = ()
    ) -> list[Reading]:
        """Returns the readings known and one for each candidate that is not plainly a hand read before.

        Candidates that could not be among the best `max_hands` any more, whatever they show, are left out.
        """
        readings = list(known)

        def is_worth(candidate: Candidate) -> bool:
            kept = select(readings, max_hands=max_hands)
            full = len(kept) == max_hands and best_score(candidate) < kept[-1].score
            return not full and not any(_is_read(candidate, reading) for reading in readings)

        for start in range(0, len(candidates), self._crew.size):
            fresh = list(filter(is_worth, candidates[start : start + self._crew.size]))
            for reading in self._crew.map(lambda candidate: self._reader.glance(image, candidate), fresh):
                if not any(_is_read(reading.candidate, other) for other in readings):
                    readings.append(reading)
        return readings

    def _behind(self, image: Pixels, front: Reading) -> list[Reading]:
        """Returns the hand, if any, that shows where one was found once that one is painted over."""
        hidden = np.asarray(without_hand(Image.fromarray(image), front.keypoints_2d))
        candidates = self._search.around(hidden, window_around(front.keypoints_2d), may_be_partner)
        found = partner(front, self._glances(hidden, candidates[:2], 2))
        return [self._reader.study(hidden, reading, crowded=True) for reading in found]


def _is_read(candidate: Candidate, reading: Reading) -> bool:
    """Says whether a candidate's window is nearly that of a hand seen without doubt."""
    if not candidate.crops or reading.passes[0].presence < 0.9:
        return False
    crop, seen = candidate.crops[0], reading.passes[0].next_crop()
    turn = math.remainder(crop.rotation - seen.rotation, 2.0 * math.pi)
    return math.dist(crop.center_px, seen.center_px) < 0.15 * seen.side_px and abs(turn) < 0.6


def _is_crowded(reading: Reading, others: Sequence[Reading]) -> bool:
    return any(overlap(reading, other) for other in others if other is not reading)


def _boxes_overlap(a: HandObservation, b: HandObservation) -> bool:
    low = torch.maximum(a.keypoints_2d.amin(0), b.keypoints_2d.amin(0))
    high = torch.minimum(a.keypoints_2d.amax(0), b.keypoints_2d.amax(0))
    return bool((high > low).all())


def _observation(reading: Reading, side: Handedness) -> HandObservation:
    points = reading.keypoints_2d
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return HandObservation(
        handedness=side,
        score=reading.score,
        box_xyxy_px=reading.candidate.box_xyxy_px or outline_box((x0, y0, x1, y1)),
        keypoints_2d=_float32(points),
        keypoint_confidence=_float32(keypoint_confidence(reading)),
        keypoints_3d=_float32(reading.keypoints_3d),
    )


def _float32(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
