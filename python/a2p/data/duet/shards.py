"""Hand pairs on disk: numbered files of arrays and a manifest that says how they were made."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from a2p.data.duet.block import BLOCK
from a2p.data.duet.pairs import DuetPairs
from a2p.data.duet.sampler import sample_pairs
from a2p.errors import ConfigError, DataError
from a2p.hand import HandParameters
from a2p.render.export import write_atomically

SHARD = BLOCK
"""Pairs a shard: what a killed run loses at most, for each worker."""
VERSION = 1
MANIFEST = "manifest.json"
_FIELDS: dict[str, tuple[int, ...]] = {"global_orient": (3,), "hand_pose": (15, 3), "betas": (10,), "transl": (3,)}
Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class ShardName:
    """Which pairs a file holds."""

    seed: int
    first: int
    count: int

    @property
    def file(self) -> str:
        """The name of the file with the pairs."""
        return f"duet-{self.seed}-{self.first:09d}-{self.count}.npz"


def plan(count: int, seed: int) -> list[ShardName]:
    """Returns the shards that hold the first `count` pairs of a seed; the last may be shorter."""
    if count < 1:
        raise ConfigError(f"count must be at least 1; got {count}.")
    return [ShardName(seed, first, min(SHARD, count - first)) for first in range(0, count, SHARD)]


def write_shards(
    folder: Path, count: int, *, seed: int = 0, workers: int = 1, progress: Callable[[int], None] | None = None
) -> Path:
    """Writes the first `count` pairs of a seed into a folder and returns its manifest.

    Shards that are there already and whole are kept, so a run that was killed goes on where it was. The files are the
    same whatever the number of workers. `progress` is told how many pairs each shard added.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = plan(count, seed)
    run_shards(shards, partial(write_shard, folder), workers=workers, progress=progress)
    return write_manifest(folder, shards)


def run_shards(
    shards: list[ShardName],
    work: Callable[[ShardName], None],
    *,
    workers: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Does `work` for every shard, in as many processes as there are workers."""
    if workers < 1:
        raise ConfigError(f"workers must be at least 1; got {workers}.")
    tell = progress or (lambda _: None)
    if workers == 1:
        for shard in shards:
            work(shard)
            tell(shard.count)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(work, shard): shard for shard in shards}
        for future in as_completed(futures):
            future.result()
            tell(futures[future].count)


def write_shard(folder: Path, shard: ShardName) -> None:
    """Makes and writes one shard, unless a whole one is there."""
    path = folder / shard.file
    if path.exists():
        try:
            read_shard(path)
        except DataError:
            path.unlink()
        else:
            return
    save_arrays(path, arrays_of(sample_pairs(shard.count, shard.seed, first=shard.first)))


def write_manifest(folder: Path, shards: list[ShardName]) -> Path:
    """Writes what the folder holds: version, seed, counts, and the hash of every file."""
    path = folder / MANIFEST
    files = {
        shard.file: {
            "first": shard.first,
            "count": shard.count,
            "sha256": hashlib.sha256((folder / shard.file).read_bytes()).hexdigest(),
        }
        for shard in shards
    }
    content = {
        "format": "a2p.duet",
        "version": VERSION,
        "seed": shards[0].seed,
        "count": sum(shard.count for shard in shards),
        "shards": files,
    }
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
    return path


def load_shards(folder: Path, *, limit: int | None = None) -> DuetPairs:
    """Returns the pairs of all whole shards in a folder, in order; also while a run still adds to it.

    Where a manifest names a shard, its hash is checked. `limit` stops after so many pairs.
    """
    paths = sorted(folder.glob("duet-*.npz"))
    if not paths:
        raise DataError(f"{folder} must hold shards named duet-*.npz; it holds none. Make them with `a2p data duet`.")
    hashes = _manifest_hashes(folder)
    parts: list[DuetPairs] = []
    for path in paths:
        if limit is not None and sum(map(len, parts)) >= limit:
            break
        if path.name in hashes and hashlib.sha256(path.read_bytes()).hexdigest() != hashes[path.name]:
            raise DataError(f"{path} must have the sha256 that {MANIFEST} names; it has another. Delete it, run again.")
        parts.append(read_shard(path))
    pairs = DuetPairs.cat(parts)
    return pairs if limit is None else pairs[:limit]


def read_shard(path: Path) -> DuetPairs:
    """Returns the pairs of one file."""
    return pairs_of(load_arrays(path), str(path))


def arrays_of(pairs: DuetPairs) -> Arrays:
    """Returns the arrays that a shard holds."""
    return {
        **hand_arrays("right", pairs.right),
        **hand_arrays("left", pairs.left),
        "family": pairs.family.numpy(),
        "index": pairs.index.numpy(),
        "seed": np.array(pairs.seed),
        "version": np.array(VERSION),
    }


def hand_arrays(prefix: str, hand: HandParameters) -> Arrays:
    """Returns a batch of hands as arrays."""
    return {f"{prefix}_{name}": getattr(hand, name).numpy() for name in _FIELDS}


def hand_of(arrays: Mapping[str, npt.NDArray[np.generic]], prefix: str, source: str, count: int) -> HandParameters:
    """Returns the batch of hands that arrays hold."""
    tensors = {
        name: torch.from_numpy(require(arrays, f"{prefix}_{name}", source, (count, *shape), "f").astype(np.float32))
        for name, shape in _FIELDS.items()
    }
    return HandParameters(**tensors)


def pairs_of(arrays: Mapping[str, npt.NDArray[np.generic]], source: str) -> DuetPairs:
    """Returns the pairs that a shard's arrays describe; `source` names the file in errors."""
    version = int(require(arrays, "version", source, (), "iu"))
    if version != VERSION:
        raise DataError(f"{source}: version must be {VERSION}; got {version}. Make the shards again with this a2p.")
    index = require(arrays, "index", source, (None,), "iu")
    count = len(index)
    family = torch.from_numpy(require(arrays, "family", source, (count,), "u").astype(np.uint8))
    return DuetPairs(
        hand_of(arrays, "right", source, count),
        hand_of(arrays, "left", source, count),
        family,
        torch.from_numpy(index.astype(np.int64)),
        int(require(arrays, "seed", source, (), "iu")),
    )


def require(
    arrays: Mapping[str, npt.NDArray[np.generic]], name: str, source: str, shape: tuple[int | None, ...], kinds: str
) -> npt.NDArray[np.generic]:
    """Returns one array of a shard, if it has the shape (None: any size), a dtype of the kinds and finite values."""
    if name not in arrays:
        raise DataError(f"{source} must hold {name}; it holds {', '.join(sorted(arrays)) or 'nothing'}.")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind not in kinds:
        raise DataError(f"{source}: {name} must have shape {shape}; got {array.dtype} of {array.shape}. Make it again.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"{source}: {name} must be finite; it holds NaN or infinity. Delete the file and run again.")
    return array


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Writes arrays to an .npz that appears whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def load_arrays(path: Path) -> Arrays:
    """Returns the arrays of an .npz, without running anything in it."""
    try:
        # From memory: numpy leaves a damaged file open.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} must be an .npz of arrays; it cannot be read: {error}. Delete it, run again."
        ) from error


def _manifest_hashes(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        shards = json.loads(path.read_text())["shards"]
        return {str(name): str(entry["sha256"]) for name, entry in shards.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} must be a duet manifest; it cannot be read: {error}. Delete it, run again.") from error
