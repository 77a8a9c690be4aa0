"""How much two hands pass through each other, and whether they still touch: PenVol, PenDist, MaxPen and more.

PenVol is that of InterHandGen's evaluation (J. Lee et al., CVPR 2024) for closed meshes. No public code defines PenDist
and ProxRatio, and the papers give neither units nor thresholds: `DEFINITIONS` has ours, to be printed with each table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.errors import ShapeError
from a2p.hand import Topology
from a2p.penetration import penetration_depth, signed_distance
from a2p.penetration.surface_distance import minimum_surface_distance
from a2p.penetration.volume import intersection_volume

PROXIMITY_M = 2e-3
"""Surfaces this near touch."""
KEPT_M = 4e-3
"""A contact whose vertex is still this near is kept."""
ALLOWED_DEPTH_M = 1e-3
"""Deeper than this is penetration, not contact."""

DEFINITIONS = {
    "PenVol": "volume that the two closed meshes share, cm^3, mean over samples",
    "PenDist": "mean depth over the vertices of both hands that lie in the other, cm, 0 without any; mean over samples",
    "MaxPen": "depth of the deepest vertex, mm, mean over samples",
    "PenRate": "share of samples deeper than 1 mm",
    "ProxRatio": "share of samples whose surfaces come within 2 mm of each other",
    "ContactKept": "share of true contacts (vertices within 2 mm of the other hand) that are still within 4 mm",
}


@dataclass(frozen=True)
class SamplePlausibility:
    """The figures of every sample."""

    volume_cm3: Float[Tensor, " n"]
    mean_depth_cm: Float[Tensor, " n"]
    max_depth_mm: Float[Tensor, " n"]
    touches: Float[Tensor, " n"]
    """1 where the surfaces come within 2 mm or cross, else 0."""
    contacts: Int[Tensor, " n"]
    """True contacts; 0 where no truth was given."""
    contacts_kept: Int[Tensor, " n"]

    @classmethod
    def cat(cls, parts: Sequence[SamplePlausibility]) -> SamplePlausibility:
        """Returns the figures of all parts in order."""
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))


@dataclass(frozen=True)
class Plausibility:
    """The means that a table prints; `DEFINITIONS` says what each is."""

    pen_vol_cm3: float
    pen_dist_cm: float
    max_pen_mm: float
    worst_pen_mm: float
    """Of the worst sample."""
    pen_rate: float
    prox_ratio: float
    contact_kept: float
    """NaN where no truth was given or nothing touches in it."""

    @classmethod
    def of(cls, samples: SamplePlausibility) -> Plausibility:
        """Returns the means of per-sample figures."""
        contacts = int(samples.contacts.sum())
        return cls(
            pen_vol_cm3=float(samples.volume_cm3.mean()),
            pen_dist_cm=float(samples.mean_depth_cm.mean()),
            max_pen_mm=float(samples.max_depth_mm.mean()),
            worst_pen_mm=float(samples.max_depth_mm.max()) if len(samples.max_depth_mm) else float("nan"),
            pen_rate=float((samples.max_depth_mm > 1e3 * ALLOWED_DEPTH_M).double().mean()),
            prox_ratio=float(samples.touches.mean()),
            contact_kept=int(samples.contacts_kept.sum()) / contacts if contacts else float("nan"),
        )


@dataclass(frozen=True)
class PairMeshes:
    """The meshes of n pairs, m."""

    right: Float[Tensor, "n vr 3"]
    left: Float[Tensor, "m vl 3"]

    def __getitem__(self, index: slice) -> PairMeshes:
        """Returns some of the pairs."""
        return PairMeshes(self.right[index], self.left[index])

    def __len__(self) -> int:
        return len(self.right)


def sample_plausibility(
    meshes: PairMeshes, topologies: tuple[Topology, Topology], truth: PairMeshes | None = None, *, chunk: int = 64
) -> SamplePlausibility:
    """Returns the figures of every pair; `truth`, penetration-free, has the contacts that are to be kept."""
    if len(meshes.right) != len(meshes.left) or (truth is not None and len(truth) != len(meshes)):
        raise ShapeError(
            f"right, left and truth must hold as many meshes; got {len(meshes.right)}, {len(meshes.left)} and "
            f"{'no truth' if truth is None else len(truth)}. Pair them up first."
        )
    parts = []
    for start in range(0, len(meshes), chunk):
        part = slice(start, start + chunk)
        parts.append(_chunk_plausibility(meshes[part], topologies, None if truth is None else truth[part]))
    if not parts:
        empty = torch.zeros(0, dtype=torch.float64)
        return SamplePlausibility(empty, empty, empty, empty, empty.long(), empty.long())
    return SamplePlausibility.cat(parts)


def _chunk_plausibility(
    meshes: PairMeshes, topologies: tuple[Topology, Topology], truth: PairMeshes | None
) -> SamplePlausibility:
    depth = penetration_depth(meshes.right, meshes.left, *topologies)
    depths = torch.cat([depth.depth_a, depth.depth_b], dim=-1).double()
    inside = (depths > 0).sum(dim=-1)
    distances = _distances(meshes, topologies)
    contacts = kept = torch.zeros(len(meshes), dtype=torch.int64)
    if truth is not None:
        is_contact = _distances(truth, topologies).abs() <= PROXIMITY_M
        contacts = is_contact.sum(dim=-1)
        kept = (is_contact & (distances.abs() <= KEPT_M)).sum(dim=-1)
    return SamplePlausibility(
        volume_cm3=_volumes_cm3(meshes, topologies),
        mean_depth_cm=1e2 * depths.sum(dim=-1) / inside.clamp(min=1),
        max_depth_mm=1e3 * depths.amax(dim=-1),
        touches=_touches(meshes, topologies, distances).double(),
        contacts=contacts,
        contacts_kept=kept,
    )


def _distances(meshes: PairMeshes, topologies: tuple[Topology, Topology]) -> Float[Tensor, "n v"]:
    """Returns the signed distances of the vertices of both hands to the other hand (m)."""
    return torch.cat(
        [
            signed_distance(meshes.right, meshes.left, topologies[1]),
            signed_distance(meshes.left, meshes.right, topologies[0]),
        ],
        dim=-1,
    )


def _volumes_cm3(meshes: PairMeshes, topologies: tuple[Topology, Topology]) -> Float[Tensor, " n"]:
    faces = [topology.faces for topology in topologies]
    volumes = [intersection_volume(right, left, *faces) for right, left in zip(meshes.right, meshes.left, strict=True)]
    return 1e6 * torch.stack(volumes).double()


def _touches(meshes: PairMeshes, topologies: tuple[Topology, Topology], distances: Float[Tensor, "n v"]) -> Tensor:
    """Returns whether the surfaces come within `PROXIMITY_M`.

    Vertex distances decide most samples. Only where all vertices are farther, yet an edge could be nearer, are edges
    and faces looked at, and of these only those that can be near: every point of a triangle lies within its longest
    edge over sqrt(3) of a corner.
    """
    touches = distances.amin(dim=-1) <= PROXIMITY_M
    right_count = meshes.right.shape[1]
    for i in (~touches).nonzero().flatten().tolist():
        sides = ((meshes.right[i], distances[i, :right_count]), (meshes.left[i], distances[i, right_count:]))
        near = [
            _faces_near(vertices, topology, apart)
            for (vertices, apart), topology in zip(sides, topologies, strict=True)
        ]
        if not all(bool(mask.any()) for mask in near):
            continue
        distance = minimum_surface_distance(
            (meshes.right[i], meshes.left[i]),
            (topologies[0].faces[near[0]], topologies[1].faces[near[1]]),
            (topologies[0].is_cap[near[0]], topologies[1].is_cap[near[1]]),
        )
        touches[i] = float(distance) <= PROXIMITY_M
    return touches


def _faces_near(
    vertices: Float[Tensor, "v 3"], topology: Topology, distances: Float[Tensor, " v"]
) -> Bool[Tensor, " f"]:
    """Returns which faces, caps apart, may have a point within `PROXIMITY_M` of the other surface."""
    corners = vertices[topology.faces]
    longest = (corners - corners.roll(1, dims=-2)).square().sum(dim=-1).amax(dim=-1).sqrt()
    within = distances[topology.faces].amin(dim=-1) <= PROXIMITY_M + longest / 3**0.5
    near: Tensor = within & ~topology.is_cap
    return near
