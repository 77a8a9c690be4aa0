"""How often a surface, closed or not, winds about points."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from a2p.native import core
from a2p.penetration.backends import reference
from a2p.penetration.measures import MeasureBackend, indices, positions, runs_native


def winding_number(
    points: Float[Tensor, "p 3"],
    vertices: Float[Tensor, "v 3"],
    faces: Int[Tensor, "f 3"],
    *,
    backend: MeasureBackend = "auto",
) -> Float[Tensor, " p"]:
    """Returns the solid angle of the mesh about each point over 4 pi, in float64 and without gradient.

    An integer for a closed mesh, a fraction for an open one (A. van Oosterom and J. Strackee, IEEE TBME 1983).
    """
    if not runs_native(backend, points, vertices):
        return reference.winding_number(points.detach(), vertices.detach(), faces.to(vertices.device))
    return torch.from_numpy(core.winding_number(positions(points), positions(vertices), indices(faces)))
