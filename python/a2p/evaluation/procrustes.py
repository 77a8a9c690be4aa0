"""The similarity that lies one set of points best on another."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def procrustes_aligned(points: Float[Tensor, "*b k 3"], target: Float[Tensor, "*b k 3"]) -> Float[Tensor, "*b k 3"]:
    """Returns the points rotated, scaled and moved onto the target with the least sum of squares; no reflection.

    Method: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991.
    Points that all coincide have no rotation or scale: they come back at the target's mean. Points in one line have no
    single best rotation; one of the best is taken.
    """
    mean, target_mean = points.mean(dim=-2, keepdim=True), target.mean(dim=-2, keepdim=True)
    centred, target_centred = points - mean, target - target_mean
    left, values, right = torch.linalg.svd(centred.mT @ target_centred)
    signs = torch.ones_like(values)
    signs[..., 2] = torch.where(torch.linalg.det(left @ right) < 0, -1.0, 1.0).to(values.dtype)
    spread = centred.square().sum(dim=(-2, -1))
    scale = (values * signs).sum(dim=-1) / spread.clamp(min=torch.finfo(values.dtype).tiny)
    aligned: Tensor = scale[..., None, None] * (centred @ (left * signs[..., None, :]) @ right) + target_mean
    return aligned
