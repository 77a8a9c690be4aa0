"""Meshes with known answers, and the ways to pose them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import trimesh
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
    mesh = trimesh.creation.icosphere(subdivisions, radius)
    return solid(mesh.vertices, mesh.faces)


def box(x: float, y: float, z: float) -> Solid:
    mesh = trimesh.creation.box((x, y, z))
    return solid(mesh.vertices, mesh.faces)


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
