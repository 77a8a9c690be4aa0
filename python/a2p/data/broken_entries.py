"""Entries of annotation files that cannot be used: an index keeps why, and whoever asks for one is told.

So one damaged entry among millions costs itself alone: reading goes on behind it, and counts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from a2p.data.columns import Columns, ColumnWriter
from a2p.data.fields import numbers
from a2p.data.json_stream import Keys
from a2p.errors import DataError

_MANO_VERTICES = 778


def write_numbers(
    out: ColumnWriter,
    table: str,
    entries: Iterable[tuple[Keys, object]],
    shape: tuple[int, ...],
    *,
    path: Path,
    dtype: str = "f4",
) -> int:
    """Writes the entries of a file as rows of one column and returns their number; -1 in `shape` is any size.

    A broken entry is noted under its row, where NaN stands. Where all are broken, the file is of another version, and
    the first error is raised.
    """
    first: DataError | None = None
    row, good = -1, 0
    for row, (keys, value) in enumerate(entries):
        wanted = out.specs[table].shape if table in out.specs else shape
        try:
            entry = numbers(value, wanted, path=path, keys=keys)
            good += 1
        except DataError as error:
            first = first or error
            note_broken(out, table, row, error)
            entry = np.full([_MANO_VERTICES if size == -1 else size for size in wanted], np.nan)
        out.append(table, entry, dtype=dtype)
    if first is not None and not good:
        raise first
    return row + 1


def note_broken(out: ColumnWriter, table: str, key: int, error: DataError) -> None:
    """Keeps why the entry of a table with this key is broken."""
    out.append(f"{table}.broken", key, dtype="i8")
    out.append_text(f"{table}.reason", str(error))


def broken_keys(columns: Columns, table: str) -> npt.NDArray[np.int64]:
    """Returns the keys of a table's broken entries, in the order of their file."""
    name = f"{table}.broken"
    return np.array(columns[name]) if name in columns else np.zeros(0, dtype=np.int64)


def raise_broken(columns: Columns, table: str, number: int) -> NoReturn:
    """Raises why the broken entry with this number, counted from 0, is broken."""
    raise DataError(columns.text(f"{table}.reason", number))


def raise_if_broken(columns: Columns, table: str, key: int) -> None:
    """Raises why the entry with this key is broken, if it is."""
    found = np.flatnonzero(broken_keys(columns, table) == key)
    if len(found):
        raise_broken(columns, table, int(found[0]))
