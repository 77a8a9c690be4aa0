"""How much two hands interpenetrate, in the units that people read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.hand.topology import Topology
from a2p.penetration.api import PenetrationDepth, penetration_depth
from a2p.penetration.dispatch import BackendName
from a2p.penetration.volume import intersection_volume

_COLUMNS = 64
"""Columns of the lattice that the volume is summed over, along x and y: a report is read to a per cent or so."""


@dataclass(frozen=True)
class PenetrationReport:
    """How much one pair of meshes interpenetrates; all zero for meshes that do not."""

    max_mm: float
    """Depth of the deepest vertex of either mesh in the other."""
    mean_mm: float
    """Mean depth over the vertices that lie inside, of both meshes."""
    volume_cm3: float
    """Volume that the closed meshes share."""
    vertex_count: int
    """Vertices of either mesh that lie inside the other."""

    @classmethod
    def measure(
        cls,
        vertices_a: Float[Tensor, "va 3"],
        vertices_b: Float[Tensor, "vb 3"],
        topology_a: Topology,
        topology_b: Topology,
        *,
        backend: BackendName = "auto",
    ) -> PenetrationReport:
        """Returns the report of one pair of meshes (m)."""
        depth = penetration_depth(vertices_a, vertices_b, topology_a, topology_b, backend=backend)
        return cls.of_depth(depth, vertices_a, vertices_b, topology_a, topology_b)

    @classmethod
    def of_depth(
        cls,
        depth: PenetrationDepth,
        vertices_a: Float[Tensor, "va 3"],
        vertices_b: Float[Tensor, "vb 3"],
        topology_a: Topology,
        topology_b: Topology,
    ) -> PenetrationReport:
        """Returns the report of one pair whose depths are known."""
        depths = torch.cat([depth.depth_a, depth.depth_b])
        inside = depths[depths > 0]
        if len(inside) == 0:
            return cls(max_mm=0.0, mean_mm=0.0, volume_cm3=0.0, vertex_count=0)
        faces_a, faces_b = topology_a.faces.to(vertices_a.device), topology_b.faces.to(vertices_b.device)
        volume = intersection_volume(vertices_a, vertices_b, faces_a, faces_b, columns=_COLUMNS)
        return cls(
            max_mm=1e3 * float(inside.max()),
            mean_mm=1e3 * float(inside.mean()),
            volume_cm3=1e6 * float(volume),
            vertex_count=len(inside),
        )
