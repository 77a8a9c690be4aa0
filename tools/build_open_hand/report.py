"""What a build is judged by: figures of a real hand, and how well each step fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree
from tools.build_open_hand.arrays import Floats, Integers, volume
from tools.build_open_hand.build import Build


def report(build: Build) -> Iterator[str]:
    """Returns lines for a person to read."""
    faces = build.arrays["f"].astype(np.int64)
    mean = build.arrays["v_template"].astype(np.float64)
    directions = build.arrays["shapedirs"].astype(np.float64)
    closed = "watertight" if is_watertight(faces) else "NOT WATERTIGHT"
    yield f"mesh: {len(mean)} vertices, {len(faces)} faces ({int(build.arrays['is_cap'].sum())} cap), {closed}"
    yield f"mean volume: {1e6 * volume(mean, faces):.0f} ml; self-intersections: {self_intersections(mean, faces)}"
    for k in range(directions.shape[2]):
        small, large = (mean + sigma * directions[..., k] for sigma in (-2, 2))
        spread = 1e3 * np.sqrt((directions[..., k] ** 2).sum(1).mean())
        yield (
            f"beta {k + 1}: {100 * build.shapes.explained[k]:.2f} % of variance, {spread:.2f} mm a sigma, "
            f"-2..+2 sigma: {1e6 * volume(small, faces):.0f}..{1e6 * volume(large, faces):.0f} ml, "
            f"self-intersections {self_intersections(small, faces)} and {self_intersections(large, faces)}"
        )
    errors_mm = 1e3 * build.joint_errors
    yield f"J_regressor error: mean {errors_mm.mean():.2f} mm, 99 % {np.percentile(errors_mm, 99):.2f} mm"
    offset_mm, residual_mm = (1e3 * value for value in build.correctives[1:])
    yield f"posedirs, held out: {offset_mm:.2f} mm wanted, {residual_mm:.2f} mm missing (root mean square)"


def is_watertight(faces: Integers) -> bool:
    """Returns whether every edge belongs to two faces that run along it in opposite directions."""
    edges = Counter((int(face[k]), int(face[(k + 1) % 3])) for face in faces for k in range(3))
    return all(count == 1 and edges[end, start] == 1 for (start, end), count in edges.items())


def self_intersections(vertices: Floats, faces: Integers) -> int:
    """Returns how many pairs of faces without a common vertex cut each other."""
    corners = vertices[faces]
    centres = corners.mean(1)
    radii = np.linalg.norm(corners - centres[:, None], axis=2).max(1)
    pairs = cKDTree(centres).query_pairs(2 * radii.max(), output_type="ndarray")
    first, second = pairs[:, 0], pairs[:, 1]
    is_near = np.linalg.norm(centres[first] - centres[second], axis=1) <= radii[first] + radii[second]
    shares = (faces[first][:, :, None] == faces[second][:, None, :]).any((1, 2))
    first, second = first[is_near & ~shares], second[is_near & ~shares]
    cut = _edges_pierce(corners[first], corners[second]) | _edges_pierce(corners[second], corners[first])
    return int(cut.sum())


def _edges_pierce(edges_of: Floats, triangles: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Returns whether an edge of the one triangle passes through the other (Möller and Trumbore, 1997)."""
    origin = triangles[:, 0]
    u_edge, v_edge = triangles[:, 1] - origin, triangles[:, 2] - origin
    pierces = np.zeros(len(triangles), dtype=np.bool_)
    for k in range(3):
        start = edges_of[:, k]
        along = edges_of[:, (k + 1) % 3] - start
        across = np.cross(along, v_edge)
        determinant = (u_edge * across).sum(1)
        is_parallel = determinant == 0
        scale = 1 / np.where(is_parallel, 1, determinant)
        offset = start - origin
        turned = np.cross(offset, u_edge)
        u, v, t = ((a * b).sum(1) * scale for a, b in ((offset, across), (along, turned), (v_edge, turned)))
        pierces |= ~is_parallel & (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0) & (t <= 1)
    return pierces
