"""Writes a picture to a file."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from a2p.render.export import write_atomically

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def save_picture(picture: Image.Image, path: Path) -> Path:
    """Returns the path after the picture has been written there, in the format that its suffix names."""
    buffer = io.BytesIO()
    picture.save(buffer, format=_FORMATS[path.suffix.lower()], quality=92)
    write_atomically(path, buffer.getvalue())
    return path
