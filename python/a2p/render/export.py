"""Writes a reconstruction to a file: .glb, .obj (with its .mtl), .npz or .json, by suffix."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from a2p.errors import OutputError
from a2p.render.glb import glb_bytes
from a2p.render.obj import mtl_text, obj_text
from a2p.render.record import json_text, npz_bytes
from a2p.render.scene import ExportScene

SUFFIXES = (".glb", ".obj", ".npz", ".json")
"""What `export_scene` can write."""


def export_scene(scene: ExportScene, path: str | os.PathLike[str]) -> Path:
    """Returns the path after the scene has been written there, in the format that its suffix names.

    A file appears whole or not at all; one of the same name is replaced. The .obj's materials go beside it.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix == ".glb":
        write_atomically(target, glb_bytes(scene))
    elif suffix == ".obj":
        materials = target.with_suffix(".mtl")
        write_atomically(materials, mtl_text(scene).encode())
        write_atomically(target, obj_text(scene, materials.name).encode())
    elif suffix == ".npz":
        write_atomically(target, npz_bytes(scene))
    elif suffix == ".json":
        write_atomically(target, json_text(scene).encode())
    else:
        raise OutputError(
            f"path must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}; got '{target.name}'. "
            "Choose .glb for viewers, .json or .npz for numbers."
        )
    return target


def write_atomically(path: Path, data: bytes) -> None:
    """Puts `data` under `path` by writing beside it and renaming."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OutputError(
            f"{path} must be a file in an existing folder that you may write to; got: {error.strerror or error}. "
            "Create the folder, or choose another."
        ) from error
