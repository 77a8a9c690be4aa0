"""The alignment network by itself, in the boxes that the data set gives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from a2p.alignment.batch import AlignmentInput
from a2p.alignment.mirroring import hands_of
from a2p.alignment.reading import HandWindows, NetworkReader, network_input
from a2p.camera import Camera
from a2p.data.sample import Sample
from a2p.evaluation.prediction import HandReader, Prediction, Stage2, require_pinhole
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.perception.crop import Crop
from a2p.perception.crop import sample as sample_crop
from a2p.perception.intrinsics import DEFAULT_FOV_DEG
from a2p.perception.outline import Box, keypoints_box
from a2p.plausibility import PairEvidence, Refiner
from a2p.threads import one_torch_thread


class PairParameters(NamedTuple):
    """Both hands of a picture."""

    right: HandParameters
    left: HandParameters


class _Said(NamedTuple):
    """What the network says of a picture."""

    hands: PairParameters
    camera: Camera
    crop_seconds: float
    network_seconds: float


class NetworkPredictor:
    """What the network says of its crops; nothing is fitted to keypoints. Hands without a box are not found."""

    def __init__(self, weights: Path | None, *, hand_model: str = "open") -> None:
        """Loads the models; `weights` is the network's file, None for the packaged one."""
        self.models = HandModel.load_pair(hand_model)
        self._reader = NetworkReader(weights)
        self._refiners: dict[Stage2, Refiner] = {}
        self._pose = HandReader(self.models)

    def __call__(
        self, sample: Sample, pixels: UInt8[np.ndarray, "h w 3"], stage2s: Sequence[Stage2]
    ) -> list[Prediction]:
        """Returns the hands that the network sees."""
        require_pinhole(sample)
        if not sample.boxes:
            return [Prediction(None, None, 0.0) for _ in stage2s]
        said = self._said(sample, pixels)
        return [self._finished(said, sample, stage2) for stage2 in stage2s]

    def _said(self, sample: Sample, pixels: UInt8[np.ndarray, "h w 3"]) -> _Said:
        camera = sample.camera or Camera.from_fov(pixels.shape[1], pixels.shape[0], fov_deg=DEFAULT_FOV_DEG)
        start = time.perf_counter()
        with one_torch_thread(), torch.no_grad():
            given = self._given(pixels, list(sample.boxes), camera)
            cut = time.perf_counter()
            output = self._reader.output(given)
            hands = PairParameters(*(hand[0] for hand in hands_of(output, self.models)))
            if len(_sides(sample)) == 2:
                hands = _apart_by(hands, self.models, output.relative_translation[0])
        return _Said(hands, camera, cut - start, time.perf_counter() - cut)

    def _finished(self, said: _Said, sample: Sample, stage2: Stage2) -> Prediction:
        sides, hands = _sides(sample), said.hands
        if stage2 != "none" and stage2 not in self._refiners:
            self._refiners[stage2] = Refiner(self.models, method=stage2)
        start = time.perf_counter()
        if stage2 != "none" and len(sides) == 2:
            with one_torch_thread():
                right, left, _ = self._refiners[stage2](hands.right, hands.left, evidence=PairEvidence(said.camera))
            hands = PairParameters(right, left)
        stages = (said.crop_seconds, said.network_seconds, time.perf_counter() - start)
        return Prediction(
            self._pose(hands.right, "right", sample.convention) if "right" in sides else None,
            self._pose(hands.left, "left", sample.convention) if "left" in sides else None,
            sum(stages),
            stages,
        )

    def _given(
        self, pixels: UInt8[np.ndarray, "h w 3"], there: list[tuple[str, Box]], camera: Camera
    ) -> AlignmentInput:
        """Returns what the network sees of the hands in their boxes, one row: the right one, then the left one."""
        windows = HandWindows(
            is_right=torch.tensor([side == "right" for side, _ in there]),
            boxes=torch.tensor([keypoints_box(box) for _, box in there]),
        )
        squares = zip(windows.centre.tolist(), windows.side.tolist(), windows.is_right.tolist(), strict=True)
        size = self._reader.crop_px
        crops = [
            sample_crop(pixels, Crop((x, y), side, mirrored=not is_right), size) for (x, y), side, is_right in squares
        ]
        place = {side: number for number, (side, _) in enumerate(there)}
        row = (place.get("right", -1), place.get("left", -1))
        return network_input(torch.from_numpy(np.stack(crops)).movedim(-1, 1), windows, camera, [row], size)


def _sides(sample: Sample) -> set[str]:
    return {side for side, _ in sample.boxes}


def _apart_by(hands: PairParameters, models: HandPair, relative: Float[Tensor, " 3"]) -> PairParameters:
    """Returns both hands moved, each as far as the other, until the left wrist is `relative` (m) from the right one."""
    wrists = [model.rest_joints(hand.betas)[0] + hand.transl for model, hand in zip(models, hands, strict=True)]
    step = 0.5 * (relative - (wrists[1] - wrists[0]))
    right, left = hands
    return PairParameters(replace(right, transl=right.transl - step), replace(left, transl=left.transl + step))
