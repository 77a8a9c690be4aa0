"""What is evaluated: something that turns a sample's picture into posed hands."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from a2p.aligner import AlignedHands, Aligner
from a2p.arrays import Keypoints3D
from a2p.data.placement import model_of
from a2p.data.sample import Sample
from a2p.errors import DataError
from a2p.finisher import Finisher
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.hand.hand_data import Side
from a2p.hand.keypoints import KeypointRegressor

Stage2: TypeAlias = Literal["none", "descent", "diffusion"]
"""What makes hands that penetrate plausible."""
STAGES = ("perception", "alignment", "plausibility")
"""The parts that a picture's time is told of: finding hands and their keypoints, posing them, making them plausible."""


@dataclass(frozen=True)
class PredictedHand:
    """One hand in the camera frame, m."""

    keypoints_3d: Keypoints3D
    """In the sample's convention."""
    vertices: Float[Tensor, "v 3"]
    parameters: HandParameters | None = None


@dataclass(frozen=True)
class Prediction:
    """What was made of one picture."""

    right: PredictedHand | None
    left: PredictedHand | None
    seconds: float
    """Wall-clock time that it took, all of stage 1 with it however many predictions share that."""
    stage_seconds: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    """Of these, by `STAGES`; NaN where nobody measured."""


@runtime_checkable
class Predictor(Protocol):
    """Anything that poses hands. `models` are those that its vertices belong to."""

    models: HandPair

    def __call__(
        self, sample: Sample, pixels: UInt8[np.ndarray, "h w 3"], stage2s: Sequence[Stage2]
    ) -> list[Prediction]:
        """Returns the hands of a picture, once for each way to make them plausible; stage 1 is common to all.

        The sample's boxes and camera may be used, its hands may not.
        """


class PipelinePredictor:
    """a2p's own pipeline, given the sample's camera and boxes."""

    def __init__(
        self, *, hand_model: str = "open", given_boxes: bool = True, network: Path | bool | None = None
    ) -> None:
        """Loads the models; `network` is an alignment network's file, False for none, None for the default."""
        self.models = HandModel.load_pair(hand_model)
        self._align = Aligner(self.models) if network is None else Aligner(self.models, network=network)
        self._finishers: dict[Stage2, Finisher] = {}
        self._given_boxes = given_boxes
        self._reader = HandReader(self.models)

    def __call__(
        self, sample: Sample, pixels: UInt8[np.ndarray, "h w 3"], stage2s: Sequence[Stage2]
    ) -> list[Prediction]:
        """Returns the hands that the pipeline sees."""
        require_pinhole(sample)
        boxes = [(side, box) for side, box in sample.boxes] if self._given_boxes else None
        start = time.perf_counter()
        aligned = self._align(pixels, boxes=boxes, camera=sample.camera)
        seconds = time.perf_counter() - start
        return [self._finished(aligned, seconds, stage2, sample.convention) for stage2 in stage2s]

    def _finished(self, aligned: AlignedHands, seconds: float, stage2: Stage2, convention: str) -> Prediction:
        """Returns the hands after a stage 2; `seconds` is what stage 1 took."""
        if stage2 not in self._finishers:
            self._finishers[stage2] = Finisher(self.models, refine=False if stage2 == "none" else stage2)
        start = time.perf_counter()
        result = self._finishers[stage2](aligned)
        seconds += time.perf_counter() - start
        right, left = (
            None if hand is None else self._reader(hand.parameters, hand.handedness, convention)
            for hand in (result.right, result.left)
        )
        perception, alignment, plausibility = (1e-3 * result.timings_ms[stage] for stage in STAGES)
        return Prediction(right, left, seconds, (perception, alignment, plausibility))


class HandReader:
    """Poses parameters and puts a data set's own keypoints on the hands."""

    def __init__(self, models: HandPair) -> None:
        self._models = models
        self._keypoints: dict[tuple[str, Side], KeypointRegressor] = {}

    def __call__(self, parameters: HandParameters, side: Side, convention: str) -> PredictedHand:
        """Returns one hand."""
        key = (convention, side)
        model = model_of(self._models, side)
        if key not in self._keypoints:
            self._keypoints[key] = KeypointRegressor.for_model(model, convention)
        with torch.no_grad():
            posed = model(parameters)
            keypoints = self._keypoints[key](posed, parameters.betas)
        return PredictedHand(keypoints, posed.vertices, parameters)


def require_pinhole(sample: Sample) -> None:
    """Raises DataError for a picture through a lens that nothing here knows."""
    if sample.fisheye is not None:
        raise DataError(
            f"sample {sample.id} was taken through a fisheye lens, which the pipeline does not know. Evaluate on "
            "rectified pictures."
        )
