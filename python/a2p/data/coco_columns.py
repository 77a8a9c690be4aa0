"""What annotation files in COCO's form have in common: images, annotations that name them, and the join."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from a2p.data.broken_entries import note_broken
from a2p.data.columns import ColumnWriter
from a2p.data.fields import member, of_type
from a2p.data.json_stream import Keys, located, stream_json
from a2p.errors import DataError

Write: TypeAlias = Callable[[object, Keys], None]
"""Writes one entry, given with its keys."""


def write_coco(out: ColumnWriter, path: Path, write_annotation: Write, write_image: Write | None = None) -> None:
    """Writes the images (`image.id`, `.width`, `.height`, `.file_name`) and calls back for every annotation.

    `write_annotation` writes `annotation.image_id`; `annotation.image` then is the row of each annotation's image. An
    annotation that it raises DataError for, before it has written anything, is kept as a broken one; where all are, the
    file is of another version, and the first error is raised.
    """
    first: DataError | None = None
    for keys, value in stream_json(path, depth=2):
        if keys[0] == "images":
            _write_image(out, value, path, keys)
            if write_image is not None:
                write_image(value, keys)
        elif keys[0] == "annotations":
            try:
                write_annotation(value, keys)
            except DataError as error:
                first = first or error
                note_broken(out, "annotation", _id_of(value), error)
    if first is not None and "annotation.image_id" not in out.specs:
        raise first
    if "annotation.image_id" not in out.specs or "image.id" not in out.specs:
        raise DataError(f"{path} must hold 'images' and usable 'annotations'; it lacks one. This is another file.")
    written = out.read()
    out.whole("annotation.image", _rows_of(written["annotation.image_id"], written["image.id"], path))


def _id_of(value: object) -> int:
    """Returns the id of an annotation that is broken elsewhere; -1 where that cannot be read either."""
    identity = value.get("id") if isinstance(value, dict) else None
    return identity if isinstance(identity, int) else -1


def _write_image(out: ColumnWriter, value: object, path: Path, keys: Keys) -> None:
    for key in ("id", "width", "height"):
        number = of_type(member(value, key, path=path, keys=keys), int, path=path, keys=(*keys, key))
        out.append(f"image.{key}", number, dtype="i8" if key == "id" else "i4")
    name = of_type(member(value, "file_name", path=path, keys=keys), str, path=path, keys=(*keys, "file_name"))
    out.append_text("image.file_name", name)


def _rows_of(wanted: npt.NDArray[np.int64], ids: npt.NDArray[np.int64], path: Path) -> npt.NDArray[np.int64]:
    order = np.argsort(ids, kind="stable")
    rows = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    lost = np.flatnonzero(ids[rows] != wanted)
    if len(lost):
        raise DataError(
            f"{located(path, ('annotations',))} names image {wanted[lost[0]]}, which is not among the images. "
            "The file is damaged."
        )
    return rows.astype(np.int64)
