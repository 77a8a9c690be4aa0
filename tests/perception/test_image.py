import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from a2p.errors import ConfigError, ImageError
from a2p.perception import ImageLimits, load_image


def gradient(width: int = 48, height: int = 32) -> np.ndarray:
    """Returns a picture whose red grows to the right and whose green grows downwards."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([x, y, np.full_like(x, 90)], axis=-1).astype(np.uint8)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def empty_png(width: int, height: int) -> bytes:
    """Returns the head of a PNG of any size without its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_every_form_of_the_same_picture_gives_the_same_pixels(tmp_path: Path) -> None:
    pixels = gradient()
    picture = Image.fromarray(pixels)
    picture.save(tmp_path / "picture.png")
    forms = [
        tmp_path / "picture.png",
        str(tmp_path / "picture.png"),
        encoded(picture, "PNG"),
        picture,
        pixels,
        torch.from_numpy(pixels),
        torch.from_numpy(pixels).permute(2, 0, 1),
        torch.from_numpy(pixels).permute(2, 0, 1).float() / 255.0,
    ]
    for form in forms:
        loaded = load_image(form)
        np.testing.assert_array_equal(loaded.pixels, pixels)
        assert (loaded.width, loaded.height, loaded.focal_px) == (48, 32, None)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation: int) -> None:
    upright = Image.fromarray(gradient())
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # orientation -> Image.Transpose that a camera would have stored
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    loaded = load_image(encoded(stored, "PNG", exif=exif))
    np.testing.assert_array_equal(loaded.pixels, gradient())


def test_a_16_bit_picture_keeps_its_brightness() -> None:
    gray = (np.arange(32 * 32).reshape(32, 32) * 64).astype(np.uint16)
    loaded = load_image(encoded(Image.fromarray(gray), "PNG"))
    assert np.abs(loaded.pixels[..., 0].astype(int) - gray // 257).max() <= 1
    assert loaded.pixels.shape == (32, 32, 3)


def test_cmyk_keeps_its_colour() -> None:
    red = Image.new("RGB", (32, 32), (200, 30, 40)).convert("CMYK")
    loaded = load_image(encoded(red, "JPEG", quality=95))
    assert np.abs(loaded.pixels.astype(int) - (200, 30, 40)).max() <= 12


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode: str) -> None:
    picture = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 16, 32))
    loaded = load_image(encoded(picture.convert(mode), "PNG"))
    assert loaded.pixels[:, :16].max() == 0
    assert loaded.pixels[:, 16:].min() == 255


def test_grayscale_gets_three_equal_channels() -> None:
    loaded = load_image(Image.fromarray(gradient()[..., 0]))
    np.testing.assert_array_equal(loaded.pixels, np.repeat(gradient()[..., :1], 3, axis=-1))


def test_a_truncated_jpeg_says_that_it_ends_early() -> None:
    whole = encoded(Image.fromarray(gradient(200, 200)), "JPEG")
    with pytest.raises(ImageError, match=r"must be complete.*ended early.*again"):
        load_image(whole[: len(whole) // 2])


def test_a_picture_of_one_pixel_is_refused() -> None:
    with pytest.raises(ImageError, match=r"at least 16 px.*1 x 1"):
        load_image(np.zeros((1, 1, 3), dtype=np.uint8))


@pytest.mark.parametrize("side", [11_500, 20_000])
def test_a_huge_picture_is_refused_before_it_is_decoded_and_the_setting_is_named(side: int) -> None:
    with pytest.raises(ImageError, match=r"max_pixels.*Scale it down"):
        load_image(empty_png(side, side))


def test_the_limit_can_be_set() -> None:
    with pytest.raises(ImageError, match="at most 1000 pixels"):
        load_image(gradient(), limits=ImageLimits(max_pixels=1000))
    with pytest.raises(ConfigError, match="min_side_px"):
        ImageLimits(min_side_px=0)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"not an image", "a file that Pillow reads"),
        (b"", "a file that Pillow reads"),
        ("no/such/file.jpg", "must name a file"),
        (np.zeros((20, 20)), r"\(h, w, 3\) and dtype uint8"),
        (np.zeros((20, 20, 4), dtype=np.uint8), "drop alpha"),
        (torch.full((3, 20, 20), 2.0), r"in \[0, 1\]"),
        (torch.full((3, 20, 20), float("nan")), r"in \[0, 1\]"),
        (Image.new("F", (20, 20)), "32-bit floats"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_way_out(source: object, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        load_image(source)
