"""Boundary loops of a triangle mesh, and triangles that fill them without a new vertex."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from a2p.errors import MeshError

_FOLD_PENALTY = 1e9
"""Weight of the area of a triangle that faces against the loop, that is, lies outside of it or over another."""


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
    the boundary of a polyhedron", CAGD 1995. The weight is the squared length of the edges inside, which favours well
    shaped triangles, plus a penalty on folds. No edge inside repeats one of the mesh's own edges (`taken`), since the
    result would not be a manifold.
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
    chord = np.where(is_free, np.square(points[:, None] - points[None]).sum(-1), np.inf)
    chord[0, -1] = 0.0  # an edge of the loop, not one inside
    centred = points - points.mean(axis=0)
    products = np.cross(centred[:, None], centred[None])
    loop_normal = products[np.arange(count), (np.arange(count) + 1) % count].sum(axis=0)
    loop_normal /= max(float(np.linalg.norm(loop_normal)), np.finfo(np.float64).tiny)
    swept = 0.5 * products @ loop_normal  # triangle (a, b, c) covers swept[a, b] + swept[b, c] + swept[c, a]
    weight = np.zeros((count, count))
    apex = np.zeros((count, count), dtype=np.int64)
    for span in range(2, count):
        low = np.arange(count - span)[:, None]
        high, middle = low + span, low + np.arange(1, span)
        folded = np.maximum(0.0, -(swept[low, middle] + swept[middle, high] + swept[high, low]))
        candidates = weight[low, middle] + weight[middle, high] + _FOLD_PENALTY * folded
        best = candidates.argmin(axis=1, keepdims=True)
        weight[low, high] = np.take_along_axis(candidates, best, axis=1) + chord[low, high]
        apex[low, high] = low + 1 + best
    return apex if np.isfinite(weight[0, -1]) else None


def _regular_polygon(count: int) -> npt.NDArray[np.float64]:
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles), np.zeros(count)], axis=-1)


def _from_lowest(loop: list[int]) -> list[int]:
    lowest = loop.index(min(loop))
    return loop[lowest:] + loop[:lowest]
