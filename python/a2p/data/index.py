"""Annotations as memory-mapped columns: built once from the sources, shared by every process, rebuilt when they change.

An index is a folder of raw arrays with a manifest that names the sources by size, time and SHA-256. Sources whose size
and time are as they were are taken as unchanged; otherwise their content decides. Builders exclude each other by a
file lock and publish by renaming, so any number of processes may start at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2p.data.columns import Columns, ColumnSpec, ColumnWriter
from a2p.errors import DataError

_FORMAT = 1
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class IndexRecipe:
    """What an index is made from, and how."""

    name: str
    """The data set's name, of letters, digits and dashes."""
    version: int
    """Raised whenever `build` writes something else."""
    sources: tuple[Path, ...]
    """Annotation files; a folder stands for the names in it."""
    build: Callable[[ColumnWriter], None]
    """Writes the columns."""


def cache_folder() -> Path:
    """Returns where indices live: $A2P_CACHE, else `a2p` in the user's cache folder."""
    chosen = os.environ.get("A2P_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "a2p"


def open_index(recipe: IndexRecipe, *, folder: Path | None = None, verify: bool = False) -> Columns:
    """Returns the columns of a data set, building them where that has not happened or the sources changed.

    `verify` compares the sources' content even where size and time are unchanged.
    """
    sources = [source.resolve() for source in recipe.sources]
    identity = json.dumps([_FORMAT, recipe.name, recipe.version, [str(source) for source in sources]])
    home = (folder or cache_folder() / "index") / f"{recipe.name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    if not verify:
        columns = _current(home, sources, verify=False)
        if columns is not None:
            return columns
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the index folder must be writable; got {home}: {error.strerror}. Set A2P_CACHE to another place."
        ) from error
    with _locked(home / "lock"):
        return _current(home, sources, verify=verify) or _build(recipe, home, sources)


def _build(recipe: IndexRecipe, home: Path, sources: Sequence[Path]) -> Columns:
    fingerprints = [_fingerprint(source) for source in sources]
    target = Path(tempfile.mkdtemp(prefix="columns-", dir=home))
    try:
        with ColumnWriter(target) as writer:
            recipe.build(writer)
        specs = {name: spec.to_json() for name, spec in writer.specs.items()}
        manifest = {"format": _FORMAT, "columns": target.name, "sources": fingerprints, "specs": specs}
        _write(home / _MANIFEST, manifest)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    for old in home.glob("columns-*"):
        if old != target:  # processes that still read it keep their mappings
            shutil.rmtree(old, ignore_errors=True)
    return Columns(target, writer.specs)


def _current(home: Path, sources: Sequence[Path], *, verify: bool) -> Columns | None:
    """Returns the columns if they are there and made from these sources as they are now."""
    try:
        manifest = json.loads((home / _MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    recorded = manifest["sources"]
    if not all(_unchanged(old, source, verify) for old, source in zip(recorded, sources, strict=True)):
        return None
    specs = {name: ColumnSpec.from_json(spec) for name, spec in manifest["specs"].items()}
    return Columns(home / manifest["columns"], specs)


def _unchanged(recorded: Mapping[str, Any], source: Path, verify: bool) -> bool:
    stat = _stat(source)
    if not verify and recorded["mtime_ns"] == stat.st_mtime_ns and recorded["size"] == stat.st_size:
        return True
    return bool(recorded["sha256"] == _digest(source))


def _fingerprint(source: Path) -> dict[str, object]:
    stat = _stat(source)
    return {"path": str(source), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": _digest(source)}


def _stat(source: Path) -> os.stat_result:
    try:
        return source.stat()
    except OSError as error:
        raise DataError(
            f"{source} is needed and cannot be read: {error.strerror}. `a2p data check` says what is missing."
        ) from error


def _digest(source: Path) -> str:
    """Returns the SHA-256 of a file's content, or of the names in a folder."""
    digest = hashlib.sha256()
    if source.is_dir():
        digest.update("\0".join(sorted(entry.name for entry in os.scandir(source))).encode())
        return digest.hexdigest()
    with source.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()


def _write(path: Path, content: object) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(content))
    part.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock that ends with the process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
