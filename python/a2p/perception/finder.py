"""The whole of perception: from pixels to hands with handedness and 21 keypoints."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from a2p.errors import ConfigError
from a2p.perception.assignment import Reading, assign
from a2p.perception.detector import Candidate, Detector, HandBox, checked_boxes
from a2p.perception.image import Pixels
from a2p.perception.landmarks import LandmarkModel
from a2p.perception.observation import HandObservation
from a2p.perception.palm import PalmCandidates, PalmDetector
from a2p.perception.reading import HandReader


class HandFinder:
    """Finds the hands in an image.

    The models are loaded once, at construction. One finder may be used from several threads: each model runs one
    picture at a time.
    """

    def __init__(self, *, detector: Detector | None = None, threads: int | None = None) -> None:
        threads = threads or min(os.cpu_count() or 1, 4)
        palms = PalmDetector(threads=threads)
        self._detector: Detector = detector or PalmCandidates(palms)
        self._reader = HandReader(LandmarkModel(threads=threads), palms)

    def find_hands(
        self, image: Pixels, *, max_hands: int = 2, boxes: Sequence[HandBox] | None = None
    ) -> tuple[HandObservation, ...]:
        """Returns at most `max_hands` hands, best first; with `boxes`, one hand for each box in their order.

        Two hands that overlap are taken for one left and one right hand. Without hands the result is empty.
        """
        if max_hands < 1:
            raise ConfigError(f"max_hands must be at least 1; got {max_hands}. Two suit one person.")
        picture = Image.fromarray(image)
        if boxes is not None:
            given = checked_boxes(boxes, picture.width, picture.height)(picture, max_hands=max_hands)
            return tuple(_observation(self._reader(picture, candidate), candidate) for candidate in given)
        candidates = self._detector(picture, max_hands=max_hands)
        readings = [self._reader(picture, candidate) for candidate in candidates]
        return tuple(_observation(reading, None) for reading in assign(readings, max_hands=max_hands))


def _observation(reading: Reading, given: Candidate | None) -> HandObservation:
    low, high = reading.keypoints_2d.min(axis=0), reading.keypoints_2d.max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    if given is not None and given.box_xyxy_px is not None:
        box = given.box_xyxy_px
    return HandObservation(
        handedness="right" if reading.right >= 0.5 else "left",
        score=reading.score,
        box_xyxy_px=box,
        keypoints_2d=_float32(reading.keypoints_2d),
        keypoint_confidence=_float32(reading.confidence),
        keypoints_3d=_float32(reading.keypoints_3d),
    )


def _float32(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
