"""What pictures need to know of a mesh: smooth normals, smoother triangles, several meshes as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

Points = Float64[np.ndarray, "v 3"]
Triangles = Int64[np.ndarray, "f 3"]


@dataclass(frozen=True)
class SmoothMesh:
    """Triangles with unit vertex normals and any other values that vary smoothly over them."""

    vertices: Points
    normals: Points
    faces: Triangles
    values: Float64[np.ndarray, "v c"]


def vertex_normals(vertices: Float[np.ndarray, "v 3"], faces: Integer[np.ndarray, "f 3"]) -> Points:
    """Returns unit normals, the area-weighted means of the faces' around each vertex.

    A vertex without a face, or whose faces cancel out, gets (0, 0, 0).
    """
    corners = np.asarray(vertices, dtype=np.float64)[faces]
    scaled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return unit(_sum_at_corners(scaled, faces, len(vertices)))


def unit(vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Returns the vectors at length 1; a zero vector stays zero."""
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    scaled: Float[np.ndarray, "*batch 3"] = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return scaled


def smooth_mesh(
    vertices: Float[np.ndarray, "v 3"],
    faces: Integer[np.ndarray, "f 3"],
    values: Float64[np.ndarray, "v c"] | None = None,
) -> SmoothMesh:
    """Returns the mesh with its normals."""
    points = np.asarray(vertices, dtype=np.float64)
    if values is None:
        values = np.zeros((len(points), 0))
    return SmoothMesh(points, vertex_normals(points, faces), np.asarray(faces, dtype=np.int64), values)


def tessellate(mesh: SmoothMesh) -> SmoothMesh:
    """Returns the mesh with each triangle split into four that follow its curvature.

    Midpoints of edges are drawn towards the tangent planes of their ends by three quarters (Boubekeur and Alexa,
    "Phong Tessellation", SIGGRAPH Asia 2008, sec. 3), so that silhouettes look round; corners stay.
    """
    count = len(mesh.vertices)
    edges = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    keys, inverse = np.unique(edges[:, 0] * count + edges[:, 1], return_inverse=True)
    first, second = keys // count, keys % count
    middle = 0.5 * (mesh.vertices[first] + mesh.vertices[second])
    on_tangents = 0.5 * (_drop(middle, mesh, first) + _drop(middle, mesh, second))
    a, b, c = mesh.faces.T
    ab, bc, ca = (count + inverse.reshape(-1, 3)).T
    quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return SmoothMesh(
        vertices=np.concatenate([mesh.vertices, 0.25 * middle + 0.75 * on_tangents]),
        normals=np.concatenate([mesh.normals, unit(mesh.normals[first] + mesh.normals[second])]),
        faces=np.concatenate([np.stack(quarter, axis=1) for quarter in quarters]),
        values=np.concatenate([mesh.values, 0.5 * (mesh.values[first] + mesh.values[second])]),
    )


def joined(meshes: Sequence[SmoothMesh]) -> SmoothMesh:
    """Returns several meshes as one, in their order. There must be at least one."""
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return SmoothMesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        normals=np.concatenate([mesh.normals for mesh in meshes]),
        faces=np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)]),
        values=np.concatenate([mesh.values for mesh in meshes]),
    )


def neighbour_mean(values: Float64[np.ndarray, " v"], faces: Triangles) -> Float64[np.ndarray, " v"]:
    """Returns each vertex's value averaged over the corners of the faces around it, itself included."""
    total = _sum_at_corners(values[faces].mean(axis=1)[:, None], faces, len(values))[:, 0]
    count = np.bincount(faces.ravel(), minlength=len(values))
    return np.where(count > 0, total / np.maximum(count, 1), values)


def _drop(points: Points, mesh: SmoothMesh, at: Int64[np.ndarray, " v"]) -> Points:
    """Returns the points projected onto the tangent planes at some vertices."""
    normals = mesh.normals[at]
    height = np.einsum("ij,ij->i", points - mesh.vertices[at], normals)
    dropped: Points = points - height[:, None] * normals
    return dropped


def _sum_at_corners(
    values: Float64[np.ndarray, "f c"], faces: Integer[np.ndarray, "f 3"], count: int
) -> Float64[np.ndarray, "v c"]:
    index = np.asarray(faces).ravel()
    columns = [np.bincount(index, weights=np.repeat(column, 3), minlength=count) for column in values.T]
    return np.stack(columns, axis=1).reshape(count, values.shape[1])
