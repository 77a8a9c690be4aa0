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

from a2p.alignment.crop_windows import alignment_input
from a2p.alignment.mirroring import hands_of
from a2p.alignment.weights import load_alignment
from a2p.camera import Camera
from a2p.data.sample import BOX_SCALE, Sample
from a2p.evaluation.prediction import HandReader, Prediction, Stage2, require_pinhole
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.perception.intrinsics import DEFAULT_FOV_DEG
from a2p.plausibility import PairEvidence, Refiner
from a2p.threads import one_torch_thread


class PairParameters(NamedTuple):
    """Both hands of a picture."""

    right: HandParameters
    left: HandParameters


class NetworkPredictor:
    """What the network says of its crops; nothing is fitted to keypoints. Hands without a box are not found."""

    def __init__(self, weights: Path, *, hand_model: str = "open", stage2: Stage2 = "none") -> None:
        self.models = HandModel.load_pair(hand_model)
        self._network = load_alignment(weights)
        self._refiner = None if stage2 == "none" else Refiner(self.models, method=stage2)
        self._reader = HandReader(self.models)

    def __call__(self, sample: Sample, pixels: UInt8[np.ndarray, "h w 3"]) -> Prediction:
        """Returns the hands that the network sees."""
        require_pinhole(sample)
        camera = sample.camera or Camera.from_fov(pixels.shape[1], pixels.shape[0], fov_deg=DEFAULT_FOV_DEG)
        boxes = {side: labels.box_xyxy_px for side, labels in sample.hands}
        box = torch.stack([_keypoint_box(boxes.get(side)) for side in ("right", "left")])
        exists = torch.isfinite(box[:, 0])
        start = time.perf_counter()
        with one_torch_thread(), torch.no_grad():
            given = alignment_input(
                torch.from_numpy(pixels),
                box,
                exists,
                torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy]),
                size=self._network.config.crop_px,
            )
            cut = time.perf_counter()
            output = self._network(given)
            hands = PairParameters(*(hand[0] for hand in hands_of(output, self.models)))
            if bool(exists.all()):
                hands = _apart_by(hands, self.models, output.relative_translation[0])
        aligned = time.perf_counter()
        if self._refiner is not None and bool(exists.all()):
            with one_torch_thread():
                right, left, _ = self._refiner(hands.right, hands.left, evidence=PairEvidence(camera))
            hands = PairParameters(right, left)
        end = time.perf_counter()
        return Prediction(
            self._reader(hands.right, "right", sample.convention) if bool(exists[0]) else None,
            self._reader(hands.left, "left", sample.convention) if bool(exists[1]) else None,
            end - start,
            (cut - start, aligned - cut, end - aligned),
        )


def _keypoint_box(box: tuple[float, float, float, float] | None) -> Float[Tensor, " 4"]:
    """Returns the box about the keypoints, which samples' boxes are larger than; NaN without a box."""
    if box is None:
        return torch.full((4,), torch.nan)
    low, high = torch.tensor(box[:2]), torch.tensor(box[2:])
    middle, half = 0.5 * (low + high), 0.5 * (high - low) / BOX_SCALE
    return torch.cat([middle - half, middle + half])


def _apart_by(hands: PairParameters, models: HandPair, relative: Float[Tensor, " 3"]) -> PairParameters:
    """Returns both hands moved, each as far as the other, until the left wrist is `relative` (m) from the right one."""
    wrists = [model.rest_joints(hand.betas)[0] + hand.transl for model, hand in zip(models, hands, strict=True)]
    step = 0.5 * (relative - (wrists[1] - wrists[0]))
    right, left = hands
    return PairParameters(replace(right, transl=right.transl - step), replace(left, transl=left.transl + step))
