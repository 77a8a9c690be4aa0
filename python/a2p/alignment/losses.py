"""What the alignment network is trained to: L_total = L_hand + L_prior (eq. 3 of the paper), each part masked.

L_hand is L1 on MANO parameters (rotations compared as matrices), 3D keypoints, 2.5D keypoints, mesh and relative
translation. Each part is the mean over what its data set labels; a part that no sample labels is zero, without a
gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from a2p.alignment.batch import AlignmentBatch, AlignmentLabels, AlignmentOutput
from a2p.alignment.regressor import DEPTH_RANGE_M, cell_centres
from a2p.errors import ConfigError
from a2p.hand import HandModel
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.rotations import rotmat_from_rot6d

PAPER_CELLS = 8
"""2.5D keypoints are compared in cells of the paper's 8 x 8 x 8 heat map."""


@dataclass(frozen=True, kw_only=True)
class AlignmentLossWeights:
    """How much each part counts; by default as in the paper, which follows InterWild. 0 leaves a part out."""

    rotations: float = 1.0
    betas: float = 1.0
    keypoints_3d: float = 10.0
    mesh: float = 10.0
    keypoints_25d: float = 1.0
    projection: float = 1.0
    """The posed hand's keypoints in the crop; the only part that tells the wrist's place."""
    relative: float = 1.0
    heatmaps: float = 0.0
    """Cross entropy of heat maps to a Gaussian at each keypoint. Not in the paper."""
    heatmap_sigma: float = 0.04
    """Of that Gaussian, in units of the crop's side."""
    prior: float = 1.0

    def __post_init__(self) -> None:
        if min(getattr(self, item.name) for item in fields(self)) < 0 or self.heatmap_sigma == 0:
            raise ConfigError(f"loss weights must be at least 0 and heatmap_sigma positive; got {self}.")


@dataclass(frozen=True)
class AlignmentLosses:
    """The parts, not weighted yet."""

    rotations: Float[Tensor, ""]
    betas: Float[Tensor, ""]
    keypoints_3d: Float[Tensor, ""]
    mesh: Float[Tensor, ""]
    keypoints_25d: Float[Tensor, ""]
    projection: Float[Tensor, ""]
    relative: Float[Tensor, ""]
    heatmaps: Float[Tensor, ""]
    prior: Float[Tensor, ""]

    def total(self, weights: AlignmentLossWeights) -> Float[Tensor, ""]:
        """Returns the weighted sum."""
        parts = [getattr(weights, item.name) * getattr(self, item.name) for item in fields(self)]
        return torch.stack(parts).sum()


class AlignmentCriterion(nn.Module):
    """Compares what the network says with what is known. Both hands are compared as right ones, as the network sees
    them, so that one right hand model serves."""

    def __init__(self, model: HandModel, weights: AlignmentLossWeights | None = None) -> None:
        super().__init__()
        self.model = model
        self.weights = weights or AlignmentLossWeights()
        self._regressor = KeypointRegressor.for_model(model)

    def _apply(self, fn, recurse: bool = True):  # type: ignore[no-untyped-def]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._regressor = KeypointRegressor.for_model(self.model)
        return self

    def forward(self, output: AlignmentOutput, batch: AlignmentBatch) -> AlignmentLosses:
        """Returns the parts of the loss."""
        batch = replace(batch, labels=_finite(batch.labels))
        labels, present = batch.labels, batch.given.present
        rotmats = rotmat_from_rot6d(output.rot6d)
        vertices, keypoints = self._posed(rotmats, output.betas)
        with torch.no_grad():
            true_vertices, _ = self._posed(labels.rotmats, labels.betas)
        fitted = labels.parameters_valid & present
        known = labels.keypoints_3d_valid & present[..., None]
        seen = labels.keypoints_2d_valid & present[..., None]
        about_wrist = keypoints - keypoints[..., :1, :]
        return AlignmentLosses(
            rotations=masked_mean((rotmats - labels.rotmats).abs().mean((-3, -2, -1)), fitted),
            betas=masked_mean((output.betas - labels.betas).abs().mean(-1), fitted),
            keypoints_3d=masked_mean((about_wrist - labels.keypoints_3d).abs().mean(-1), known),
            mesh=masked_mean((vertices - true_vertices).abs().mean((-2, -1)), fitted),
            keypoints_25d=self._keypoints_25d(output, batch, seen, known),
            projection=self._projection(output, batch, keypoints, seen),
            relative=masked_mean(
                (output.relative_translation - labels.relative_translation).abs().mean(-1),
                labels.relative_valid & present.all(dim=1),
            ),
            heatmaps=self._heatmaps(output, batch, seen),
            prior=prior_loss(output, present),
        )

    def keypoints(self, output: AlignmentOutput) -> Float[Tensor, "b 2 21 3"]:
        """Returns the posed hands' keypoints about their wrist keypoint, m, as right hands."""
        _, keypoints = self._posed(rotmat_from_rot6d(output.rot6d), output.betas)
        return keypoints - keypoints[..., :1, :]

    def _posed(
        self, rotmats: Float[Tensor, "b 2 16 3 3"], betas: Float[Tensor, "b 2 10"]
    ) -> tuple[Float[Tensor, "b 2 v 3"], Float[Tensor, "b 2 21 3"]]:
        """Returns vertices and keypoints about the wrist joint, m."""
        posed = self.model.pose(rotmats, betas, torch.zeros_like(betas[..., :3]))
        wrist = posed.joints[..., :1, :]
        return posed.vertices - wrist, self._regressor(posed, betas) - wrist

    @staticmethod
    def _keypoints_25d(output: AlignmentOutput, batch: AlignmentBatch, seen: Tensor, known: Tensor) -> Tensor:
        error = PAPER_CELLS * (output.keypoints_25d - batch.labels.keypoints_25d).abs()
        return masked_mean(error[..., :2].mean(-1), seen) + masked_mean(error[..., 2] / DEPTH_RANGE_M, known)

    @staticmethod
    def _projection(output: AlignmentOutput, batch: AlignmentBatch, keypoints: Tensor, seen: Tensor) -> Tensor:
        points = keypoints + output.wrist[:, :, None]
        intrinsics = batch.given.intrinsics[:, :, None]
        depth = points[..., 2:].clamp(min=0.02)
        pixels = points[..., :2] / depth * intrinsics[..., :2] + intrinsics[..., 2:]
        error = PAPER_CELLS * (pixels - batch.labels.keypoints_25d[..., :2]).abs().mean(-1)
        return masked_mean(error.clamp(max=10.0 * PAPER_CELLS), seen)

    def _heatmaps(self, output: AlignmentOutput, batch: AlignmentBatch, seen: Tensor) -> Tensor:
        places = batch.labels.keypoints_25d[..., :2]
        inside = ((places > 0.0) & (places < 1.0)).all(dim=-1)
        height, width = output.log_heatmaps.shape[-2:]

        def bell(count: int, place: Tensor) -> Tensor:
            offset = (place[..., None] - cell_centres(count, place)) / self.weights.heatmap_sigma
            return (-0.5 * offset.square()).softmax(dim=-1)

        wanted = bell(height, places[..., 1])[..., :, None] * bell(width, places[..., 0])[..., None, :]
        return masked_mean(-(wanted * output.log_heatmaps).sum((-2, -1)), seen & inside)


def prior_loss(output: AlignmentOutput, present: Bool[Tensor, "b 2"]) -> Float[Tensor, ""]:
    """Returns L_prior = MSE(F_p, F_fa) over the hands there are.

    F_p is held constant here: the encoder comes to the teachers, not the teachers' projection to the encoder, which
    could please this loss by saying nothing. The projection learns from L_hand, through the transformer.
    """
    if output.prior_features is None:
        return output.alignment_features.new_zeros(())
    squared = (output.prior_features.detach() - output.alignment_features).float().square()
    return masked_mean(squared.mean((-3, -2, -1)), present)


def _finite(labels: AlignmentLabels) -> AlignmentLabels:
    """Returns labels with zeros for NaN and infinity, which masks hide from values but not from gradients."""
    values = {item.name: getattr(labels, item.name) for item in fields(labels)}
    return AlignmentLabels(
        **{name: v.nan_to_num(0.0, 0.0, 0.0) if v.is_floating_point() else v for name, v in values.items()}
    )


def masked_mean(values: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Returns the mean where the mask holds, 0 where it holds nowhere. Values outside the mask may be anything."""
    kept = torch.where(mask, values, torch.zeros_like(values))
    return kept.sum() / mask.sum().clamp(min=1)
