"""The connectivity of a triangle mesh, closed if it was open."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from a2p.arrays import FaceMask, Faces
from a2p.errors import MeshError
from a2p.hand.capping import boundary_loops, triangulate_loop

_VOLUME_ROUNDING = 1e-9
"""A volume this small against the cube of the mesh's extent may be rounding, so its sign says nothing."""


_rest_vertices: Any = WeakTensorKeyDictionary()
"""Faces to the rest vertices of their topology: operators take tensors alone."""


def rest_vertices_of(faces: Tensor) -> Tensor | None:
    """Returns where the vertices of the topology with this very tensor of faces lie at rest, if that is known."""
    rest_vertices: Tensor | None = _rest_vertices.get(faces)
    return rest_vertices


class Topology:
    """A closed, consistently oriented triangle mesh without positions.

    An open mesh is closed: its boundary loops are computed and filled with triangles between the loop's own vertices,
    so the vertices stay as they are. Those faces come last. Without `rest_vertices` a loop is filled as if it were a
    regular polygon. Tensors are on the CPU, whatever the device of the input.

    Faces run counter-clockwise seen from outside. `is_cap` marks faces that close the mesh and are no skin: those
    added here, and those of the input that `is_cap` names.
    """

    faces: Faces
    """Int64, contiguous; the given faces first, then those that close the mesh."""
    is_cap: FaceMask
    vertex_count: int
    rest_vertices: Float[Tensor, "v 3"] | None
    """Float64, m; where the vertices lie at rest, which tells the kernels what stays together in every pose."""

    def __init__(
        self,
        faces: Integer[Tensor, "f 3"] | Integer[np.ndarray, "f 3"],
        rest_vertices: Float[Tensor, "v 3"] | Float[np.ndarray, "v 3"] | None = None,
        *,
        is_cap: Bool[Tensor, " f"] | Bool[np.ndarray, " f"] | None = None,
    ) -> None:
        given = _face_array(faces)
        positions = None if rest_vertices is None else _position_array(rest_vertices)
        self.vertex_count = int(given.max()) + 1 if positions is None else len(positions)
        edges = _checked_edges(given, self.vertex_count)
        added = _cap(edges, positions)
        closed = np.concatenate([given, added])
        if positions is not None:
            _check_orientation(closed, positions)
        self.faces = torch.from_numpy(np.ascontiguousarray(closed))
        self.is_cap = torch.cat([_cap_mask(is_cap, len(given)), torch.ones(len(added), dtype=torch.bool)])
        self.rest_vertices = None if positions is None else torch.from_numpy(positions.copy())
        _rest_vertices[self.faces] = self.rest_vertices

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _rest_vertices[self.faces] = self.rest_vertices

    def __repr__(self) -> str:
        return f"Topology({self.vertex_count} vertices, {len(self.faces)} faces, {int(self.is_cap.sum())} of them cap)"


class _Edges(NamedTuple):
    """The directed edges of all faces, each once."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]


def _face_array(faces: Tensor | npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    array = faces.detach().cpu().numpy() if isinstance(faces, Tensor) else np.asarray(faces)
    if array.ndim != 2 or array.shape[1] != 3 or array.shape[0] == 0 or array.dtype.kind not in "iu":
        raise MeshError(
            f"faces must be integers of shape (f, 3) with f >= 1; got shape {tuple(array.shape)} of {array.dtype}. "
            "Split polygons into triangles first."
        )
    return array.astype(np.int64)


def _position_array(rest_vertices: Tensor | npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    plain = rest_vertices.detach().cpu().numpy() if isinstance(rest_vertices, Tensor) else rest_vertices
    array = np.asarray(plain, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3:
        raise MeshError(
            f"rest_vertices must have shape (v, 3), in metres; got {tuple(array.shape)}. "
            "Give one rest pose, without a batch dimension."
        )
    if not np.isfinite(array).all():
        raise MeshError(
            f"rest_vertices must be finite; vertex {int(np.argwhere(~np.isfinite(array))[0, 0])} is not. "
            "Leave rest_vertices out if there is no rest pose."
        )
    return array


def _cap_mask(is_cap: Tensor | npt.NDArray[np.bool_] | None, face_count: int) -> Tensor:
    if is_cap is None:
        return torch.zeros(face_count, dtype=torch.bool)
    mask = torch.as_tensor(is_cap).cpu()
    if mask.shape != (face_count,) or mask.dtype != torch.bool:
        raise MeshError(
            f"is_cap must hold one bool for each of the {face_count} faces given; "
            f"got shape {tuple(mask.shape)} of {mask.dtype}. Leave it out if no face is a cap."
        )
    return mask.clone()


def _checked_edges(faces: npt.NDArray[np.int64], vertex_count: int) -> _Edges:
    """Returns the faces' directed edges; each occurs once and each undirected edge at most twice."""
    outside = (faces < 0) | (faces >= vertex_count)
    if outside.any():
        face, corner = np.argwhere(outside)[0]
        raise MeshError(
            f"faces must index {vertex_count} vertices; face {face} has index {faces[face, corner]}. "
            "Indices count from 0; check that faces and vertices belong together."
        )
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    if (start == end).any():
        face = int(np.argmax(start == end)) // 3
        raise MeshError(f"a face must have three different corners; face {face} is {faces[face].tolist()}. Remove it.")
    _check_manifold(np.minimum(start, end) * vertex_count + np.maximum(start, end), start, end)
    _check_directions(start * vertex_count + end, start, end)
    return _Edges(start, end)


def _check_manifold(keys: npt.NDArray[np.int64], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> None:
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    crowded = np.flatnonzero(counts[inverse] > 2)
    if len(crowded):
        edge = crowded[0]
        sharing = (np.flatnonzero(keys == keys[edge]) // 3).tolist()
        raise MeshError(
            f"an edge must belong to one or two faces; edge {start[edge]}-{end[edge]} belongs to faces {sharing}. "
            "Split the mesh there, or remove the duplicate faces."
        )


def _check_directions(keys: npt.NDArray[np.int64], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> None:
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    doubled = np.flatnonzero(counts[inverse] > 1)
    if len(doubled):
        edge = doubled[0]
        first, second = (np.flatnonzero(keys == keys[edge]) // 3).tolist()
        raise MeshError(
            f"neighbouring faces must be oriented alike; faces {first} and {second} both run from vertex "
            f"{start[edge]} to {end[edge]}. Reverse one of them."
        )


def _cap(edges: _Edges, positions: npt.NDArray[np.float64] | None) -> npt.NDArray[np.int64]:
    """Returns the faces that fill all boundary loops."""
    caps = [np.empty((0, 3), dtype=np.int64)]
    stride = int(edges.start.max()) + 1
    sorted_keys = np.sort(edges.start * stride + edges.end)
    opposite = edges.end * stride + edges.start
    is_boundary = sorted_keys[np.searchsorted(sorted_keys, opposite) % len(sorted_keys)] != opposite
    if not is_boundary.any():
        return caps[0]
    taken = set(zip(edges.start.tolist(), edges.end.tolist(), strict=True))
    boundary = zip(edges.start[is_boundary].tolist(), edges.end[is_boundary].tolist(), strict=True)
    for loop in boundary_loops(boundary):
        cap = triangulate_loop(loop, None if positions is None else positions[loop], taken)
        taken.update((int(face[i]), int(face[(i + 1) % 3])) for face in cap for i in range(3))
        caps.append(cap)
    return np.concatenate(caps)


def _check_orientation(faces: npt.NDArray[np.int64], positions: npt.NDArray[np.float64]) -> None:
    corners = positions[faces] - positions.mean(axis=0)
    volume = float(np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)
    if volume < -_VOLUME_ROUNDING * float(np.ptp(positions, axis=0).max()) ** 3:
        raise MeshError(
            f"faces must run counter-clockwise seen from outside; the closed mesh encloses {volume:.3g} m^3. "
            "Reverse every face: faces[:, [0, 2, 1]]. A mirrored mesh needs that too."
        )
