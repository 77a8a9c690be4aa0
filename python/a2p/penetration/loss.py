"""How depth is charged: the penalty of one penetrating vertex, and its slope."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import ConfigError

LossKind = Literal["squared", "huber", "gmof"]


@dataclass(frozen=True)
class DepthLoss:
    """The penalty phi(d) of a vertex that lies d deep; the loss of a pair is its sum over the vertices of both hands.

    | kind    | phi(d)                                            | phi'(d) / d               |
    |---------|---------------------------------------------------|---------------------------|
    | squared | d^2 / 2                                           | 1                         |
    | huber   | d^2 / 2 up to s, then s (d - s / 2)               | 1 up to s, then s / d     |
    | gmof    | d^2 / (d^2 + s^2) (Geman and McClure, 1987)       | 2 s^2 / (d^2 + s^2)^2     |

    with s = `scale`. The slope is given over d, so that nothing is divided by a depth that goes to zero.
    """

    kind: LossKind = "squared"
    scale: float = 1e-3
    """Depth (m) at which `huber` turns linear and `gmof` reaches one half; `squared` has no scale."""

    def __post_init__(self) -> None:
        if self.kind not in ("squared", "huber", "gmof"):
            raise ConfigError(f"kind must be 'squared', 'huber' or 'gmof'; got {self.kind!r}.")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ConfigError(f"scale must be a positive depth in metres; got {self.scale}. Try 1e-3.")

    def __call__(self, depth_squared: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Returns phi(d), given d^2; differentiable everywhere, at d = 0 too."""
        if self.kind == "gmof":
            return depth_squared / (depth_squared + self.scale**2)
        if self.kind == "squared":
            return depth_squared / 2
        linear = depth_squared > self.scale**2
        depth = torch.where(linear, depth_squared, torch.ones_like(depth_squared)).sqrt()
        return torch.where(linear, self.scale * (depth - self.scale / 2), depth_squared / 2)

    def slope(self, depth_squared: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Returns phi'(d) / d, given d^2: the gradient with respect to a vertex is that times its offset."""
        if self.kind == "gmof":
            return 2 * self.scale**2 / (depth_squared + self.scale**2).square()
        if self.kind == "squared":
            return torch.ones_like(depth_squared)
        return self.scale / depth_squared.clamp(min=self.scale**2).sqrt()


SQUARED = DepthLoss()
"""Half the squared depth, whose gradient with respect to a vertex is the vertex minus its closest surface point."""
