"""Array aliases and the few vector formulas that several steps use."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]


def unit(vector: Floats) -> Floats:
    """Returns the vector, or every vector of the last axis, at length 1."""
    scaled: Floats = vector / np.linalg.norm(vector, axis=-1, keepdims=True)
    return scaled


def reject(vector: Floats, direction: Floats) -> Floats:
    """Returns the unit vector along what `vector` has perpendicular to the unit vector `direction`."""
    return unit(vector - direction * (vector @ direction))


def volume(vertices: Floats, faces: Integers) -> float:
    """Returns the volume that a closed mesh encloses, m^3."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6)
