"""Takes values out of annotations, with errors that name file and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from a2p.data.json_stream import Keys, located
from a2p.errors import DataError

_T = TypeVar("_T")


def member(content: object, key: str | int, *, path: Path, keys: Keys = ()) -> Any:
    """Returns what an object or a list holds under a key."""
    try:
        return content[key]  # type: ignore[index]
    except (KeyError, IndexError, TypeError) as error:
        raise DataError(
            f"{located(path, (*keys, key))} is missing. The file is of another version, or damaged."
        ) from error


def of_type(value: object, kind: type[_T], *, path: Path, keys: Keys) -> _T:
    """Returns the value if it is of this type; integers count as floats."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return kind(value)  # type: ignore[call-arg]
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise DataError(
            f"{located(path, keys)} must be {kind.__name__}; got {type(value).__name__}. "
            "The file is of another version, or damaged."
        )
    return value


def numbers(value: object, shape: tuple[int, ...], *, path: Path, keys: Keys = ()) -> npt.NDArray[np.float64]:
    """Returns finite numbers of a shape; -1 in it stands for any size."""
    return finite(maybe_numbers(value, shape, path=path, keys=keys), path=path, keys=keys)


def maybe_numbers(value: object, shape: tuple[int, ...], *, path: Path, keys: Keys = ()) -> npt.NDArray[np.float64]:
    """Returns numbers of a shape that may be NaN."""
    try:
        if value is None:
            raise ValueError("it is null")
        return np.asarray(value, dtype=np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        wanted = " x ".join("n" if size == -1 else str(size) for size in shape) or "one"
        raise DataError(
            f"{located(path, keys)} must be {wanted} numbers: {error}. The file is of another version, or damaged."
        ) from error


def finite(array: npt.NDArray[np.float64], *, path: Path, keys: Keys) -> npt.NDArray[np.float64]:
    """Returns the array if it has no NaN or infinity."""
    lost = ~np.isfinite(array)
    if lost.any():
        where = tuple(int(i) for i in np.argwhere(lost)[0])
        raise DataError(f"{located(path, (*keys, *where))} must be finite; got {array[where]}. The entry is broken.")
    return array
