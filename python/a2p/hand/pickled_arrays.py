"""Interprets the records of an inertly read pickle as arrays: numpy's, chumpy's and scipy's sparse columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from a2p.hand.inert_pickle import Record

_MAX_ELEMENTS = 10_000_000
"""Of a sparse matrix made dense; MANO's has 12,448."""
_MAX_DEPTH = 8
"""Of arrays that select from arrays."""
_NUMBER_CODES = ("b1", "i1", "u1", "i2", "u2", "f2", "i4", "u4", "f4", "i8", "u8", "f8")


def array_from_inert(value: object) -> npt.NDArray[Any]:
    """Returns the array of bools, integers or floats that a value stands for; ValueError if it stands for none."""
    try:
        return _array(value, _MAX_DEPTH)
    except (IndexError, OverflowError) as error:
        raise ValueError(f"it selects or sizes out of range: {error}") from error


def _array(value: object, depth: int) -> npt.NDArray[Any]:
    if depth == 0:
        raise ValueError(f"its arrays are nested deeper than {_MAX_DEPTH}")
    if not isinstance(value, Record):
        return _number(value)
    name, state = value.name, value.state
    if name == "_reconstructor":  # protocols 0 and 1: _reconstructor(class, object, None), then the state
        kind = value.arguments[0] if value.arguments else None
        name = kind.name if isinstance(kind, type) and issubclass(kind, Record) else "an unnamed class"
    if name == "_reconstruct":
        _, shape, dtype, is_fortran, buffer = _parts(state, 5)
        return _from_buffer(buffer, dtype, shape, is_fortran=bool(is_fortran))
    if name == "_frombuffer":
        buffer, dtype, shape, order = _parts(value.arguments, 4)
        return _from_buffer(buffer, dtype, shape, is_fortran=order == "F")
    if name == "scalar":
        dtype, buffer = _parts(value.arguments, 2)
        return _from_buffer(buffer, dtype, (), is_fortran=False)
    if not isinstance(state, dict):
        raise ValueError(f"{name} is no array")
    return _composite(name, state, depth - 1)


def _composite(name: str, attributes: Mapping[str, object], depth: int) -> npt.NDArray[Any]:
    """Returns the value of an object made of arrays, by the definitions of chumpy 0.70's `compute_r`."""

    def part(key: str) -> npt.NDArray[Any]:
        if key not in attributes:
            raise ValueError(f"{name} lacks {key}")
        return _array(attributes[key], depth)

    if name == "Ch":
        return part("x")
    if name == "csc_matrix":
        return _dense(part("data"), part("indices"), part("indptr"), _shape(attributes.get("_shape")))
    if name == "Select":
        selected = part("a").ravel()[_indices(part("idxs"))]
        return selected.reshape(_shape(attributes["preferred_shape"])) if "preferred_shape" in attributes else selected
    if name == "Reshape":
        return part("a").reshape(_shape(attributes.get("newshape")))
    if name == "transpose":
        axes = attributes.get("axes")
        return np.transpose(part("a"), None if axes is None else _shape(axes))
    raise ValueError(f"{name} is no array")


def _number(value: object) -> npt.NDArray[Any]:
    if not isinstance(value, (int, float)) or abs(value) > 2**62:
        raise ValueError(f"{type(value).__name__} is no array")
    array: npt.NDArray[Any] = np.asarray(value)
    return array


def _from_buffer(buffer: object, dtype: object, shape: object, *, is_fortran: bool) -> npt.NDArray[Any]:
    """Returns a copy of plain numbers whose amount fits the shape exactly."""
    element, sizes, raw = _dtype(dtype), _shape(shape), _raw_bytes(buffer)
    if min(sizes, default=0) < 0 or math.prod(sizes) * element.itemsize != len(raw):
        raise ValueError(f"an array of shape {sizes} and type {element} cannot have {len(raw)} bytes")
    return np.array(np.frombuffer(raw, dtype=element).reshape(sizes, order="F" if is_fortran else "C"))


def _dtype(value: object) -> np.dtype[Any]:
    """Returns the type that numpy.dtype's call ("f8", ...) and state (version, "<", ...) describe."""
    if not isinstance(value, Record) or value.name != "dtype" or not value.arguments:
        raise ValueError("an array's type must be a numpy.dtype")
    code = value.arguments[0]
    if code not in _NUMBER_CODES:
        raise ValueError(f"an array of type {str(code)[:20]!r} holds no numbers")
    is_big_endian = isinstance(value.state, tuple) and value.state[1:2] == (">",)
    return np.dtype(f"{'>' if is_big_endian else '<'}{code}")


def _raw_bytes(value: object) -> bytes:
    """Returns a buffer's bytes: a str of Python 2 read as Latin-1, or Python 3's `_codecs.encode(text, "latin1")`."""
    if isinstance(value, Record) and value.name == "encode" and value.arguments:
        value = value.arguments[0]
    elif isinstance(value, Record) and value.name == "bytes" and not value.arguments:
        return b""
    if isinstance(value, str):
        return value.encode("latin1")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    raise ValueError("an array's content must be bytes")


def _dense(
    data: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    indptr: npt.NDArray[Any],
    shape: tuple[int, ...],
) -> npt.NDArray[Any]:
    """Returns the dense form of a matrix in compressed sparse columns; repeated entries add up, as scipy's do."""
    if len(shape) != 2 or min(shape) < 0 or math.prod(shape) > _MAX_ELEMENTS:
        raise ValueError(f"a hand model has no sparse matrix of shape {shape}")
    rows, starts = _indices(indices), _indices(indptr)
    counts = np.diff(starts)
    fits = data.ndim == 1 and len(data) == len(rows) and len(starts) == shape[1] + 1
    if not fits or starts[0] != 0 or starts[-1] != len(rows) or (counts < 0).any() or (rows >= shape[0]).any():
        raise ValueError("a sparse matrix's indices contradict each other")
    dense = np.zeros(shape, dtype=np.float64)
    np.add.at(dense, (rows, np.repeat(np.arange(shape[1]), counts)), data)
    return dense


def _indices(array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    flat = array.ravel()
    if flat.dtype.kind not in "iu" or (len(flat) and int(flat.min()) < 0):
        raise ValueError("indices must be integers from 0 on")
    return flat.astype(np.int64)


def _shape(value: object) -> tuple[int, ...]:
    """Returns the ints of a tuple, a list, an array or a number."""
    sizes: list[int] = []
    for part in value if isinstance(value, (tuple, list)) else (value,):
        array = _array(part, 2)
        if array.dtype.kind not in "iu":
            raise ValueError("a shape must be integers")
        sizes += (int(size) for size in array.ravel())
    return tuple(sizes)


def _parts(value: object, count: int) -> tuple[Any, ...]:
    if not isinstance(value, tuple) or len(value) != count:
        raise ValueError(f"an array must be described by {count} values")
    return value
