"""Where hands may be: the one thing that a hand detector has to say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from PIL import Image

from a2p.errors import BoxError
from a2p.perception.crop import Crop
from a2p.perception.observation import Handedness
from a2p.perception.outline import Box

HandBox: TypeAlias = tuple[str, Sequence[float]]
"""The person's own "left" or "right" hand and the box of its outline, x0, y0, x1, y1 (px), given by the caller."""


@dataclass(frozen=True)
class Candidate:
    """A place where a hand may be. At least one of `crops` and `box_xyxy_px` is known."""

    score: float
    """In [0, 1]."""
    crops: tuple[Crop, ...] = ()
    """Windows on the hand with its fingers up, the likeliest first, where the detector knows which way that is."""
    box_xyxy_px: Box | None = None
    """About the hand's outline."""
    handedness: Handedness | None = None


@runtime_checkable
class Detector(Protocol):
    """Anything that finds hands in an image: the palm detector here, RTMDet, a tracker, a person.

    An implementation returns candidates best first. Too many do no harm, missing ones do: the landmark model and
    the assignment sort them out.
    """

    def __call__(self, image: Image.Image, *, max_hands: int) -> list[Candidate]:
        """Returns places where hands may be in an RGB image."""


@dataclass(frozen=True)
class GivenBoxes:
    """Boxes from the caller, in place of a detector's."""

    boxes: tuple[tuple[Handedness, Box], ...]

    @property
    def candidates(self) -> list[Candidate]:
        """One candidate for each box, in the caller's order."""
        return [Candidate(1.0, box_xyxy_px=box, handedness=handedness) for handedness, box in self.boxes]


def checked_boxes(boxes: Sequence[object], width: int, height: int) -> GivenBoxes:
    """Returns boxes that all lie on the image at least in part, or raises BoxError."""
    return GivenBoxes(tuple(_checked(index, box, width, height) for index, box in enumerate(boxes)))


def _checked(index: int, given: Any, width: int, height: int) -> tuple[Handedness, Box]:
    try:
        handedness, corners = given
        x0, y0, x1, y1 = (float(value) for value in corners)
    except (TypeError, ValueError) as error:
        raise BoxError(
            f'boxes[{index}] must be ("left" or "right", (x0, y0, x1, y1)) in px; got {given!r}. '
            "Name the person's own hand first, then two corners."
        ) from error
    if handedness not in ("left", "right"):
        raise BoxError(
            f"boxes[{index}] must name the person's own 'left' or 'right' hand; got {handedness!r}. "
            "Leave boxes out to have the hands found."
        )
    named: Handedness = "left" if handedness == "left" else "right"
    box = (x0, y0, x1, y1)
    if not all(math.isfinite(value) for value in box):
        raise BoxError(f"boxes[{index}] must hold finite numbers (px); got {box}. Drop the hands you have no box for.")
    if x1 - x0 < 2.0 or y1 - y0 < 2.0:
        raise BoxError(
            f"boxes[{index}] must have x1 >= x0 + 2 and y1 >= y0 + 2 (px); got {box}. "
            "Give opposite corners, not a corner and a size."
        )
    if x1 <= 0.0 or y1 <= 0.0 or x0 >= width or y0 >= height:
        raise BoxError(
            f"boxes[{index}] must overlap the image, {width} x {height} px; got {box}. "
            "Check that the box belongs to this image and is in pixels."
        )
    return named, box
