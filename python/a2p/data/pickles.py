"""Reads annotation pickles as arrays and texts; nothing that a pickle asks for is run."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from a2p.data.json_stream import located
from a2p.errors import DataError, HandModelError
from a2p.hand.inert_pickle import Record, load_inert
from a2p.hand.pickled_arrays import array_from_inert

Field: TypeAlias = "npt.NDArray[np.generic] | str | None"
_MAX_FILE_BYTES = 16 * 2**20
"""HO-3D's files have a few KB."""


def read_pickled_fields(path: Path) -> dict[str, Field]:
    """Returns the arrays, numbers, texts and empty entries of a pickled dictionary; lists of numbers are arrays.

    Raises:
        DataError: The file is missing, damaged or no dictionary of those.
        UnsafeFileError: It asks for anything else; nothing in it ran.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= _MAX_FILE_BYTES else b""
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. `a2p data check` says what is missing.") from error
    if size > _MAX_FILE_BYTES:
        raise DataError(f"{path} must have {_MAX_FILE_BYTES >> 20} MiB at most; it has {size >> 20}.")
    try:
        content = load_inert(data, str(path))
    except HandModelError as error:
        raise DataError(f"{error} Download it anew.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold a dictionary; it holds a {type(content).__name__}. This is another file.")
    return {str(key): _field(value, str(key), path) for key, value in content.items()}


def _field(value: object, key: str, path: Path) -> Field:
    if value is None or isinstance(value, str):
        return value
    try:
        if isinstance(value, (list, tuple)) and not any(isinstance(item, Record) for item in value):
            return np.asarray(value, dtype=np.float64)
        return array_from_inert(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"{located(path, (key,))} is no readable array: {error}. The file is damaged.") from error
