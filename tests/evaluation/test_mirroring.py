"""Mirrored data gives mirrored results: every figure of a mirrored world is that of the world, but RRVE.

RRVE aligns the right wrist, by definition: in a mirror that is the other hand's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p.data import HandLabels, InterHand26M, Sample
from a2p.data.placement import model_of
from a2p.evaluation.metrics import metrics_of
from a2p.evaluation.prediction import PredictedHand, Prediction
from a2p.evaluation.regression import JointRegressor
from a2p.evaluation.scoring import Scorer
from a2p.hand import mirror_parameters
from a2p.hand.hand_data import Side
from tests.data.interhand_folder import write_interhand
from tests.data.scenes import models
from tests.tolerances import MIRRORED_METRIC

MIRROR = torch.tensor([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Shaken:
    """The true hands with errors that depend on the sample and the side, moved towards each other."""

    mirrored: bool

    def __call__(self, sample: Sample) -> Prediction:
        right, left = (self.hand(sample, side) for side in ("right", "left"))
        return Prediction(right, left, 0.1)

    def hand(self, sample: Sample, side: Side) -> PredictedHand | None:
        labels = sample.right if side == "right" else sample.left
        if labels is None or labels.parameters is None:
            return None
        original: Side = side if not self.mirrored else "left" if side == "right" else "right"
        generator = torch.Generator().manual_seed(int(sample.id) * 2 + (original == "left"))
        sign = MIRROR if self.mirrored else torch.ones(3)
        turn = torch.tensor([1.0, -1.0, -1.0]) if self.mirrored else torch.ones(3)
        towards = torch.tensor([0.055 if original == "right" else -0.055, 0.0, 0.0])
        shift = (0.004 * torch.randn(3, generator=generator) + towards) * sign
        bent = labels.parameters.hand_pose + 0.1 * torch.randn(15, 3, generator=generator) * turn
        parameters = replace(labels.parameters, hand_pose=bent, transl=labels.parameters.transl + shift)
        vertices = model_of(models(), side)(parameters).vertices
        noise = 0.003 * torch.randn(21, 3, generator=generator) * sign
        return PredictedHand(labels.keypoints_3d + noise + shift, vertices, parameters)


def mirrored(sample: Sample) -> Sample:
    """The sample as it looks in a mirror at x = 0."""
    kinds: dict[str, str] = {"right": "left", "left": "right", "interacting": "interacting"}
    return replace(
        sample,
        hand_type=kinds[sample.hand_type],  # type: ignore[arg-type]
        right=mirrored_labels(sample.left, "right"),
        left=mirrored_labels(sample.right, "left"),
    )


def mirrored_labels(labels: HandLabels | None, side: Side) -> HandLabels | None:
    if labels is None:
        return None
    assert labels.parameters is not None
    parameters = mirror_parameters(labels.parameters)
    vertices = model_of(models(), side)(parameters).vertices
    return replace(labels, keypoints_3d=labels.keypoints_3d * MIRROR, parameters=parameters, vertices=vertices)


def test_every_figure_of_a_mirrored_world_is_that_of_the_world(tmp_path: Path) -> None:
    dataset = InterHand26M(write_interhand(tmp_path / "ih"), models=models(), index_folder=tmp_path / "index")
    scorer = Scorer(models(), JointRegressor.of_model("open"))
    samples = [dataset[index] for index in range(4)]
    plain = np.stack([scorer(sample, Shaken(mirrored=False)(sample)) for sample in samples])
    turned = np.stack([scorer(sample, Shaken(mirrored=True)(sample)) for sample in map(mirrored, samples)])
    assert np.nanmax(plain["max_depth_mm"]) > 2.0, "the hands penetrate"
    for protocol in ("interwild", "intaghand", "procrustes"):
        for name, metric in metrics_of(protocol).items():  # type: ignore[arg-type]
            if name == "RRVE":
                continue
            assert metric(turned) == pytest.approx(metric(plain), rel=MIRRORED_METRIC, nan_ok=True), name
    both = turned["joints_mm"][:, :, ::-1]
    assert np.array_equal(both, plain["joints_mm"], equal_nan=True)
