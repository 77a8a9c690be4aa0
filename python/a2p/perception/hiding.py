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
    mask = Image.new("L", image.size, 0)
    pen = ImageDraw.Draw(mask)
    points = [(float(x), float(y)) for x, y in keypoints]
    pen.polygon([points[index] for index in _PALM], fill=255)
    for chain in _CHAINS:
        pen.line([points[index] for index in chain], fill=255, width=int(_FINGER_WIDTH * extent), joint="curve")
    soft = mask.filter(ImageFilter.GaussianBlur(_SOFTNESS * extent))
    mean = tuple(int(value) for value in ImageStat.Stat(image).mean)
    return Image.composite(Image.new("RGB", image.size, mean), image, soft)


def window_around(keypoints: Float[np.ndarray, "21 2"]) -> Crop:
    """Returns the upright window on a hand and what touches it."""
    x, y = keypoints.mean(axis=0)
    return Crop((float(x), float(y)), 1.5 * size(keypoints))
