"""Predictors that know the truth, to test what is measured; they can be sent to worker processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from a2p.data import HandLabels, Sample
from a2p.evaluation.prediction import PredictedHand, Prediction, Predictor, Stage2
from a2p.hand import HandPair
from tests.data.scenes import models


@dataclass(frozen=True)
class TruthFactory:
    """Makes a predictor that tells the truth, changed as it says."""

    move_left_m: float = 0.0
    """All of the left hand, along x."""
    move_fingers_m: float = 0.0
    """All keypoints but the wrist, along z."""
    move_mesh_m: float = 0.0
    """All vertices but the first, along y."""
    forget_left: bool = False
    die_at: str | None = None
    """The sample at which the process dies, unless `mark` exists."""
    mark: Path | None = None

    def __call__(self) -> Predictor:
        return TruthPredictor(self)


class TruthPredictor:
    """Says what the sample says."""

    models: HandPair

    def __init__(self, factory: TruthFactory) -> None:
        self.factory = factory
        self.models = models()

    def __call__(self, sample: Sample, pixels: np.ndarray, stage2s: Sequence[Stage2]) -> list[Prediction]:
        assert pixels.dtype == np.uint8
        factory = self.factory
        if sample.id == factory.die_at and factory.mark is not None and not factory.mark.exists():
            factory.mark.touch()
            os._exit(9)
        left = None if factory.forget_left else self.hand(sample.left, factory.move_left_m)
        return [Prediction(self.hand(sample.right, 0.0), left, 0.25) for _ in stage2s]

    def hand(self, labels: HandLabels | None, moved: float) -> PredictedHand | None:
        if labels is None:
            return None
        assert labels.vertices is not None
        shift = torch.tensor([moved, 0.0, 0.0])
        keypoints = labels.keypoints_3d + shift
        keypoints[1:] += torch.tensor([0.0, 0.0, self.factory.move_fingers_m])
        vertices = labels.vertices + shift
        vertices[1:] += torch.tensor([0.0, self.factory.move_mesh_m, 0.0])
        return PredictedHand(keypoints, vertices, labels.parameters)
