"""Keypoint fits on disk, beside the pairs that they are fits of."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch

from a2p.camera import Camera
from a2p.data.duet.block import BLOCK, MAX_BLOCKS
from a2p.data.duet.corruption import CorruptedPairs
from a2p.data.duet.fits import FittedPairs, fitted_pairs
from a2p.data.duet.pairs import DuetPairs, cat_hands
from a2p.data.duet.shards import (
    Arrays,
    ShardName,
    arrays_of,
    hand_arrays,
    hand_of,
    load_arrays,
    pairs_of,
    plan,
    read_shard,
    require,
    run_shards,
    save_arrays,
)
from a2p.data.duet.view import view_pairs
from a2p.errors import DataError
from a2p.hand import HandModel, HandPair
from a2p.threads import one_torch_thread


def fit_file(shard: ShardName) -> str:
    """Returns the name of the file with the fits of a shard's pairs."""
    return f"fits-{shard.seed}-{shard.first:09d}-{shard.count}.npz"


def write_fits(
    folder: Path, count: int, *, seed: int = 0, workers: int = 1, progress: Callable[[int], None] | None = None
) -> None:
    """Writes fits of the first `count` pairs beside their shards, which must be there; whole files are kept."""
    run_shards(plan(count, seed), partial(_write, folder), workers=workers, progress=progress)


def load_fits(folder: Path) -> FittedPairs:
    """Returns all fits in a folder, in order; also while a run still adds to them."""
    paths = sorted(folder.glob("fits-*.npz"))
    if not paths:
        raise DataError(f"{folder} must hold fits-*.npz; it holds none. Make them with `a2p data duet --with-fits N`.")
    parts = [_read(path) for path in paths]
    return FittedPairs(
        truth=DuetPairs.cat([part.truth for part in parts]),
        fits=CorruptedPairs(
            cat_hands([part.fits.right for part in parts]),
            cat_hands([part.fits.left for part in parts]),
            torch.cat([part.fits.max_depth for part in parts]),
            torch.cat([part.fits.scale for part in parts]),
        ),
        keypoints_2d=torch.cat([part.keypoints_2d for part in parts]),
        confidence=torch.cat([part.confidence for part in parts]),
        camera=parts[0].camera,
    )


def _write(folder: Path, shard: ShardName) -> None:
    path = folder / fit_file(shard)
    if path.exists():
        try:
            _read(path)
        except DataError:
            path.unlink()
        else:
            return
    pairs = read_shard(folder / shard.file)
    generator = torch.Generator().manual_seed(shard.seed * MAX_BLOCKS + shard.first // BLOCK)
    with one_torch_thread():
        fitted = fitted_pairs(view_pairs(pairs, _models(), generator), _models(), generator)
    save_arrays(path, _arrays(fitted))


def _arrays(fitted: FittedPairs) -> Arrays:
    camera = fitted.camera
    return {
        **arrays_of(fitted.truth),
        **hand_arrays("fit_right", fitted.fits.right),
        **hand_arrays("fit_left", fitted.fits.left),
        "max_depth": fitted.fits.max_depth.numpy(),
        "keypoints_2d": fitted.keypoints_2d.numpy(),
        "confidence": fitted.confidence.numpy(),
        "camera": np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
    }


def _read(path: Path) -> FittedPairs:
    arrays, source = load_arrays(path), str(path)
    truth = pairs_of(arrays, source)
    count = len(truth)
    depth = torch.from_numpy(require(arrays, "max_depth", source, (count,), "f").astype(np.float32))
    return FittedPairs(
        truth=truth,
        fits=CorruptedPairs(
            hand_of(arrays, "fit_right", source, count),
            hand_of(arrays, "fit_left", source, count),
            depth,
            torch.ones_like(depth),
        ),
        keypoints_2d=torch.from_numpy(
            require(arrays, "keypoints_2d", source, (count, 2, 21, 2), "f").astype(np.float32)
        ),
        confidence=torch.from_numpy(require(arrays, "confidence", source, (count, 2, 21), "f").astype(np.float32)),
        camera=Camera(*(float(value) for value in require(arrays, "camera", source, (4,), "f"))),
    )


@lru_cache(maxsize=1)
def _models() -> HandPair:
    return HandModel.load_pair()
