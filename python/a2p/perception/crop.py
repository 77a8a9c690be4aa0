"""Square windows on an image, turned in the plane and possibly mirrored, and the pixels inside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from a2p.native import core
from a2p.perception.image import Pixels

Points2D = Float[np.ndarray, "*batch 2"]
"""Points in the image or in a crop, px."""

_LEAST_SIDE_PX = 1e-6


@dataclass(frozen=True)
class Crop:
    """A square window on an image.

    Coordinates in the crop run over [0, 1] along both sides. `rotation` (rad) turns the window clockwise on the
    screen; a mirrored window reads the image from right to left before it is turned.
    """

    center_px: tuple[float, float]
    side_px: float
    rotation: float = 0.0
    mirrored: bool = False

    def axes(self) -> Float[np.ndarray, "2 2"]:
        """Returns the unit vectors of the crop's x and y in the image, as columns."""
        cos, sin = math.cos(self.rotation), math.sin(self.rotation)
        flip = -1.0 if self.mirrored else 1.0
        return np.array([[flip * cos, -sin], [flip * sin, cos]])

    def to_image(self, points: Points2D) -> Points2D:
        """Returns points given in the crop, [0, 1], in image px."""
        moved: np.ndarray = (points - 0.5) * self.side_px @ self.axes().T + np.asarray(self.center_px)
        return moved

    def from_image(self, points: Points2D) -> Points2D:
        """Returns points given in image px in the crop, [0, 1]."""
        moved: np.ndarray = (points - np.asarray(self.center_px)) @ self.axes() / self.side_px + 0.5
        return moved

    def turned(self, angle: float) -> Crop:
        """Returns the crop turned further about its centre by `angle` (rad)."""
        return replace(self, rotation=self.rotation + angle)

    def scaled(self, factor: float) -> Crop:
        """Returns the crop with its side multiplied by `factor`."""
        return replace(self, side_px=self.side_px * factor)


def letterbox(width: int, height: int) -> Crop:
    """Returns the smallest upright crop that holds the whole image in its middle."""
    return Crop((width / 2.0, height / 2.0), float(max(width, height)))


def sample(image: Pixels, crop: Crop, size: int) -> Float[np.ndarray, "size size 3"]:
    """Returns the pixels of a crop at `size` x `size`, RGB in [0, 1], black outside the image.

    Bilinear; where the crop has more pixels than the result, whole blocks of the image are averaged first, so that
    fine detail does not alias. A window without extent shows what is at its centre.
    """
    pixels: np.ndarray = core.sample_window(
        np.ascontiguousarray(image),
        centre=crop.center_px,
        side=max(crop.side_px, _LEAST_SIDE_PX),
        rotation=crop.rotation,
        mirrored=crop.mirrored,
        size=size,
    )
    return pixels
