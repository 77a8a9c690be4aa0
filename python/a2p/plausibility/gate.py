"""Whether a pair of hands needs stage 2 at all."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from a2p.penetration import PenetrationDepth

ALLOWED_DEPTH = 1e-3
"""Depth (m) that counts as contact: skin gives way that much."""


def boxes_overlap(box_a: Float[Tensor, "*b 4"], box_b: Float[Tensor, "*b 4"]) -> Tensor:
    """Returns whether the intersection over union of two boxes (x0, y0, x1, y1) is above zero."""
    width = (box_a[..., 2].minimum(box_b[..., 2]) - box_a[..., 0].maximum(box_b[..., 0])).clamp(min=0)
    height = (box_a[..., 3].minimum(box_b[..., 3]) - box_a[..., 1].maximum(box_b[..., 1])).clamp(min=0)
    return width * height > 0


def deepest(depth: PenetrationDepth) -> Float[Tensor, "*b"]:
    """Returns the depth (m) of the deepest vertex of either hand."""
    return depth.depth_a.amax(dim=-1).maximum(depth.depth_b.amax(dim=-1))
