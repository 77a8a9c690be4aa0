"""What a hand model file holds, checked: arrays in MANO's layout, whatever file they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool, Float, Int

from a2p.errors import HandModelError

Side: TypeAlias = Literal["left", "right"]
"""Which of the person's own hands."""

REQUIRED_SHAPES: Mapping[str, tuple[str | int, ...]] = {
    "v_template": ("v", 3),
    "shapedirs": ("v", 3, 10),
    "posedirs": ("v", 3, 135),
    "J_regressor": (16, "v"),
    "weights": ("v", 16),
    "kintree_table": (2, 16),
    "f": ("f", 3),
    "hands_mean": (45,),
    "hands_components": (45, 45),
}
"""MANO's keys that a hand model needs; v vertices and f faces are free."""
OPTIONAL_SHAPES: Mapping[str, tuple[str | int, ...]] = {"is_cap": ("f",)}
"""Keys of a2p's own files."""
_INTEGER_KEYS = ("kintree_table", "f")
_MIRROR = np.array([-1.0, 1.0, 1.0], dtype=np.float32)
"""Signs of a position mirrored at x = 0. An axis-angle vector takes the opposite ones."""


@dataclass(frozen=True)
class HandData:
    """One hand's model, canonical frame: wrist near the origin, palm towards -y, a right hand's fingers along -x; m."""

    v_template: Float[np.ndarray, "v 3"]
    shapedirs: Float[np.ndarray, "v 3 10"]
    posedirs: Float[np.ndarray, "v 3 135"]
    J_regressor: Float[np.ndarray, "16 v"]
    weights: Float[np.ndarray, "v 16"]
    parents: tuple[int, ...]
    faces: Int[np.ndarray, "f 3"]
    hands_mean: Float[np.ndarray, " 45"]
    hands_components: Float[np.ndarray, "45 45"]
    is_cap: Bool[np.ndarray, " f"]

    @property
    def side(self) -> Side:
        """The hand whose fingers lie where the canonical frame has them."""
        joints = self.J_regressor[:5] @ self.v_template
        wrist_to_middle: npt.NDArray[np.float32] = joints[4] - joints[0]
        return "right" if wrist_to_middle[0] < 0 else "left"

    def mirrored(self) -> HandData:
        """Returns the other hand: this one mirrored at x = 0, faces reversed so that they look outward again."""
        axis_signs = np.tile(-_MIRROR, 15)
        rotmat_signs = np.tile(np.outer(_MIRROR, _MIRROR).ravel(), 15)
        return replace(
            self,
            v_template=self.v_template * _MIRROR,
            shapedirs=self.shapedirs * _MIRROR[:, None],
            posedirs=self.posedirs * _MIRROR[:, None] * rotmat_signs,
            faces=np.ascontiguousarray(self.faces[:, [0, 2, 1]]),
            hands_mean=self.hands_mean * axis_signs,
            hands_components=self.hands_components * axis_signs,
        )


def hand_data_from_arrays(arrays: Mapping[str, npt.NDArray[np.generic]], source: str) -> HandData:
    """Returns the arrays of a file, checked. `source` names the file in errors."""
    checked = _checked(arrays, source)
    face_count = len(checked["f"])
    _check_indices(checked, source)
    data = HandData(
        v_template=_floats(checked, "v_template"),
        shapedirs=_floats(checked, "shapedirs"),
        posedirs=_floats(checked, "posedirs"),
        J_regressor=_floats(checked, "J_regressor"),
        weights=_floats(checked, "weights"),
        parents=_parents(checked["kintree_table"], source),
        faces=checked["f"].astype(np.int64),
        hands_mean=_floats(checked, "hands_mean"),
        hands_components=_floats(checked, "hands_components"),
        is_cap=checked.get("is_cap", np.zeros(face_count)).astype(np.bool_),
    )
    for name in ("weights", "J_regressor"):
        worst = float(np.abs(getattr(data, name).sum(axis=1, dtype=np.float64) - 1).max())
        if worst > 1e-3:
            raise HandModelError(f"{source}: every row of {name} must sum to 1; one is off by {worst:.3g}.")
    return data


def _check_indices(checked: Mapping[str, npt.NDArray[np.generic]], source: str) -> None:
    vertex_count, faces = len(checked["v_template"]), checked["f"].astype(np.int64)
    outside = faces[(faces < 0) | (faces >= vertex_count)]
    if len(outside):
        raise HandModelError(f"{source}: f must index the {vertex_count} vertices; it holds {outside[0]}.")


def _checked(arrays: Mapping[str, npt.NDArray[np.generic]], source: str) -> dict[str, npt.NDArray[np.generic]]:
    missing = [key for key in REQUIRED_SHAPES if key not in arrays]
    if missing:
        raise HandModelError(
            f"{source}: a hand model needs {', '.join(REQUIRED_SHAPES)}; missing: {', '.join(missing)}. "
            "Give MANO_RIGHT.pkl or MANO_LEFT.pkl of MANO v1.2, or what `a2p hand convert` made of it."
        )
    sizes: dict[str, int] = {}
    checked = {}
    for key, shape in {**REQUIRED_SHAPES, **OPTIONAL_SHAPES}.items():
        if key in arrays:
            checked[key] = _checked_array(key, np.asarray(arrays[key]), shape, sizes, source)
    return checked


def _checked_array(
    key: str, array: npt.NDArray[np.generic], shape: tuple[str | int, ...], sizes: dict[str, int], source: str
) -> npt.NDArray[np.generic]:
    """Returns the array if it has the shape; the first array with a free size settles it in `sizes`."""
    if array.ndim == len(shape):
        for axis, size in zip(shape, array.shape, strict=True):
            if isinstance(axis, str):
                sizes.setdefault(axis, size)
    expected = tuple(sizes.get(axis, axis) if isinstance(axis, str) else axis for axis in shape)
    if array.shape != expected:
        raise HandModelError(
            f"{source}: {key} must have shape ({', '.join(map(str, expected))}); got {tuple(array.shape)}. "
            "A body model or another version of MANO does not fit."
        )
    kinds = "iu" if key in _INTEGER_KEYS else "b" if key == "is_cap" else "fiu"
    if array.dtype.kind not in kinds:
        raise HandModelError(f"{source}: {key} must hold {_KIND_NAMES[kinds]}; got {array.dtype}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise HandModelError(f"{source}: {key} must be finite; it holds NaN or infinity. The file is damaged.")
    return array


_KIND_NAMES = {"iu": "integers", "b": "bools", "fiu": "numbers"}


def _floats(checked: Mapping[str, npt.NDArray[np.generic]], key: str) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(checked[key], dtype=np.float32)


def _parents(kintree_table: npt.NDArray[np.generic], source: str) -> tuple[int, ...]:
    """Returns each joint's parent, -1 for the root, which MANO writes as 2^32 - 1."""
    parents = (-1, *(int(parent) for parent in kintree_table[0, 1:]))
    if any(not 0 <= parent < joint for joint, parent in enumerate(parents) if joint > 0):
        raise HandModelError(
            f"{source}: kintree_table[0] must name an earlier joint as every joint's parent; got {parents}."
        )
    return parents
