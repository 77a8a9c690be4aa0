"""Finds and reads hand model files."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from a2p.errors import HandModelError
from a2p.hand.hand_data import OPTIONAL_SHAPES, REQUIRED_SHAPES, HandData, Side, hand_data_from_arrays
from a2p.hand.mano_file import read_mano_arrays

_OPEN_HAND = Path(__file__).parent / "assets" / "open_hand_right.npz"
_MAX_FILE_BYTES = 256 * 2**20
"""MANO's files have 4 MB. The bound keeps a crafted archive from filling the memory."""
_MANO_VERTEX_COUNT = 778
"""Only MANO's own left file has shapedirs whose x has the wrong sign."""


def read_hand_data(source: str | Path, *, side: Side, fix_left_shapedirs: bool = True) -> HandData:
    """Returns the data of one hand; see `HandModel.load`."""
    if side not in get_args(Side):
        raise HandModelError(f"side must be 'left' or 'right'; got {side!r}.")
    if source == "open":
        right = _open_hand()
        return right if side == "right" else right.mirrored()
    path = _find(Path(source), side)
    data = read_hand_file(path)
    if data.side != side:
        raise HandModelError(
            f"{path} holds a {data.side} hand: its fingers point to {'-x' if data.side == 'right' else '+x'}; "
            f"the {side} one was asked for. Give the other file, or the folder that holds both."
        )
    if side == "left" and fix_left_shapedirs and len(data.v_template) == _MANO_VERTEX_COUNT:
        return replace(data, shapedirs=data.shapedirs * np.array([[-1.0], [1.0], [1.0]], dtype=np.float32))
    return data


def read_hand_file(path: Path) -> HandData:
    """Returns the data of a .npz or a MANO .pkl file."""
    if path.suffix not in _READERS:
        raise HandModelError(
            f'a hand model must be "open", a folder, or a file that ends in {" or ".join(_READERS)}; got {path}. '
            "MANO_RIGHT.pkl and MANO_LEFT.pkl come from https://mano.is.tue.mpg.de."
        )
    if not path.is_file():
        raise HandModelError(f'{path} is not there. For the packaged hand give "open".')
    return hand_data_from_arrays(_READERS[path.suffix](path), str(path))


@cache
def _open_hand() -> HandData:
    return read_hand_file(_OPEN_HAND)


def _find(path: Path, side: Side) -> Path:
    if not path.is_dir():
        return path
    candidates = [path / f"MANO_{side.upper()}{suffix}" for suffix in (".npz", ".pkl")]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise HandModelError(f"{path} must hold {candidates[0].name} or {candidates[1].name}; it holds neither.")


def _read_npz(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise HandModelError(f"{path} is not a readable .npz: {error}.") from error
    if size > _MAX_FILE_BYTES:
        raise HandModelError(f"{path} must unpack to {_MAX_FILE_BYTES >> 20} MiB at most; it claims {size >> 20}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in (*REQUIRED_SHAPES, *OPTIONAL_SHAPES) if key in file}
    except Exception as error:  # damaged content makes zipfile, zlib and numpy raise many types
        raise HandModelError(f"{path} is not a readable .npz of plain arrays: {error}.") from error


_READERS = {".npz": _read_npz, ".pkl": read_mano_arrays}
