"""Training pictures on disk: numbered files of arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from a2p.data.duet.shards import Arrays, load_arrays, save_arrays
from a2p.data.duet_images.images import DuetImageBatch, DuetImages
from a2p.errors import ConfigError, DataError
from a2p.hand import HandParameters

SHARD = 512
"""Pictures a file."""
VERSION = 1
_HANDS = ("right", "left")


def write_image_shards(
    images: DuetImages, folder: Path, count: int, *, progress: Callable[[int], None] | None = None
) -> list[Path]:
    """Writes the first `count` pictures into numbered files and returns these; whole files that are there are kept."""
    if count < 1:
        raise ConfigError(f"count must be at least 1; got {count}.")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for first in range(0, count, SHARD):
        number = min(SHARD, count - first)
        path = folder / f"images-{images.seed}-{first:09d}-{number}.npz"
        if not path.exists():
            save_arrays(path, arrays_of(images.batch(np.arange(first, first + number))))
        paths.append(path)
        if progress is not None:
            progress(number)
    return paths


def arrays_of(batch: DuetImageBatch) -> Arrays:
    """Returns the arrays that a file holds."""
    arrays: Arrays = {"version": np.array(VERSION)}
    for item in fields(DuetImageBatch):
        value = getattr(batch, item.name)
        if item.name in _HANDS:
            for part in fields(HandParameters):
                arrays[f"{item.name}_{part.name}"] = getattr(value, part.name).numpy()
        else:
            arrays[item.name] = value
    return arrays


def read_image_shard(path: Path) -> DuetImageBatch:
    """Returns the pictures of one file."""
    arrays = load_arrays(path)
    version = int(arrays.get("version", np.array(0)))
    if version != VERSION:
        raise DataError(f"{path}: version must be {VERSION}; got {version}. Render the pictures again with this a2p.")
    names = [item.name for item in fields(DuetImageBatch)]
    hands = {
        side: HandParameters(
            **{part.name: torch.from_numpy(arrays[f"{side}_{part.name}"]) for part in fields(HandParameters)}
        )
        for side in _HANDS
    }
    return DuetImageBatch(**hands, **{name: arrays[name] for name in names if name not in _HANDS})  # type: ignore[arg-type]


def contact_sheet(batch: DuetImageBatch, *, columns: int) -> np.ndarray:
    """Returns the pictures side by side, row by row; the last row may be black at its end."""
    count, height, width, _ = batch.rgb.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height, width, 3), dtype=np.uint8)
    sheet[:count] = batch.rgb
    tiled: np.ndarray = sheet.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    return tiled.reshape(rows * height, columns * width, 3)
