"""Meshes with known answers, and the ways to pose them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from a2p.hand.topology import Topology


@dataclass(frozen=True)
class Solid:
    """A mesh with its topology."""

    vertices: Tensor
    topology: Topology

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Solid:
        return Solid(self.vertices + torch.tensor([x, y, z], dtype=self.vertices.dtype), self.topology)

    def scaled(self, factor: float) -> Solid:
        return Solid(self.vertices * factor, self.topology)

    def turned(self, rotation: Tensor) -> Solid:
        return Solid(self.vertices @ rotation.T.to(self.vertices.dtype), self.topology)

    def to(self, dtype: torch.dtype) -> Solid:
        return Solid(self.vertices.to(dtype), self.topology)


def solid(vertices: np.ndarray, faces: np.ndarray) -> Solid:
    positions = torch.from_numpy(np.asarray(vertices, dtype=np.float64).copy())
    return Solid(positions, Topology(np.asarray(faces, dtype=np.int64), positions))


def sphere(radius: float, *, subdivisions: int = 3) -> Solid:
    """An icosahedron whose faces are quartered `subdivisions` times, every vertex on the sphere."""
    golden = (1 + math.sqrt(5)) / 2
    corners = [(s, t * golden, 0.0) for t in (-1, 1) for s in (-1, 1)]
    points = np.array([corner[shift:] + corner[:shift] for shift in range(3) for corner in corners])
    is_edge = np.linalg.norm(points[:, None] - points, axis=-1) < 2.1  # edges are 2 long, diagonals from 3.2 on
    triples = itertools.combinations(range(12), 3)
    faces = np.array([(i, j, k) for i, j, k in triples if is_edge[i, j] and is_edge[j, k] and is_edge[k, i]])
    for _ in range(subdivisions):
        points, faces = _quartered(points / np.linalg.norm(points, axis=1, keepdims=True), faces)
    return solid(radius * points / np.linalg.norm(points, axis=1, keepdims=True), _outwards(points, faces))


def _quartered(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sides = faces[:, [[0, 1], [1, 2], [2, 0]]]
    edges, numbers = np.unique(np.sort(sides, axis=2).reshape(-1, 2), axis=0, return_inverse=True)
    ab, bc, ca = (len(points) + numbers.reshape(-1, 3)).T
    a, b, c = faces.T
    quarters = np.stack([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]).transpose(0, 2, 1)
    return np.concatenate([points, points[edges].mean(axis=1)]), quarters.reshape(-1, 3)


def _outwards(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The faces of a convex mesh about the origin, each seen counter-clockwise from outside."""
    is_inwards = np.linalg.det(points[faces]) < 0
    return np.where(is_inwards[:, None], faces[:, ::-1], faces)


def box(x: float, y: float, z: float) -> Solid:
    corners = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)]) - 0.5
    squares = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([half for a, b, c, d in squares for half in ((a, b, c), (a, c, d))])
    return solid(corners * (x, y, z), _outwards(corners, faces))


def rotation(*rotvec: float) -> Tensor:
    angle = math.sqrt(sum(value**2 for value in rotvec))
    if angle == 0:
        return torch.eye(3, dtype=torch.float64)
    return torch.linalg.matrix_exp(
        torch.tensor(
            [[0, -rotvec[2], rotvec[1]], [rotvec[2], 0, -rotvec[0]], [-rotvec[1], rotvec[0], 0]], dtype=torch.float64
        )
    )


def random_star(seed: int, *, subdivisions: int = 2, roughness: float = 0.3) -> Solid:
    """A closed mesh about the origin with a random radius in every direction."""
    generator = torch.Generator().manual_seed(seed)
    unit = sphere(1.0, subdivisions=subdivisions)
    radius = 1 + roughness * (2 * torch.rand(len(unit.vertices), 1, generator=generator, dtype=torch.float64) - 1)
    return Solid(0.05 * radius * unit.vertices, unit.topology)
