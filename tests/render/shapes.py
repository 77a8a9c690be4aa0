"""Bodies whose pictures are known."""

from __future__ import annotations

import numpy as np


def sphere(radius: float = 1.0, *, levels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Returns an octahedron split `levels` times with its vertices moved to the sphere; outward faces."""
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=np.float64)
    faces = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    for _ in range(levels):
        edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        unique, inverse = np.unique(edges, axis=0, return_inverse=True)
        middle = vertices[unique].sum(axis=1)
        ab, bc, ca = (len(vertices) + inverse.reshape(-1, 3)).T
        a, b, c = faces.T
        vertices = np.concatenate([vertices, middle / np.linalg.norm(middle, axis=1, keepdims=True)])
        faces = np.concatenate([np.stack(q, axis=1) for q in [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]])
    return radius * vertices, faces


def plate(size: float, z: float, *, cells: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Returns a square of side `size` across the z axis, facing towards -z (the camera)."""
    steps = np.linspace(-size / 2, size / 2, cells + 1)
    x, y = np.meshgrid(steps, steps)
    vertices = np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], axis=1)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    a, b, c, d = corner, corner + 1, corner + cells + 2, corner + cells + 1
    return vertices, np.concatenate([np.stack([a, c, b], axis=1), np.stack([a, d, c], axis=1)])
