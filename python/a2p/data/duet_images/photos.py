"""Photos that a user gives as backgrounds. None is packaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from a2p.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MAX_SIDE = 900
"""px: larger photos are reduced, which loses nothing behind pictures of hands."""


def read_photos(folder: Path, *, limit: int = 500) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Returns the pictures in a folder and the folders below it, by name, at most `limit`.

    On Debian the packages mate-backgrounds and gnome-backgrounds install such folders.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[:limit]
    if not paths:
        raise DataError(f"{folder} must hold photos ({', '.join(SUFFIXES)}); it holds none. Leave backgrounds out.")
    return [_read(path) for path in paths]


def _read(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    try:
        with Image.open(path) as image:
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))
            small = image.convert("RGB")
    except OSError as error:
        raise DataError(f"{path} must be a photo; it cannot be read: {error}. Remove it from the folder.") from error
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    return np.array(small)
