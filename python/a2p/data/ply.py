"""Reads the vertices of PLY meshes, ASCII and binary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from a2p.errors import DataError

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}


def read_ply_vertices(path: Path) -> npt.NDArray[np.float64]:
    """Returns x, y, z of every vertex (v, 3), finite. Vertices must be the file's first element, as they mostly are."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. `a2p data check` says what is missing.") from error
    try:
        return _vertices(data)
    except (ValueError, IndexError, KeyError) as error:
        raise DataError(f"{path} is no readable PLY mesh: {error}. Download it anew.") from error


def _vertices(data: bytes) -> npt.NDArray[np.float64]:
    header, separator, body = data.partition(b"end_header")
    lines = [line.split() for line in header.decode("ascii").splitlines()]
    if lines[:1] != [["ply"]] or not separator:
        raise ValueError("it does not begin with a PLY header")
    order = _ORDERS[next(line[1] for line in lines if line[:1] == ["format"])]
    elements = [index for index, line in enumerate(lines) if line[:1] == ["element"]]
    first = lines[elements[0]]
    if first[1] != "vertex":
        raise ValueError(f"its first element is {first[1]}, not vertex")
    last = elements[1] if len(elements) > 1 else len(lines)
    properties = [line for line in lines[elements[0] + 1 : last] if line[:1] == ["property"]]
    count, body = int(first[2]), body[body.index(b"\n") + 1 :]
    names = [line[-1] for line in properties]
    if order == "=":
        rows = [line.split() for line in body.decode("ascii").splitlines()[:count]]
        table = np.array(rows, dtype=np.float64)
        points = table[:, [names.index(axis) for axis in "xyz"]]
    else:
        dtype = np.dtype([(line[-1], order + _TYPES[line[1]]) for line in properties])
        if len(body) < count * dtype.itemsize:
            raise ValueError(f"it has {len(body)} bytes for {count} vertices of {dtype.itemsize}")
        records = np.frombuffer(body, dtype=dtype, count=count)
        points = np.stack([records[axis].astype(np.float64) for axis in "xyz"], axis=1)
    if points.shape != (count, 3) or not np.isfinite(points).all():
        raise ValueError(f"it must have {count} finite vertices")
    return points
