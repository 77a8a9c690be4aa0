"""Pictures in every form people have them, brought to one: upright 8-bit RGB."""

from __future__ import annotations

import io
import os
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, Union

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps

from a2p.errors import ConfigError, ImageError
from a2p.perception.exif import focal_length_px

Pixels = UInt8[np.ndarray, "h w 3"]
"""An upright RGB picture."""
ImageInput: TypeAlias = Union[str, "os.PathLike[str]", bytes, Image.Image, np.ndarray, torch.Tensor]
"""What `load_image` reads."""

_FORMS = "a path, the bytes of an image file, a PIL image, a numpy array (h, w, 3) uint8 RGB or a torch tensor"
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_WARNING_FILTERS = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """How small and how large a picture may be."""

    max_pixels: int = 128_000_000
    """Width times height at most; it is checked before a file is decoded (a small file can unpack to gigabytes)."""
    min_side_px: int = 16
    """Width and height at least."""

    def __post_init__(self) -> None:
        if self.min_side_px < 1 or self.max_pixels < self.min_side_px**2:
            raise ConfigError(
                f"ImageLimits needs min_side_px >= 1 and max_pixels >= min_side_px squared; got {self.min_side_px} "
                f"and {self.max_pixels}. Leave them out for the defaults."
            )

    def check(self, width: int, height: int) -> None:
        """Raises ImageError where a picture of this size is not wanted."""
        if min(width, height) < self.min_side_px:
            raise ImageError(
                f"an image must be at least {self.min_side_px} px wide and high (min_side_px); got {width} x {height}. "
                "Give a picture in which a hand can be seen."
            )
        if width * height > self.max_pixels:
            raise ImageError(
                f"an image may have at most {self.max_pixels} pixels (max_pixels); got {width} x {height} = "
                f"{width * height}. Scale it down, or raise ImageLimits.max_pixels if you trust its source."
            )


@dataclass(frozen=True)
class LoadedImage:
    """An upright RGB picture and what its file says about the lens."""

    pixels: Pixels
    focal_px: float | None
    """Focal length from EXIF, in pixels of this picture; None where it is not stated."""

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])


def load_image(source: ImageInput, *, limits: ImageLimits | None = None) -> LoadedImage:
    """Returns a picture as upright 8-bit RGB.

    EXIF rotation is applied. Grayscale, palette, CMYK and 16-bit pictures are converted; transparent parts become
    white. Of an animation, the first frame. Tensors may be (h, w, 3) or (3, h, w), uint8, or float in [0, 1].
    """
    limits = limits or ImageLimits()
    if isinstance(source, torch.Tensor):
        return LoadedImage(_checked_array(_array_from_tensor(source), limits), None)
    if isinstance(source, np.ndarray):
        return LoadedImage(_checked_array(source, limits), None)
    if isinstance(source, Image.Image):
        return _from_pil(source, limits, "the image")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_file(io.BytesIO(source), limits, f"the {len(source)} bytes given")
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if not path.is_file():
            raise ImageError(f"an image path must name a file; got {str(path)!r}, which is none. Check the path.")
        return _from_file(path, limits, repr(str(path)))
    raise ImageError(f"an image must be {_FORMS}; got {type(source).__name__}. Convert it first.")


def opened_file(data: bytes, limits: ImageLimits, *, formats: tuple[str, ...]) -> Image.Image:
    """Returns an image file of which only the header has been read; whatever uses its pixels decodes it.

    Raises:
        ImageError: The file is none of these formats (Pillow's names), or is not within the limits.
    """
    image = _opened(io.BytesIO(data), limits, f"the {len(data)} bytes given", formats)
    limits.check(image.width, image.height)
    return image


def _from_file(file: Path | io.BytesIO, limits: ImageLimits, what: str) -> LoadedImage:
    with _opened(file, limits, what) as image:
        return _from_pil(image, limits, what)


def _opened(
    file: Path | io.BytesIO, limits: ImageLimits, what: str, formats: tuple[str, ...] | None = None
) -> Image.Image:
    """Returns a file's image with its header read."""
    try:
        # Pillow warns and refuses by its own global limit; ours is an argument and decides. warnings' filters are
        # global too, hence the lock.
        with _WARNING_FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(file, formats=formats)
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"an image may have at most {limits.max_pixels} pixels (max_pixels); {what} is larger: {error}. Scale it "
            "down, or raise both ImageLimits.max_pixels and PIL.Image.MAX_IMAGE_PIXELS if you trust its source."
        ) from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ImageError(
            f"an image must be a file that Pillow reads (JPEG, PNG, WebP, TIFF ...); {what} is not: {error}. "
            "Convert it to JPEG or PNG."
        ) from error


def _from_pil(image: Image.Image, limits: ImageLimits, what: str) -> LoadedImage:
    limits.check(image.width, image.height)
    try:
        focal = focal_length_px(image.getexif(), image.width, image.height)
        upright = ImageOps.exif_transpose(image)
        pixels = np.array(_rgb(upright, what), dtype=np.uint8)
    except ImageError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ImageError(
            f"an image must be complete; decoding {what} ended early: {error}. Fetch or export the file again."
        ) from error
    return LoadedImage(pixels, focal)


def _rgb(image: Image.Image, what: str) -> Image.Image:
    """Returns the picture as 8-bit RGB, transparent parts white."""
    if image.mode in _SIXTEEN_BIT_MODES:
        values = np.asarray(image).astype(np.int64)
        if values.max(initial=0) > 255:
            values = (values + 128) // 257
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ImageError(
            f"an image must have integer brightness; {what} holds 32-bit floats, whose range is not stated. "
            "Convert it to 8 or 16 bits."
        )
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        transparent = image.convert("RGBA")
        white = Image.new("RGBA", transparent.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, transparent).convert("RGB")
    return image.convert("RGB")


def _array_from_tensor(tensor: torch.Tensor) -> np.ndarray:
    """Returns a tensor as an array (h, w, 3) uint8."""
    array = tensor.detach().cpu()
    if array.ndim == 3 and array.shape[-1] != 3 and array.shape[0] == 3:
        array = array.permute(1, 2, 0)
    if array.is_floating_point():
        if not bool(torch.isfinite(array).all()) or float(array.min()) < 0.0 or float(array.max()) > 1.0:
            raise ImageError(
                "a float image tensor must be finite and in [0, 1]; its values are not. "
                "Divide by 255, or undo the normalisation."
            )
        array = (array.float() * 255.0).round().to(torch.uint8)
    return array.contiguous().numpy()


def _checked_array(array: np.ndarray, limits: ImageLimits) -> Pixels:
    if array.ndim != 3 or array.shape[-1] != 3 or array.dtype != np.uint8:
        raise ImageError(
            f"an image array must have shape (h, w, 3) and dtype uint8, RGB; got {array.shape} and {array.dtype}. "
            "Repeat a single channel three times, drop alpha with [..., :3], scale to 0..255."
        )
    limits.check(array.shape[1], array.shape[0])
    return np.ascontiguousarray(array)
