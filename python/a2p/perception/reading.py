"""Several passes of the landmark model over one hand, taken together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from PIL import Image

from a2p.perception.assignment import Reading
from a2p.perception.crop import Crop
from a2p.perception.detector import Box, Candidate
from a2p.perception.landmarks import LandmarkModel, Landmarks
from a2p.perception.palm import PalmDetector, merge


class HandReader:
    """Reads the hand of one candidate."""

    def __init__(self, landmarks: LandmarkModel, palms: PalmDetector) -> None:
        self._landmarks = landmarks
        self._palms = palms

    def __call__(self, image: Image.Image, candidate: Candidate) -> Reading:
        """Returns the hand at a candidate's place; its score says whether there is one."""
        first = self._first_look(image, candidate)
        around = replace(first.next_crop(), mirrored=False).scaled(0.85)
        passes = [self._landmarks(image, replace(around, mirrored=mirrored)) for mirrored in (False, True)]
        return together(passes, candidate)

    def _first_look(self, image: Image.Image, candidate: Candidate) -> Landmarks:
        if candidate.crop is not None:
            return self._landmarks(image, candidate.crop)
        if candidate.box_xyxy_px is None:
            raise ValueError("a candidate needs a crop or a box")
        crops = self._crops_in(image, candidate.box_xyxy_px)
        looks = [self._landmarks(image, crop) for crop in crops]
        return max(looks, key=lambda look: look.presence * _share_inside(look, candidate.box_xyxy_px))

    def _crops_in(self, image: Image.Image, box: Box) -> Iterable[Crop]:
        """Returns windows to try on a box whose hand may point anywhere: those of palms in it, and four turns."""
        center = ((box[0] + box[2]) / 2.0, (box[1] + box[3]) / 2.0)
        side = max(box[2] - box[0], box[3] - box[1])
        palms = merge(self._palms(image, Crop(center, 1.5 * side), min_score=0.3))
        turns = [Crop(center, 1.4 * side, turn * math.pi / 2.0) for turn in range(4)]
        return [palm.crop() for palm in palms[:3]] + turns


def _share_inside(look: Landmarks, box: Box | None) -> float:
    """Returns the share of keypoints inside a box."""
    if box is None:
        return 1.0
    points = look.keypoints_2d
    inside = np.all((points >= box[:2]) & (points <= box[2:]), axis=-1)
    return float(inside.mean())


def together(passes: list[Landmarks], candidate: Candidate) -> Reading:
    """Returns the average of several passes over one hand."""
    presence = float(np.mean([one.presence for one in passes]))
    right = float(np.mean([one.right for one in passes]))
    if candidate.handedness is not None:
        right = 1.0 if candidate.handedness == "right" else 0.0
    return Reading(
        keypoints_2d=np.mean([one.keypoints_2d for one in passes], axis=0),
        keypoints_3d=np.mean([one.keypoints_3d for one in passes], axis=0),
        confidence=np.full(21, np.clip(presence, 0.05, 1.0)),
        score=math.sqrt(max(presence, 0.0) * candidate.score),
        right=right,
    )
