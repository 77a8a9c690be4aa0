"""Boundary loops of a triangle mesh, and triangles that fill them without a new vertex."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from a2p.errors import MeshError

_SHAPE_WEIGHT = 0.05
"""What squared edge length costs against area: area keeps triangles inside the loop, edge length keeps them well
shaped where the area is the same for all."""


def boundary_loops(boundary: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Returns simple vertex loops that use each directed boundary edge once, in the edges' direction.

    A loop starts at its lowest vertex, loops are sorted. Where loops touch in a vertex they are kept apart.
    """
    following: dict[int, list[int]] = {}
    for start, end in sorted(boundary):
        following.setdefault(start, []).append(end)
    loops = []
    for first in sorted(following):
        path = [first]
        while following[path[-1]]:
            vertex = following[path[-1]].pop()
            if vertex in path:
                position = path.index(vertex)
                loops.append(_from_lowest(path[position:]))
                del path[position + 1 :]
            else:
                path.append(vertex)
    return sorted(loops)


def triangulate_loop(
    loop: list[int], positions: npt.NDArray[np.float64] | None, taken: Collection[tuple[int, int]]
) -> npt.NDArray[np.int64]:
    """Returns n - 2 faces over the n vertices of a loop, facing so that they continue the mesh across it.

    The triangulation of least weight, by dynamic programming over sub-polygons: Barequet and Sharir, "Filling gaps in
    the boundary of a polyhedron", CAGD 1995. The weight is area plus a little squared edge length. No edge inside
    repeats one of the mesh's own edges (`taken`), since the result would not be a manifold.
    """
    points = _regular_polygon(len(loop)) if positions is None else positions
    is_free = np.array([[(a, b) not in taken and (b, a) not in taken for b in loop] for a in loop])
    apex = _least_weight_apexes(points, is_free)
    if apex is None:
        raise MeshError(
            f"the boundary loop through vertices {loop[:8]} cannot be filled between its own vertices: their "
            "connections are all edges of the mesh already. Close the mesh with a vertex in the middle of the loop."
        )
    faces, pending = [], [(0, len(loop) - 1)]
    while pending:
        low, high = pending.pop()
        if high - low > 1:
            middle = int(apex[low, high])
            faces.append((loop[high], loop[middle], loop[low]))
            pending += [(middle, high), (low, middle)]
    return np.array(faces, dtype=np.int64)


def _least_weight_apexes(
    points: npt.NDArray[np.float64], is_free: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64] | None:
    """Returns, for each chord (low, high), the third corner of its triangle; None if every triangulation is barred."""
    count = len(points)
    squared_length = np.square(points[:, None] - points[None]).sum(-1)
    weight = np.zeros((count, count))
    apex = np.zeros((count, count), dtype=np.int64)
    for span in range(2, count):
        for low in range(count - span):
            high = low + span
            middles = np.arange(low + 1, high)
            is_chord = span < count - 1
            if is_chord and not is_free[low, high]:
                weight[low, high] = np.inf
                continue
            normals = np.cross(points[middles] - points[low], points[high] - points[low])
            own = 0.5 * np.linalg.norm(normals, axis=-1) + (
                _SHAPE_WEIGHT * squared_length[low, high] if is_chord else 0
            )
            candidates = weight[low, middles] + weight[middles, high] + own
            best = int(candidates.argmin())
            weight[low, high], apex[low, high] = candidates[best], middles[best]
    return apex if np.isfinite(weight[0, -1]) else None


def _regular_polygon(count: int) -> npt.NDArray[np.float64]:
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles), np.zeros(count)], axis=-1)


def _from_lowest(loop: list[int]) -> list[int]:
    lowest = loop.index(min(loop))
    return loop[lowest:] + loop[:lowest]
