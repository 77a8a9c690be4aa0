"""The palm detector: where palms lie in a picture, and how they are turned.

BlazePalm of MediaPipe Hands (Zhang et al., 2020, arXiv 2006.10214): a single-shot detector over 192 x 192 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from a2p.perception.crop import Crop, sample
from a2p.perception.image import Pixels
from a2p.perception.packaged import packaged_model

INPUT_SIZE = 192
"""Side of the detector's input, px."""
WRIST, INDEX_MCP, MIDDLE_MCP = 0, 1, 2
"""Indices of three of the seven palm keypoints (then ring and pinky MCP, thumb CMC and MCP)."""


@dataclass(frozen=True)
class Palm:
    """One detected palm, in image px."""

    score: float
    """In [0, 1]."""
    box: Float[np.ndarray, "2 2"]
    """Lower and upper corner of the palm without fingers."""
    keypoints: Float[np.ndarray, "7 2"]
    """Wrist, MCP of index, middle, ring and pinky, CMC and MCP of the thumb."""

    @property
    def length(self) -> float:
        """Distance from the wrist to the middle finger's knuckle or the palm box's half side, whichever is larger."""
        reach = float(np.linalg.norm(self.keypoints[MIDDLE_MCP] - self.keypoints[WRIST]))
        return max(reach, 0.5 * float(np.max(self.box[1] - self.box[0])))

    def crop(self) -> Crop:
        """Returns the window on the whole hand, fingers up, that the landmark model expects."""
        along = self.keypoints[MIDDLE_MCP] - self.keypoints[WRIST]
        rotation = math.pi / 2.0 + math.atan2(along[1], along[0])
        side = float(np.max(self.box[1] - self.box[0]))
        up = np.array([math.sin(rotation), -math.cos(rotation)])
        center = self.box.mean(axis=0) + 0.5 * side * up
        return Crop((float(center[0]), float(center[1])), 2.6 * side, rotation)


def anchors() -> Float[np.ndarray, "2016 2"]:
    """Returns the anchor centres in [0, 1]: 2 a cell of 8 px, then 6 a cell of 16 px, row by row."""
    layers = []
    for stride, per_cell in ((8, 2), (16, 6)):
        cells = INPUT_SIZE // stride
        centre = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(centre, centre)
        layers.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(layers)


class PalmDetector:
    """Finds palms inside a window on an image."""

    def __init__(self, *, threads: int = 2) -> None:
        self._model = packaged_model("palm_detection_full.tflite", threads=threads)
        self._anchors = anchors()

    def __call__(self, image: Pixels, window: Crop, *, min_score: float = 0.5) -> list[Palm]:
        """Returns every anchor's palm of at least `min_score`, best first, duplicates included (see `merge`)."""
        regression, logits = self._model(sample(image, window, INPUT_SIZE))
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -100.0, 100.0)))
        chosen = np.flatnonzero(scores >= min_score)
        chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
        values = regression[chosen].astype(np.float64).reshape(-1, 9, 2) / INPUT_SIZE
        centre = self._anchors[chosen] + values[:, 0]
        half = values[:, 1] / 2.0
        side = np.max(half, axis=1) * window.side_px
        middle = window.to_image(centre)
        keypoints = window.to_image(self._anchors[chosen][:, None] + values[:, 2:])
        return [
            Palm(float(scores[index]), np.stack([middle[row] - side[row], middle[row] + side[row]]), keypoints[row])
            for row, index in enumerate(chosen)
        ]


def clusters(palms: Sequence[Palm], *, max_distance: float = 0.35) -> list[list[Palm]]:
    """Returns the palms grouped by hand, the best group and in it the best palm first.

    Like means near in all seven keypoints. Boxes do not decide: the boxes of two clasped hands overlap, their
    wrists and knuckles do not coincide.
    """
    rest = sorted(palms, key=lambda palm: -palm.score)
    if not rest:
        return []
    keypoints, lengths = np.stack([palm.keypoints for palm in rest]), np.array([palm.length for palm in rest])
    left = np.arange(len(rest))
    groups = []
    while len(left):
        apart = np.linalg.norm(keypoints[left] - keypoints[left[0]], axis=-1).mean(axis=-1)
        like = apart <= max_distance * np.maximum(lengths[left], lengths[left[0]]).clip(min=1e-9)
        like[0] = True
        groups.append([rest[index] for index in left[like]])
        left = left[~like]
    return groups


def average(palms: Sequence[Palm]) -> Palm:
    """Returns the mean of several palms weighted by score; its score is the best one's."""
    weights = np.array([palm.score for palm in palms])
    weights /= weights.sum()
    box = np.einsum("p,pij->ij", weights, np.stack([palm.box for palm in palms]))
    keypoints = np.einsum("p,pij->ij", weights, np.stack([palm.keypoints for palm in palms]))
    return Palm(max(palm.score for palm in palms), box, keypoints)


def merge(palms: Sequence[Palm]) -> list[Palm]:
    """Returns one palm for each group of like ones, best first: non-maximum suppression by weighted mean."""
    return [average(group) for group in clusters(palms)]
