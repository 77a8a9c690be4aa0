"""What every backend offers: the same two operations on batches of equally shaped tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.penetration.loss import DepthLoss


@dataclass(frozen=True)
class Surface:
    """The faces of a closed mesh; those that only close it are marked."""

    faces: Int[Tensor, "f 3"]
    is_cap: Bool[Tensor, " f"]

    def on(self, device: torch.device) -> Surface:
        """Returns the same surface on a device: a topology's tensors lie on the CPU."""
        return Surface(self.faces.to(device), self.is_cap.to(device))


@dataclass(frozen=True)
class PenetrationValues:
    """The depths of all vertices, the loss of each pair, and the loss's gradient."""

    loss: Float[Tensor, " b"]
    depth_a: Float[Tensor, "b va"]
    depth_b: Float[Tensor, "b vb"]
    gradient_a: Float[Tensor, "b va 3"]
    gradient_b: Float[Tensor, "b vb 3"]


@dataclass(frozen=True)
class Located:
    """The signed distance of points, and where on the mesh their closest surface points lie."""

    distance: Float[Tensor, "b p"]
    """Negative inside; infinite for a mesh without surface, whose face is then -1."""
    face: Int[Tensor, "b p"]
    weights: Float[Tensor, "b p 3"]


@runtime_checkable
class Backend(Protocol):
    """A module of this package that implements the operations. Input is checked before it gets here.

    A value may come in a wider dtype than the input's; the caller narrows it.
    """

    def reason_unavailable(self, device: torch.device) -> str | None:
        """Returns why tensors on `device` cannot be handled here and what would help, or None if they can."""

    def penetration(
        self,
        vertices_a: Float[Tensor, "b va 3"],
        vertices_b: Float[Tensor, "b vb 3"],
        surface_a: Surface,
        surface_b: Surface,
        loss: DepthLoss,
    ) -> PenetrationValues:
        """Returns the depths both ways, the loss and its gradient."""

    def locate(self, points: Float[Tensor, "b p 3"], vertices: Float[Tensor, "b v 3"], surface: Surface) -> Located:
        """Returns the signed distance and the closest surface point of every point."""
