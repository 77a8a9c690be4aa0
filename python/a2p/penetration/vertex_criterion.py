"""The collision criterion of the paper, by pairs of vertices, kept for comparison with the exact one.

Han et al., "From 2D Alignment to 3D Plausibility", CVPR 2026, eq. 5: vertices collide with their nearest neighbour on
the other hand if the two are closer than a threshold and their normals oppose each other. It is blind to a finger that
passes between vertices and fires on plain contact. Eq. 5 prints d^2 / (d^2 - rho); the Geman-McClure form
d^2 / (d^2 + rho^2) is used here, since the printed one is singular.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.arrays import Faces
from a2p.errors import ConfigError
from a2p.native import core
from a2p.penetration.loss import DepthLoss
from a2p.penetration.measures import MeasureBackend, indices, positions, runs_native


@dataclass(frozen=True)
class VertexCriterion:
    """Which pairs of vertices count as colliding. The paper states no values."""

    max_distance: float = 5e-3
    """Largest distance (m) of a colliding pair."""
    max_cosine: float = -0.5
    """Largest cosine between the normals of a colliding pair."""
    rho: float = 1e-2
    """Distance (m) at which the penalty of a pair reaches one half."""

    def __post_init__(self) -> None:
        if self.max_distance <= 0 or not -1.0 <= self.max_cosine <= 1.0 or self.rho <= 0:
            raise ConfigError(
                f"the criterion needs max_distance > 0, max_cosine in [-1, 1] and rho > 0; got {self}. "
                "Leave them out for the defaults."
            )


@dataclass(frozen=True)
class VertexCollisions:
    """The vertices that collide by the paper's criterion, and the loss, which autograd can follow."""

    collides_a: Bool[Tensor, "b va"]
    collides_b: Bool[Tensor, "b vb"]
    loss: Float[Tensor, " b"]


def vertex_collisions(
    vertices_a: Float[Tensor, "b va 3"],
    vertices_b: Float[Tensor, "b vb 3"],
    faces_a: Int[Tensor, "fa 3"],
    faces_b: Int[Tensor, "fb 3"],
    criterion: VertexCriterion | None = None,
    *,
    backend: MeasureBackend = "auto",
) -> VertexCollisions:
    """Returns which vertices collide by the paper's criterion, and the summed penalty of the colliding pairs."""
    criterion = VertexCriterion() if criterion is None else criterion
    if runs_native(backend, vertices_a, vertices_b):
        outputs = _NativeCollisions.apply(vertices_a, vertices_b, faces_a, faces_b, criterion)  # type: ignore[no-untyped-call]
        return VertexCollisions(*outputs)
    device = vertices_a.device
    return _reference_collisions(vertices_a, vertices_b, faces_a.to(device), faces_b.to(device), criterion)


class _NativeCollisions(torch.autograd.Function):
    """The criterion in native code, float64 inside, with the gradient computed along with the loss."""

    @staticmethod
    def forward(
        ctx: Any, vertices_a: Tensor, vertices_b: Tensor, faces_a: Tensor, faces_b: Tensor, criterion: VertexCriterion
    ) -> tuple[Tensor, Tensor, Tensor]:
        masks = [torch.zeros(vertices.shape[:2], dtype=torch.bool) for vertices in (vertices_a, vertices_b)]
        gradients = [torch.zeros_like(vertices) for vertices in (vertices_a, vertices_b)]
        loss = vertices_a.new_zeros(len(vertices_a))
        for i in range(len(loss)):
            meshes = (positions(vertices_a[i]), indices(faces_a), positions(vertices_b[i]), indices(faces_b))
            loss[i], *arrays = core.vertex_collisions(*meshes, **asdict(criterion))
            for k in range(2):
                masks[k][i] = torch.from_numpy(arrays[k])
                gradients[k][i] = torch.from_numpy(arrays[2 + k])
        ctx.save_for_backward(*gradients)
        ctx.mark_non_differentiable(*masks)
        return masks[0], masks[1], loss

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        gradient_a, gradient_b = ctx.saved_tensors
        scale = grad_outputs[2][:, None, None]
        return scale * gradient_a, scale * gradient_b, None, None, None


def _reference_collisions(
    vertices_a: Float[Tensor, "b va 3"],
    vertices_b: Float[Tensor, "b vb 3"],
    faces_a: Int[Tensor, "fa 3"],
    faces_b: Int[Tensor, "fb 3"],
    criterion: VertexCriterion,
) -> VertexCollisions:
    """Returns the same in PyTorch."""
    normals_a, normals_b = vertex_normals(vertices_a, faces_a), vertex_normals(vertices_b, faces_b)
    distance = torch.cdist(vertices_a.detach(), vertices_b.detach(), compute_mode="donot_use_mm_for_euclid_dist")
    masks, total = [], vertices_a.new_zeros(len(vertices_a))
    sides = (
        (vertices_a, vertices_b, normals_a, normals_b, distance),
        (
            vertices_b,
            vertices_a,
            normals_b,
            normals_a,
            distance.mT,
        ),
    )
    for points, others, normals, other_normals, separation in sides:
        nearest = separation.argmin(dim=-1, keepdim=True).expand(-1, -1, 3)
        squared = (points - others.gather(1, nearest)).square().sum(dim=-1)
        cosine = (normals * other_normals.gather(1, nearest)).sum(dim=-1).detach()
        collides = (squared.detach() < criterion.max_distance**2) & (cosine < criterion.max_cosine)
        penalty = DepthLoss("gmof", criterion.rho)(squared)
        total = total + torch.where(collides, penalty, torch.zeros_like(penalty)).sum(dim=-1)
        masks.append(collides)
    return VertexCollisions(masks[0], masks[1], total)


def vertex_normals(vertices: Float[Tensor, "*b v 3"], faces: Faces) -> Float[Tensor, "*b v 3"]:
    """Returns the unit normals of vertices, faces weighted by their area; zero where no face has an area."""
    corners = vertices[..., faces, :]
    normal = torch.linalg.cross(corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :])
    summed = torch.zeros_like(vertices)
    for k in range(3):
        summed = summed.index_add(-2, faces[:, k], normal)
    return torch.nn.functional.normalize(summed, dim=-1)
