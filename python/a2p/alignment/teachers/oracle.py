"""The teacher that knows: encodes the labels of rendered pictures. It needs no weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.batch import BACKGROUND, COVER, AlignmentBatch, by_hand
from a2p.alignment.fusion import Prior, PriorFeatures
from a2p.alignment.regressor import DEPTH_RANGE_M, KEYPOINTS, cell_centres

_DEPTH_BELLS = 8
"""Overlapping steps of depth behind the wrist."""


class OracleTeacher:
    """Encodes heat maps of the keypoints, the segmentation and the depth that the labels give.

    Keypoints: a Gaussian each, weaker where the keypoint is hidden. Segmentation: the share of each class in a cell.
    Depth: the share of a cell in each of `8` overlapping steps of depth, and the mean. What the labels lack is zero.
    """

    channels: Mapping[Prior, int] = {
        "keypoints": KEYPOINTS,
        "segmentation": COVER + 1,
        "depth": _DEPTH_BELLS + 1,
    }

    def __init__(self, *, grid: int = 32, sigma: float = 0.04, hidden_share: float = 0.5) -> None:
        self.grid = grid
        self.sigma = sigma
        self.hidden_share = hidden_share

    @torch.no_grad()
    def __call__(self, batch: AlignmentBatch) -> PriorFeatures:
        """Returns the encoded labels."""
        return PriorFeatures(self._keypoints(batch), self._segmentation(batch), self._depth(batch))

    def _keypoints(self, batch: AlignmentBatch) -> Float[Tensor, "b 2 21 g g"]:
        labels = batch.labels
        offsets = (labels.keypoints_25d[..., :2, None] - cell_centres(self.grid, labels.keypoints_25d)) / self.sigma
        across, down = torch.exp(-0.5 * offsets.square()).unbind(-2)
        strength = torch.where(labels.visible, 1.0, self.hidden_share) * labels.keypoints_2d_valid
        maps: Tensor = strength[..., None, None] * down[..., :, None] * across[..., None, :]
        return torch.where(labels.keypoints_2d_valid[..., None, None], maps, 0.0)

    def _segmentation(self, batch: AlignmentBatch) -> Float[Tensor, "b 2 classes g g"]:
        classes = torch.arange(BACKGROUND, COVER + 1, device=batch.labels.segmentation.device)
        one_hot = (batch.labels.segmentation[:, :, None] == classes[:, None, None]).float()
        return self._pooled(one_hot * batch.labels.segmentation_valid[..., None, None, None])

    def _depth(self, batch: AlignmentBatch) -> Float[Tensor, "b 2 steps g g"]:
        labels = batch.labels
        valid = labels.depth_valid[:, :, None].float()
        depth = (labels.depth / DEPTH_RANGE_M).clamp(-1.0, 1.0)[:, :, None]
        steps = torch.linspace(-0.75, 0.75, _DEPTH_BELLS, device=depth.device)[:, None, None]
        bells = torch.exp(-0.5 * ((depth - steps) / 0.15).square())
        return self._pooled(torch.cat([bells, depth], dim=2) * valid)

    def _pooled(self, maps: Float[Tensor, "b 2 c s s"]) -> Float[Tensor, "b 2 c g g"]:
        return by_hand(F.adaptive_avg_pool2d(maps.flatten(0, 1), self.grid))
