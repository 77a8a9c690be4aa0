"""Pictures as messages, and back to what a Reconstructor reads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from a2p.errors import ImageError, ProtocolError
from a2p.perception.image import ImageInput, ImageLimits, load_image, opened_file
from a2p.wire._generated import reconstruction_service_pb2 as pb

_SIGNATURES = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "WEBP": b"RIFF"}
_FORMATS = ", ".join(_SIGNATURES)


def image_to_proto(source: ImageInput) -> pb.Image:
    """Returns the message of a picture: files as they are where the protocol knows their format, others as pixels."""
    data: bytes | None = None
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)) and Path(source).is_file():
        data = Path(source).read_bytes()
    if data is not None and _format(data) is not None:
        return pb.Image(encoded=data)
    pixels = load_image(source if data is None else data).pixels
    height, width = pixels.shape[:2]
    return pb.Image(
        raw=pb.RawImage(pixels=pixels.tobytes(), width_px=width, height_px=height, format=pb.PIXEL_FORMAT_RGB8)
    )


def image_from_proto(message: pb.Image, limits: ImageLimits) -> ImageInput:
    """Returns what a Reconstructor reads: a file with its header read, not decoded yet, or pixels (h, w, 3) RGB.

    Raises:
        ImageError: The picture is none, is not complete, or is too large; files may still turn out broken later.
        ProtocolError: An enum has a value that the protocol does not know.
    """
    which = message.WhichOneof("content")
    if which == "encoded":
        return _checked_file(message.encoded, limits)
    if which == "raw":
        return _pixels(message.raw, limits)
    raise ImageError("image must have content: an encoded file or raw pixels; got neither. Set encoded or raw.")


def _format(data: bytes) -> str | None:
    """Returns the format that a file's first bytes announce, if it is one of the protocol's."""
    name = next((name for name, signature in _SIGNATURES.items() if data.startswith(signature)), None)
    return None if name == "WEBP" and data[8:12] != b"WEBP" else name


def _checked_file(data: bytes, limits: ImageLimits) -> Image.Image:
    """Returns the file once its format is known and its size, as its header states it, is within the limits."""
    name = _format(data)
    if name is None:
        raise ImageError(
            f"image.encoded must be a {_FORMATS} file; its first bytes are {data[:12].hex(' ') or 'none'}. "
            "Send other pictures as image.raw."
        )
    return opened_file(data, limits, formats=(name,))


def _pixels(raw: pb.RawImage, limits: ImageLimits) -> np.ndarray:
    if raw.format not in (pb.PIXEL_FORMAT_RGB8, pb.PIXEL_FORMAT_BGR8):
        raise ProtocolError(
            f"image.raw.format must be PIXEL_FORMAT_RGB8 (1) or PIXEL_FORMAT_BGR8 (2); got {raw.format}. "
            "Say in which order the three bytes of a pixel are."
        )
    limits.check(raw.width_px, raw.height_px)
    expected = 3 * raw.width_px * raw.height_px
    if len(raw.pixels) != expected:
        raise ImageError(
            f"image.raw.pixels must hold 3 x {raw.width_px} x {raw.height_px} = {expected} bytes; "
            f"got {len(raw.pixels)}. Send rows without padding, three bytes a pixel."
        )
    pixels = np.frombuffer(raw.pixels, np.uint8).reshape(raw.height_px, raw.width_px, 3)
    return np.ascontiguousarray(pixels[:, :, ::-1]) if raw.format == pb.PIXEL_FORMAT_BGR8 else pixels
