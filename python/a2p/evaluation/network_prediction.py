"""The alignment network by itself, in the boxes that the data set gives."""

from __future__ import annotations

import time
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
from a2p.data.sample import BOX_SCALE, Box, Sample
from a2p.evaluation.prediction import HandReader, Prediction, Stage2, require_pinhole
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.perception.crop import Crop
from a2p.perception.crop import sample as sample_crop
from a2p.perception.intrinsics import DEFAULT_FOV_DEG
from a2p.plausibility import PairEvidence, Refiner
from a2p.threads import one_torch_thread


class PairParameters(NamedTuple):
    """Both hands of a picture."""

    right: HandParameters
    left: HandParameters


class NetworkPredictor:
    """What the network says of its crops; nothing is fitted to keypoints. Hands without a box are not found."""

    def __init__(self, weights: Path | None, *, hand_model: str = "open", stage2: Stage2 = "none") -> None:
        """Loads the models; `weights` is the network's file, None for the packaged one."""
        self.models = HandModel.load_pair(hand_model)
        self._reader = NetworkReader(weights)
        self._refiner = None if stage2 == "none" else Refiner(self.models, method=stage2)
        self._pose = HandReader(self.models)

    def __call__(self, sample: Sample, pixels: UInt8[np.ndarray, "h w 3"]) -> Prediction:
        """Returns the hands that the network sees."""
        require_pinhole(sample)
        camera = sample.camera or Camera.from_fov(pixels.shape[1], pixels.shape[0], fov_deg=DEFAULT_FOV_DEG)
        there = [(side, box) for side, box in sample.boxes]
        sides = {side for side, _ in there}
        start = time.perf_counter()
        if not there:
            return Prediction(None, None, time.perf_counter() - start)
        with one_torch_thread(), torch.no_grad():
            given = self._given(pixels, there, camera)
            cut = time.perf_counter()
            output = self._reader.output(given)
            hands = PairParameters(*(hand[0] for hand in hands_of(output, self.models)))
            if len(sides) == 2:
                hands = _apart_by(hands, self.models, output.relative_translation[0])
        aligned = time.perf_counter()
        if self._refiner is not None and len(sides) == 2:
            with one_torch_thread():
                right, left, _ = self._refiner(hands.right, hands.left, evidence=PairEvidence(camera))
            hands = PairParameters(right, left)
        end = time.perf_counter()
        return Prediction(
            self._pose(hands.right, "right", sample.convention) if "right" in sides else None,
            self._pose(hands.left, "left", sample.convention) if "left" in sides else None,
            end - start,
            (cut - start, aligned - cut, end - aligned),
        )

    def _given(
        self, pixels: UInt8[np.ndarray, "h w 3"], there: list[tuple[str, Box]], camera: Camera
    ) -> AlignmentInput:
        """Returns what the network sees of the hands in their boxes, one row: the right one, then the left one."""
        windows = HandWindows(
            is_right=torch.tensor([side == "right" for side, _ in there]),
            boxes=torch.stack([_keypoint_box(box) for _, box in there]),
        )
        squares = zip(windows.centre.tolist(), windows.side.tolist(), windows.is_right.tolist(), strict=True)
        size = self._reader.crop_px
        crops = [
            sample_crop(pixels, Crop((x, y), side, mirrored=not is_right), size) for (x, y), side, is_right in squares
        ]
        place = {side: number for number, (side, _) in enumerate(there)}
        row = (place.get("right", -1), place.get("left", -1))
        return network_input(torch.from_numpy(np.stack(crops)).movedim(-1, 1), windows, camera, [row], size)


def _keypoint_box(box: Box) -> Float[Tensor, " 4"]:
    """Returns the box about the keypoints, which samples' boxes are larger than."""
    low, high = torch.tensor(box[:2]), torch.tensor(box[2:])
    middle, half = 0.5 * (low + high), 0.5 * (high - low) / BOX_SCALE
    return torch.cat([middle - half, middle + half])


def _apart_by(hands: PairParameters, models: HandPair, relative: Float[Tensor, " 3"]) -> PairParameters:
    """Returns both hands moved, each as far as the other, until the left wrist is `relative` (m) from the right one."""
    wrists = [model.rest_joints(hand.betas)[0] + hand.transl for model, hand in zip(models, hands, strict=True)]
    step = 0.5 * (relative - (wrists[1] - wrists[0]))
    right, left = hands
    return PairParameters(replace(right, transl=right.transl - step), replace(left, transl=left.transl + step))
