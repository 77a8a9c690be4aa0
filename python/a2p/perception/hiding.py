"""Painting a hand over, so that the one behind it stands out."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFilter, ImageStat

from a2p.perception.crop import Crop
from a2p.perception.reading import size

_PALM = (0, 1, 2, 5, 9, 13, 17)
_CHAINS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (5, 9, 10, 11, 12), (9, 13, 14, 15, 16), (13, 17, 18, 19, 20), (17, 0))
_FINGER_WIDTH = 0.12
_SOFTNESS = 0.02


def without_hand(image: Image.Image, keypoints: Float[np.ndarray, "21 2"]) -> Image.Image:
    """Returns the image with a hand painted over in the image's mean colour, with soft edges."""
    extent = size(keypoints)
    low = np.clip(np.floor(keypoints.min(axis=0) - 0.3 * extent), 0, image.size).astype(int)
    high = np.clip(np.ceil(keypoints.max(axis=0) + 0.3 * extent), low, image.size).astype(int)
    covered = image.copy()
    if (high > low).all():
        local = image.crop((*low.tolist(), *high.tolist()))
        mean = ImageStat.Stat(image.reduce(max(1, min(image.size) // 64))).mean
        paint = Image.new("RGB", local.size, tuple(int(value) for value in mean))
        covered.paste(Image.composite(paint, local, _mask(local.size, keypoints - low, extent)), tuple(low.tolist()))
    return covered


def _mask(shape: tuple[int, int], keypoints: Float[np.ndarray, "21 2"], extent: float) -> Image.Image:
    """Returns a picture that is white on the hand and black elsewhere, with soft edges."""
    mask = Image.new("L", shape, 0)
    pen = ImageDraw.Draw(mask)
    points = [(float(x), float(y)) for x, y in keypoints]
    pen.polygon([points[index] for index in _PALM], fill=255)
    for chain in _CHAINS:
        pen.line([points[index] for index in chain], fill=255, width=int(_FINGER_WIDTH * extent), joint="curve")
    return mask.filter(ImageFilter.GaussianBlur(_SOFTNESS * extent))


def window_around(keypoints: Float[np.ndarray, "21 2"]) -> Crop:
    """Returns the upright window on a hand and what touches it."""
    x, y = keypoints.mean(axis=0)
    return Crop((float(x), float(y)), 1.5 * size(keypoints))
