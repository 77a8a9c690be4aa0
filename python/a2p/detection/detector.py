"""The detection network at work: candidates with box, handedness and the window that the landmark model wants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from a2p.alignment.compiled import CompiledBlocks, blocks_of
from a2p.alignment.folding import fold_batch_norms
from a2p.crew import Crew
from a2p.detection.network import TAPS, CentreMaps, cell_centres
from a2p.detection.weights import load_detection
from a2p.perception.crop import Crop, letterbox, sample
from a2p.perception.detector import Candidate
from a2p.perception.observation import Handedness
from a2p.perception.outline import Box, outline_box

INPUT_PX = 160
_SIDES: tuple[Handedness, Handedness] = ("right", "left")
_SAME = 0.6
"""Boxes of one side that overlap more are one hand."""


@dataclass(frozen=True)
class DetectedHand:
    """A hand that the network sees, in image px."""

    handedness: Handedness
    score: float
    box_xyxy_px: Box
    """Of all 21 keypoints, hidden ones too."""
    pointing: Float[np.ndarray, " 2"]
    """From the wrist to the middle finger's knuckle, in units of the box's larger side."""

    def crop(self) -> Crop:
        """Returns the window on the hand, fingers up."""
        x0, y0, x1, y1 = self.box_xyxy_px
        rotation = math.pi / 2.0 + math.atan2(self.pointing[1], self.pointing[0])
        side = 1.4 * max(x1 - x0, y1 - y0)
        return Crop((0.5 * (x0 + x1), 0.5 * (y0 + y1)), side, rotation)


class CentreDetector:
    """Finds right and left hands, each by its centre. A `Detector` for hands that touch."""

    def __init__(self, weights: str | PathLike[str], *, input_px: int = INPUT_PX) -> None:
        self.network = load_detection(weights)
        self.input_px = input_px
        fold_batch_norms(self.network)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        encoder = self.network.encoder
        shape = (encoder.stem_width, input_px // 2, input_px // 2)
        self._blocks = CompiledBlocks(blocks_of(encoder), taps=TAPS, shape=shape, crew=Crew(1))

    def __call__(self, image: Image.Image, *, max_hands: int) -> list[Candidate]:
        """Returns a candidate for each hand in the whole image, best first."""
        hands = self.look(image, letterbox(image.width, image.height))
        return [
            Candidate(hand.score, (hand.crop(),), outline_box(hand.box_xyxy_px), hand.handedness)
            for hand in hands[: max_hands + 4]
        ]

    @torch.inference_mode()
    def look(self, image: Image.Image, window: Crop, *, min_score: float = 0.1) -> list[DetectedHand]:
        """Returns the hands in an upright window, best first."""
        picture = torch.from_numpy(sample(np.asarray(image.convert("RGB")), window, self.input_px)).movedim(-1, 0)[None]
        nobody = torch.zeros(1, 2, self.input_px, self.input_px)
        maps = self.network.from_maps(*self._blocks(self.network.encoder.stem(picture, nobody)))
        hands = [_hand(maps, window, *place) for place in _peaks(maps.logits[0].sigmoid(), min_score)]
        return _once(sorted(hands, key=lambda hand: -hand.score))


def _peaks(heat: Float[Tensor, "2 h w"], min_score: float) -> list[tuple[int, int, int, float]]:
    """Returns side, row, column and score of every local maximum."""
    highest = torch.nn.functional.max_pool2d(heat[None], 3, 1, 1)[0]
    return [
        (side, row, column, float(heat[side, row, column]))
        for side, row, column in ((heat == highest) & (heat >= min_score)).nonzero().tolist()
    ]


def _hand(maps: CentreMaps, window: Crop, side: int, row: int, column: int, score: float) -> DetectedHand:
    height, width = maps.logits.shape[-2:]
    x, y = cell_centres(width, maps.logits)[column], cell_centres(height, maps.logits)[row]
    left, up, right, down = maps.log_edges[0, side, :, row, column].exp()
    corners = torch.stack([torch.stack([x - left, y - up]), torch.stack([x + right, y + down])]).double().numpy()
    (x0, y0), (x1, y1) = window.to_image(corners)
    box = (float(x0), float(y0), float(x1), float(y1))
    return DetectedHand(_SIDES[side], score, box, maps.pointing[0, side, :, row, column].double().numpy())


def _once(hands: list[DetectedHand]) -> list[DetectedHand]:
    kept: list[DetectedHand] = []
    for hand in hands:
        if all(other.handedness != hand.handedness or _overlap(other, hand) < _SAME for other in kept):
            kept.append(hand)
    return kept


def _overlap(a: DetectedHand, b: DetectedHand) -> float:
    """Returns the intersection over union of two boxes."""
    one, other = np.array(a.box_xyxy_px), np.array(b.box_xyxy_px)
    shared = np.prod(np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0.0, None))
    areas = np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])
    return float(shared / (areas - shared))
