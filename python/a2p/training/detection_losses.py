"""What the detection network is trained to: centres by the focal loss, boxes by their overlap, directions by L1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Float
from torch import Tensor

from a2p.detection.network import CentreMaps, cell_centres
from a2p.training.detection_pictures import DetectionBatch

_NEAR = 0.4
"""Cells whose bell is above this say the box, too."""


@dataclass(frozen=True)
class DetectionLosses:
    """The parts, not weighted yet."""

    centres: Float[Tensor, ""]
    boxes: Float[Tensor, ""]
    """Mean of -log of the overlap (intersection over union) with the true box."""
    pointing: Float[Tensor, ""]

    @property
    def total(self) -> Float[Tensor, ""]:
        """The weighted sum."""
        return self.centres + self.boxes + 0.5 * self.pointing


def detection_losses(maps: CentreMaps, batch: DetectionBatch) -> DetectionLosses:
    """Returns the parts of the loss."""
    near = (batch.bells > _NEAR) & batch.present[..., None, None]
    weight = near * batch.bells
    total = weight.sum().clamp(min=1.0)
    overlap = overlaps(maps.log_edges, batch.boxes)
    off = (maps.pointing - batch.pointing[..., None, None]).abs().mean(2)
    return DetectionLosses(
        centres=_focal(maps.logits, batch),
        boxes=(torch.where(near, -overlap.clamp(min=1e-6).log(), 0.0) * weight).sum() / total,
        pointing=(off * weight).sum() / total,
    )


def overlaps(log_edges: Float[Tensor, "b 2 4 h w"], boxes: Float[Tensor, "b 2 4"]) -> Float[Tensor, "b 2 h w"]:
    """Returns the intersection over union of each cell's box with the true one of its side."""
    height, width = log_edges.shape[-2:]
    x, y = cell_centres(width, log_edges), cell_centres(height, log_edges)[:, None]
    low_x, low_y, high_x, high_y = (boxes[..., k, None, None] for k in range(4))
    true = [x - low_x, y - low_y, high_x - x, high_y - y]
    said = log_edges.exp().unbind(2)
    across = (torch.minimum(said[0], true[0]) + torch.minimum(said[2], true[2])).clamp(min=0.0)
    down = (torch.minimum(said[1], true[1]) + torch.minimum(said[3], true[3])).clamp(min=0.0)
    shared = across * down
    own = (said[0] + said[2]) * (said[1] + said[3])
    other = ((high_x - low_x) * (high_y - low_y)).clamp(min=1e-9)
    return shared / (own + other - shared)


def _focal(logits: Float[Tensor, "b 2 h w"], batch: DetectionBatch) -> Float[Tensor, ""]:
    """Returns CenterNet's penalty-reduced focal loss, a hand."""
    is_centre = (batch.bells > 0.999) & batch.present[..., None, None]
    probability = logits.sigmoid()
    hit = -F.logsigmoid(logits) * (1.0 - probability).square()
    miss = -F.logsigmoid(-logits) * probability.square() * (1.0 - batch.bells).pow(4)
    cells = torch.where(is_centre, hit, miss) * batch.counts
    return cells.sum() / batch.present.sum().clamp(min=1)
