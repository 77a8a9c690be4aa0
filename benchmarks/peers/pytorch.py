"""Two ways to write it in PyTorch: the paper's criterion, and exactly."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from a2p.penetration.backends.reference import crossing_number
from a2p.penetration.vertex_criterion import vertex_collisions
from benchmarks.cases import Pairs
from benchmarks.peers.peer import Depths, Peer

CHUNK = 64
"""Points whose distances to all triangles autograd holds at once."""


class TorchPeer(Peer):
    """A peer that runs on PyTorch's autograd."""

    package: ClassVar[str] = "torch"
    gradient: ClassVar[str] = "yes"
    threads: ClassVar[str] = "1 (set)"

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.face_tensors = (pairs.topology_a.faces, pairs.topology_b.faces)


class VertexCriterion(TorchPeer):
    """The paper's criterion (nearest vertex, opposed normals) and its gradient; a collision counts as inside."""

    name: ClassVar[str] = "PyTorch, the paper's criterion"

    def evaluate(self, a: np.ndarray, b: np.ndarray) -> tuple[Tensor, Tensor]:
        """Returns which vertices collide, having gone backward through the loss."""
        leaves = [torch.from_numpy(vertices)[None].requires_grad_() for vertices in (a, b)]
        found = vertex_collisions(leaves[0], leaves[1], *self.face_tensors, backend="reference")
        torch.autograd.grad(found.loss.sum(), leaves)
        return found.collides_a[0], found.collides_b[0]

    def depths(self, a: np.ndarray, b: np.ndarray) -> Depths:
        """Returns the distance to the nearest vertex, which the criterion penalises, where it finds a collision."""
        collides_a, collides_b = self.evaluate(a, b)
        distance = torch.cdist(torch.from_numpy(a).double(), torch.from_numpy(b).double())
        nearest_a, nearest_b = distance.amin(dim=1), distance.amin(dim=0)
        return (nearest_a * collides_a).numpy(), (nearest_b * collides_b).numpy()


class BruteForce(TorchPeer):
    """Distances from every inside point to every triangle with autograd through all of it; inside by crossings."""

    name: ClassVar[str] = "PyTorch, exact, full autograd"

    def evaluate(self, a: np.ndarray, b: np.ndarray) -> Depths:
        """Evaluates one pair, forward and backward."""
        leaves = [torch.from_numpy(vertices).requires_grad_() for vertices in (a, b)]
        depths = []
        for mine, other in ((0, 1), (1, 0)):
            points, vertices, faces = leaves[mine], leaves[other], self.face_tensors[other]
            inside = (crossing_number(points.detach(), vertices.detach(), faces) > 0).nonzero()[:, 0]
            depth = torch.zeros(len(points))
            for chunk in torch.split(inside, CHUNK):
                squared = squared_distances(points[chunk], vertices[faces]).amin(dim=1)
                torch.autograd.backward(0.5 * squared.sum(), inputs=leaves)
                depth[chunk] = squared.detach().sqrt()
            depths.append(depth.numpy())
        return depths[0], depths[1]


def squared_distances(points: Tensor, corners: Tensor) -> Tensor:
    """Returns the squared distance of every point (p, 3) to every triangle (f, 3, 3)."""
    best = torch.full((len(points), len(corners)), torch.inf)
    for k in range(3):
        offset, along = points[:, None] - corners[:, k], corners[:, (k + 1) % 3] - corners[:, k]
        share = ((offset * along).sum(-1) / along.square().sum(-1)).clamp(0, 1)
        best = torch.minimum(best, (offset - share[..., None] * along).square().sum(-1))
    ab, ac, ap = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points[:, None] - corners[:, 0]
    normal = torch.linalg.cross(ab, ac)
    scaled = normal / normal.square().sum(-1, keepdim=True)
    wb = (torch.linalg.cross(ap, ac.expand_as(ap)) * scaled).sum(-1)
    wc = (torch.linalg.cross(ab.expand_as(ap), ap) * scaled).sum(-1)
    plane = (ap * normal).sum(-1) * (ap * scaled).sum(-1)
    return torch.where((wb >= 0) & (wc >= 0) & (wb + wc <= 1), plane, best)
