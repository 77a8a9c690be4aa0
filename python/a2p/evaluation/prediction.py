"""What is evaluated: something that turns a sample's picture into posed hands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from a2p.arrays import Keypoints3D
from a2p.data.sample import Sample
from a2p.errors import DataError
from a2p.hand import HandPair, HandParameters
from a2p.hand.hand_data import Side
from a2p.hand.keypoints import KeypointRegressor
from a2p.pipeline import Reconstructor
from a2p.result import Hand

Variant: TypeAlias = Literal["full", "aligned"]
VARIANTS: Mapping[str, str] = {"full": "both stages", "aligned": "stage 1 alone: 2D alignment"}


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
    """Wall-clock time that it took."""


@runtime_checkable
class Predictor(Protocol):
    """Anything that poses hands. `models` are those that its vertices belong to."""

    models: HandPair

    def __call__(self, sample: Sample, pixels: UInt8[np.ndarray, "h w 3"]) -> Prediction:
        """Returns the hands of a picture; the sample's boxes and camera may be used, its hands may not."""


@dataclass(frozen=True, kw_only=True)
class PipelineFactory:
    """Makes the predictor that runs a2p's own pipeline; can be sent to worker processes."""

    hand_model: str = "open"
    variant: Variant = "full"
    given_boxes: bool = True
    """Whether hands are looked for in the annotated boxes, as the paper's protocol has it, or detected."""

    def __call__(self) -> Predictor:
        """Returns the predictor, its models loaded."""
        return PipelinePredictor(self)


class PipelinePredictor:
    """a2p's own pipeline, given the sample's camera and boxes."""

    def __init__(self, options: PipelineFactory) -> None:
        self._reconstructor = Reconstructor(options.hand_model, refine=options.variant == "full")
        self._given_boxes = options.given_boxes
        self._keypoints: dict[tuple[str, Side], KeypointRegressor] = {}
        self.models = self._reconstructor.models

    def __call__(self, sample: Sample, pixels: UInt8[np.ndarray, "h w 3"]) -> Prediction:
        """Returns the hands that the pipeline sees."""
        if sample.fisheye is not None:
            raise DataError(
                f"sample {sample.id} was taken through a fisheye lens, which the pipeline does not know. Evaluate on "
                "rectified pictures."
            )
        boxes = [(side, box) for side, box in sample.boxes] if self._given_boxes else None
        start = time.perf_counter()
        result = self._reconstructor(pixels, boxes=boxes, camera=sample.camera)
        seconds = time.perf_counter() - start
        return Prediction(self._hand(result.right, sample), self._hand(result.left, sample), seconds)

    def _hand(self, hand: Hand | None, sample: Sample) -> PredictedHand | None:
        if hand is None:
            return None
        key = (sample.convention, hand.handedness)
        model = self.models.right if hand.handedness == "right" else self.models.left
        if key not in self._keypoints:
            self._keypoints[key] = KeypointRegressor.for_model(model, sample.convention)
        with torch.no_grad():
            keypoints = self._keypoints[key](model(hand.parameters), hand.parameters.betas)
        return PredictedHand(keypoints, hand.vertices, hand.parameters)
