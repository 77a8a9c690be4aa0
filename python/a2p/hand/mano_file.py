"""MANO's own pickle files: read without chumpy, scipy or trust, and converted to plain .npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from a2p.errors import HandModelError, OutputError
from a2p.hand.hand_data import REQUIRED_SHAPES, hand_data_from_arrays
from a2p.hand.inert_pickle import load_inert
from a2p.hand.pickled_arrays import array_from_inert

_MAX_FILE_BYTES = 64 * 2**20
"""MANO's files have under 4 MB."""


def read_mano_arrays(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Returns those of a hand model's arrays that a MANO pickle holds; nothing that it asks for is run."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= _MAX_FILE_BYTES else b""
    except OSError as error:
        raise HandModelError(f"{path} cannot be read: {error.strerror}.") from error
    if size > _MAX_FILE_BYTES:
        raise HandModelError(f"{path} must have {_MAX_FILE_BYTES >> 20} MiB at most; it has {size >> 20}.")
    content = load_inert(data, str(path))
    if not isinstance(content, dict):
        raise HandModelError(f"{path} must hold a dictionary of arrays; it holds a {type(content).__name__}.")
    return {key: _array(content[key], key, path) for key in REQUIRED_SHAPES if key in content}


def convert_mano(source: Path, target: Path | None = None) -> Path:
    """Writes the arrays of a MANO pickle as .npz without pickled objects, beside it or at `target`; returns where.

    The arrays stay as they are, the left hand's shapedirs uncorrected too, so the result loads like the original.
    smplx reads it with `ext="npz"`.
    """
    target = source.with_suffix(".npz") if target is None else target
    if target.suffix != ".npz":
        raise OutputError(f"the converted file's name must end in .npz; got {target}.")
    arrays = read_mano_arrays(source)
    hand_data_from_arrays(arrays, str(source))
    try:
        np.savez_compressed(target, **cast("dict[str, Any]", arrays))
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}. Give another place as the target.") from error
    return target


def _array(value: object, key: str, path: Path) -> npt.NDArray[np.generic]:
    try:
        return array_from_inert(value)
    except ValueError as error:
        raise HandModelError(
            f"{path}: {key} is no readable array: {error}. The file is damaged or another's."
        ) from error
