"""The volume that two closed meshes share (PenVol)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from a2p.arrays import Faces
from a2p.native import core
from a2p.penetration.backends.reference import face_over_column
from a2p.penetration.measures import MeasureBackend, indices, positions, runs_native

COLUMNS = 128
"""Columns along each of x and y, over the box that both meshes reach into."""


def intersection_volume(
    vertices_a: Float[Tensor, "va 3"],
    vertices_b: Float[Tensor, "vb 3"],
    faces_a: Int[Tensor, "fa 3"],
    faces_b: Int[Tensor, "fb 3"],
    *,
    columns: int = COLUMNS,
    backend: MeasureBackend = "auto",
) -> Float[Tensor, ""]:
    """Returns the volume (m^3) of the points about which both closed meshes wind a positive number of times.

    The overlap is exact along z on a lattice of columns, in float64, and summed over the lattice by the midpoint rule.
    Unlike a boolean of meshes it takes meshes that overlap themselves. No gradient flows.
    """
    if not runs_native(backend, vertices_a, vertices_b):
        meshes = (vertices_a.detach().double(), vertices_b.detach().double())
        device = vertices_a.device
        return _reference_volume(meshes, (faces_a.to(device), faces_b.to(device)), columns)
    volume = core.intersection_volume(
        positions(vertices_a), indices(faces_a), positions(vertices_b), indices(faces_b), columns=columns
    )
    return torch.tensor(volume, dtype=torch.float64)


def _reference_volume(
    meshes: tuple[Float[Tensor, "_ 3"], Float[Tensor, "_ 3"]],
    faces: tuple[Int[Tensor, "_ 3"], Int[Tensor, "_ 3"]],
    columns: int,
) -> Float[Tensor, ""]:
    """Returns the same in PyTorch."""
    a, b = meshes
    low = torch.maximum(a.amin(dim=0), b.amin(dim=0))
    high = torch.minimum(a.amax(dim=0), b.amax(dim=0))
    if bool((low >= high).any()):
        return torch.zeros((), dtype=torch.float64, device=a.device)
    step = (high - low)[:2] / columns
    column_a, height_a, sign_a = _lattice_crossings(a, faces[0], low[:2], step, columns)
    column_b, height_b, sign_b = _lattice_crossings(b, faces[1], low[:2], step, columns)
    column, height = torch.cat([column_a, column_b]), torch.cat([height_a, height_b])
    order = height.argsort(stable=True)
    order = order[column[order].argsort(stable=True)]
    # A closed mesh's crossings sum to zero in every column, so that one running sum serves all columns.
    inside_a = -torch.cat([sign_a, torch.zeros_like(sign_b)])[order].cumsum(dim=0) > 0
    inside_b = -torch.cat([torch.zeros_like(sign_a), sign_b])[order].cumsum(dim=0) > 0
    lengths = height[order].diff()[(inside_a & inside_b)[:-1]]
    return lengths.sum() * step.prod()


def _lattice_crossings(
    vertices: Float[Tensor, "v 3"], faces: Faces, low: Float[Tensor, " 2"], step: Float[Tensor, " 2"], columns: int
) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"], Int[Tensor, " n"]]:
    """Returns the column, the height and the sign (1 leaving, -1 entering) of every crossing of a face."""
    corners = vertices[faces]
    cells = (corners[..., :2] - low) / step - 0.5
    first = cells.amin(dim=1).ceil().clamp(0, columns).long()
    last = cells.amax(dim=1).floor().clamp(-1, columns - 1).long()
    extent = (last - first + 1).clamp(min=0)
    count = extent.prod(dim=-1)
    face = torch.arange(len(faces), device=faces.device).repeat_interleave(count)
    rank = torch.arange(len(face), device=faces.device) - (count.cumsum(dim=0) - count)[face]
    cell = first[face] + torch.stack([rank // extent[face, 1], rank % extent[face, 1]], dim=-1)
    sign, edges = face_over_column(low + (cell + 0.5) * step, corners[face], faces[face])
    hit = sign != 0
    face, cell, sign, edges = face[hit], cell[hit], sign[hit], edges[hit]
    opposite = corners[face][..., 2].roll(1, dims=-1)  # edge k lies opposite corner k + 2
    height = (edges * opposite).sum(dim=-1) / edges.sum(dim=-1)
    return cell[:, 0] * columns + cell[:, 1], height, sign
