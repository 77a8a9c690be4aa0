"""Tables on disk, a raw file a column, read by memory mapping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from a2p.errors import DataError

_BUFFER_ROWS = 4096


@dataclass(frozen=True)
class ColumnSpec:
    """The form of one column."""

    dtype: str
    shape: tuple[int, ...]
    """Of one row."""
    rows: int

    def to_json(self) -> dict[str, object]:
        """Returns the form as JSON holds it."""
        return {"dtype": self.dtype, "shape": list(self.shape), "rows": self.rows}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ColumnSpec:
        """Returns the form that `to_json` wrote."""
        return cls(content["dtype"], tuple(content["shape"]), content["rows"])


class ColumnWriter:
    """Writes the columns of an index; what it has written can be read back before the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._columns: dict[str, _Column] = {}

    def __enter__(self) -> ColumnWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for column in self._columns.values():
            column.close()

    @property
    def specs(self) -> dict[str, ColumnSpec]:
        """The form of every column so far."""
        return {name: column.spec for name, column in self._columns.items()}

    def append(self, name: str, value: int | float | npt.NDArray[Any], *, dtype: str) -> None:
        """Adds a row to a column; the first row sets its shape."""
        self._column(name, dtype, np.shape(value)).append(value)

    def append_text(self, name: str, value: str) -> None:
        """Adds a text to a column of texts."""
        column = self._column(name, "u1", ())
        column.extend(np.frombuffer(value.encode(), dtype=np.uint8))
        self._column(f"{name}.ends", "i8", ()).append(column.rows)

    def whole(self, name: str, values: npt.NDArray[Any]) -> None:
        """Adds a column at once."""
        self._column(name, values.dtype.str, values.shape[1:]).extend(values)

    def read(self) -> Columns:
        """Returns what has been written so far."""
        for column in self._columns.values():
            column.flush()
        return Columns(self.folder, self.specs)

    def _column(self, name: str, dtype: str, shape: tuple[int, ...]) -> _Column:
        if name not in self._columns:
            self._columns[name] = _Column(self.folder / f"{name}.bin", dtype, shape)
        return self._columns[name]


class Columns:
    """The columns of an index. Pickled as a path, so that worker processes share one mapping in memory."""

    def __init__(self, folder: Path, specs: Mapping[str, ColumnSpec]) -> None:
        self.folder = folder
        self.specs = dict(specs)
        self._mapped: dict[str, npt.NDArray[Any]] = {}

    def __reduce__(self) -> tuple[type[Columns], tuple[Path, dict[str, ColumnSpec]]]:
        return Columns, (self.folder, self.specs)

    def __contains__(self, name: str) -> bool:
        return name in self.specs

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Returns a column of numbers, mapped, not read."""
        if name not in self._mapped:
            spec = self.specs[name]
            self._mapped[name] = _mapped(self.folder / f"{name}.bin", spec.dtype, (spec.rows, *spec.shape))
        return self._mapped[name]

    def text(self, name: str, row: int) -> str:
        """Returns one text of a column of texts."""
        ends = self[f"{name}.ends"]
        start = int(ends[row - 1]) if row else 0
        return bytes(self[name][start : int(ends[row])]).decode()


def find_row(keys: npt.NDArray[np.int64], key: int) -> int | None:
    """Returns where a key stands in a sorted column."""
    row = int(np.searchsorted(keys, key))
    return row if row < len(keys) and keys[row] == key else None


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if math.prod(shape) == 0:  # an empty file cannot be mapped
        return np.zeros(shape, dtype=dtype)
    try:
        return np.memmap(path, dtype=dtype, mode="r", shape=shape)
    except (OSError, ValueError) as error:
        raise DataError(
            f"the index file {path} is damaged: {error}. Delete the folder {path.parent.parent}; it is built anew."
        ) from error


class _Column:
    """One growing column."""

    def __init__(self, path: Path, dtype: str, shape: tuple[int, ...]) -> None:
        self._file: BinaryIO = path.open("wb")
        self._path, self._dtype, self._shape = path, np.dtype(dtype), tuple(shape)
        self._buffer = np.zeros((_BUFFER_ROWS, *shape), dtype=self._dtype)
        self._held = self.rows = 0

    @property
    def spec(self) -> ColumnSpec:
        return ColumnSpec(self._dtype.str, self._shape, self.rows)

    def append(self, value: int | float | npt.NDArray[Any]) -> None:
        if np.shape(value) != self._shape:  # assignment would broadcast
            raise ValueError(f"column {self._path.stem} has rows of shape {self._shape}; got {np.shape(value)}")
        self._buffer[self._held] = value
        self._held += 1
        self.rows += 1
        if self._held == _BUFFER_ROWS:
            self._spill()

    def extend(self, values: npt.NDArray[Any]) -> None:
        self._spill()
        self._file.write(np.ascontiguousarray(values).tobytes())
        self.rows += len(values)

    def flush(self) -> None:
        self._spill()
        self._file.flush()

    def close(self) -> None:
        self._spill()
        self._file.close()

    def _spill(self) -> None:
        self._file.write(self._buffer[: self._held].tobytes())
        self._held = 0
