"""The record of one evaluated sample: everything that tables, comparisons and pictures are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from a2p.data.sample import HandLabels, Sample
from a2p.errors import DataError
from a2p.evaluation.accuracy import Axes, Protocol, TwoHands, Validity, sample_errors
from a2p.evaluation.plausibility import PairMeshes, SamplePlausibility, sample_plausibility
from a2p.evaluation.prediction import STAGES, PredictedHand, Prediction
from a2p.evaluation.regression import JointRegressor
from a2p.hand import HandPair

MEASURES: tuple[tuple[Protocol, Axes], ...] = (
    ("interwild", "xyz"),
    ("interwild", "xy"),
    ("interwild", "z"),
    ("intaghand", "xyz"),
    ("procrustes", "xyz"),
)
"""By what protocols and along which axes every sample is measured."""
_PLAUSIBILITY = tuple(field.name for field in fields(SamplePlausibility))
RECORD = np.dtype(
    [
        ("joints_mm", "f4", (len(MEASURES), 2, 21)),
        ("vertices_mm", "f4", (len(MEASURES), 2)),
        ("relative_root_mm", "f4", (len(MEASURES),)),
        ("relative_vertices_mm", "f4", (len(MEASURES),)),
        ("is_interacting", "?"),
        ("is_wanted", "?", (2,)),
        ("is_found", "?", (2,)),
        ("is_regressed", "?"),
        *((name, "f8") for name in _PLAUSIBILITY),
        ("seconds", "f8"),
        ("stage_seconds", "f8", (len(STAGES),)),
        ("teachers", "f4"),
        ("keypoints_m", "f4", (2, 21, 3)),
        ("truth_m", "f4", (2, 21, 3)),
        ("parameters", "f4", (2, 61)),
    ]
)
"""One sample. Hands: right, then left. What is not known is NaN."""
Records = npt.NDArray[Any]


@dataclass(frozen=True)
class Scorer:
    """Compares predictions with samples."""

    models: HandPair
    """What the predicted vertices belong to."""
    regressor: JointRegressor

    def __call__(self, sample: Sample, prediction: Prediction) -> Records:
        """Returns the record of a sample. A hand that was not found has no errors and counts as missing."""
        labels = [sample.right, sample.left]
        hands = [prediction.right, prediction.left]
        regressed = self._is_regressed(labels)
        truth = [self._truth(label, regressed) for label in labels]
        points = [self._points(hand, regressed) for hand in hands]
        is_found = torch.tensor([hand is not None for hand in hands])
        known = torch.stack([_known(label, regressed) for label in labels]) & is_found[:, None]
        if not bool(torch.stack([_known(label, regressed) for label in labels]).any()):
            raise DataError(f"sample {sample.id} of {sample.dataset} has no 3D truth to compare with. Skip it.")
        record = np.zeros((), dtype=RECORD)
        self._write_errors(record, sample, (points, truth, known), hands, labels)
        self._write_plausibility(record, hands, labels)
        record["is_interacting"] = sample.hand_type == "interacting"
        record["is_wanted"] = [label is not None and label.is_annotated for label in labels]
        record["is_found"] = is_found.numpy()
        record["is_regressed"] = regressed
        record["seconds"] = prediction.seconds
        record["stage_seconds"] = prediction.stage_seconds
        record["keypoints_m"] = torch.stack(points).numpy()
        record["truth_m"] = torch.stack(truth).numpy()
        record["parameters"] = [_flat(hand) for hand in hands]
        return record

    def _is_regressed(self, labels: Sequence[HandLabels | None]) -> bool:
        """Whether joints come from meshes: on demand, or because the truth has none."""
        there = [label for label in labels if label is not None]
        can = any(self.regressor.fits(label.vertices) for label in there)
        return can and (self.regressor.is_given or not any(bool(label.keypoints_3d_valid.any()) for label in there))

    def _truth(self, label: HandLabels | None, regressed: bool) -> Tensor:
        if label is None:
            return torch.full((21, 3), torch.nan, dtype=torch.float64)
        if regressed:
            return self._regressed(label.vertices)
        return label.keypoints_3d.double()

    def _points(self, hand: PredictedHand | None, regressed: bool) -> Tensor:
        if hand is None:
            return torch.full((21, 3), torch.nan, dtype=torch.float64)
        return self._regressed(hand.vertices) if regressed else hand.keypoints_3d.double()

    def _regressed(self, vertices: Tensor | None) -> Tensor:
        if vertices is None or not self.regressor.fits(vertices):
            return torch.full((21, 3), torch.nan, dtype=torch.float64)
        return self.regressor(vertices)

    def _write_errors(
        self,
        record: npt.NDArray[Any],
        sample: Sample,
        joints: tuple[list[Tensor], list[Tensor], Tensor],
        hands: Sequence[PredictedHand | None],
        labels: Sequence[HandLabels | None],
    ) -> None:
        points, truth, known = joints
        has_mesh = [
            hand is not None and label is not None and self.regressor.fits(label.vertices)
            for hand, label in zip(hands, labels, strict=True)
        ]
        predicted = self._two_hands(points, [None if hand is None else hand.vertices for hand in hands])
        target = self._two_hands(truth, [None if label is None else label.vertices for label in labels])
        is_pair = torch.tensor([sample.hand_type == "interacting"])
        validity = Validity(known[None], torch.tensor([has_mesh]), is_pair)
        for row, (protocol, axes) in enumerate(MEASURES):
            errors = sample_errors(predicted, target, validity, protocol=protocol, axes=axes)
            record["joints_mm"][row] = errors.joints[0].numpy()
            record["vertices_mm"][row] = errors.vertices[0].numpy()
            record["relative_root_mm"][row] = float(errors.relative_root[0])
            record["relative_vertices_mm"][row] = float(errors.relative_vertices[0])

    def _two_hands(self, points: Sequence[Tensor], meshes: Sequence[Tensor | None]) -> TwoHands:
        """Returns points and meshes as the metrics take them; meshes that do not fit the hand model are left out."""
        count = self.regressor.weights.shape[1]
        filled = torch.full((2, count, 3), torch.nan, dtype=torch.float64)
        for row, mesh in enumerate(meshes):
            if mesh is not None and len(mesh) == count:
                filled[row] = mesh.double()
        wrists = torch.einsum("v,svc->sc", self.regressor.weights[0], filled)
        return TwoHands(torch.stack(list(points))[None], filled[None], wrists[None])

    def _write_plausibility(
        self,
        record: npt.NDArray[Any],
        hands: Sequence[PredictedHand | None],
        labels: Sequence[HandLabels | None],
    ) -> None:
        for name in _PLAUSIBILITY:
            record[name] = np.nan
        right, left = hands
        if right is None or left is None:
            return
        truth = None
        meshes = [None if label is None else label.vertices for label in labels]
        if meshes[0] is not None and meshes[1] is not None and all(self.regressor.fits(mesh) for mesh in meshes):
            truth = PairMeshes(meshes[0][None], meshes[1][None])
        topologies = (self.models.right.topology, self.models.left.topology)
        found = sample_plausibility(PairMeshes(right.vertices[None], left.vertices[None]), topologies, truth)
        for name in _PLAUSIBILITY:
            record[name] = float(getattr(found, name)[0])


def _known(label: HandLabels | None, regressed: bool) -> Tensor:
    """Returns which joints count: InterWild takes those that are annotated in this picture."""
    if label is None:
        return torch.zeros(21, dtype=torch.bool)
    if regressed:
        return torch.full((21,), label.vertices is not None)
    return label.keypoints_3d_valid & label.keypoints_2d_valid


def _flat(hand: PredictedHand | None) -> npt.NDArray[np.float32]:
    """Returns orientation, pose, betas and translation in one row."""
    if hand is None or hand.parameters is None:
        return np.full(61, np.nan, dtype=np.float32)
    parts = hand.parameters
    return torch.cat([parts.global_orient, parts.hand_pose.flatten(), parts.betas, parts.transl]).float().numpy()
