"""The whole of perception: from pixels to hands with handedness and 21 keypoints."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from a2p.errors import ConfigError
from a2p.perception.assignment import handedness, overlap, select
from a2p.perception.confidence import keypoint_confidence
from a2p.perception.detector import Detector, HandBox, checked_boxes
from a2p.perception.image import Pixels
from a2p.perception.landmarks import LandmarkModel
from a2p.perception.observation import Handedness, HandObservation
from a2p.perception.palm import PalmDetector
from a2p.perception.reading import HandReader, Reading
from a2p.perception.search import PalmSearch


class HandFinder:
    """Finds the hands in an image.

    The models are loaded once, at construction. One finder may be used from several threads: each model runs one
    picture at a time.
    """

    def __init__(self, *, detector: Detector | None = None, threads: int | None = None) -> None:
        threads = threads or min(os.cpu_count() or 1, 4)
        palms = PalmDetector(threads=threads)
        self._detector: Detector = detector or PalmSearch(palms)
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
            kept = [self._reader.glance(picture, candidate) for candidate in given]
        else:
            candidates = self._detector(picture, max_hands=max_hands)
            kept = select([self._reader.glance(picture, one) for one in candidates], max_hands=max_hands)
        studied = [self._reader.study(picture, reading, crowded=_is_crowded(reading, kept)) for reading in kept]
        return tuple(_observation(*pair) for pair in zip(studied, handedness(studied), strict=True))


def _is_crowded(reading: Reading, others: Sequence[Reading]) -> bool:
    return any(overlap(reading, other) for other in others if other is not reading)


def _observation(reading: Reading, side: Handedness) -> HandObservation:
    points = reading.keypoints_2d
    low, high = points.min(axis=0), points.max(axis=0)
    return HandObservation(
        handedness=side,
        score=reading.score,
        box_xyxy_px=reading.candidate.box_xyxy_px or (float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        keypoints_2d=_float32(points),
        keypoint_confidence=_float32(keypoint_confidence(reading)),
        keypoints_3d=_float32(reading.keypoints_3d),
    )


def _float32(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
