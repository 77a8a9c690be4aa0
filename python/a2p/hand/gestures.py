"""Poses that people name, and variations of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

from a2p.errors import ConfigError
from a2p.hand.anatomy import DOFS, Angles, HandAnatomy


class Finger(NamedTuple):
    """Angles of one finger, degrees, in the order of `DOFS`."""

    mcp: float = 0
    abduction: float = 0
    pip: float = 0
    dip: float = 0


class Thumb(NamedTuple):
    """Angles of the thumb, degrees, in the order of `DOFS`."""

    radial: float
    palmar: float
    twist: float
    mcp: float
    abduction: float
    ip: float


@dataclass(frozen=True)
class Gesture:
    """The angles of a whole hand."""

    index: Finger
    middle: Finger
    pinky: Finger
    ring: Finger
    thumb: Thumb

    @property
    def angles_deg(self) -> list[float]:
        """All 22 angles, in the order of `DOFS`."""
        parts = (self.index, self.middle, self.pinky, self.ring, self.thumb)
        return [float(angle) for part in parts for angle in part]


_FOLDED = {
    "index": Finger(70, -2, 97, 52),
    "middle": Finger(72, 0, 98, 54),
    "ring": Finger(72, 2, 98, 54),
    "pinky": Finger(70, 4, 96, 52),
}
_STRAIGHT = Finger(2, 0, 3, 2)
_THUMB_OVER_INDEX = Thumb(21, 31, 6, 35, 0, 75)
_THUMB_OVER_MIDDLE = Thumb(27, 32, 9, 43, -6, 74)
_THUMB_OVER_RING = Thumb(15, 39, 4, 47, -10, 64)
_THUMB_ASIDE = Thumb(48, 12, -5, -5, 0, -8)


def _folded_but(thumb: Thumb, **fingers: Finger) -> Gesture:
    return Gesture(**{**_FOLDED, **fingers}, thumb=thumb)


GESTURES: dict[str, Gesture] = {
    "flat": Gesture(
        index=Finger(0, -2),
        middle=Finger(0, 0),
        pinky=Finger(2, 4),
        ring=Finger(0, 1),
        thumb=Thumb(12, 14, 0, 0, 0, 0),
    ),
    "spread": Gesture(
        index=Finger(-5, 14),
        middle=Finger(-5, 2),
        pinky=Finger(-3, -18),
        ring=Finger(-5, -10),
        thumb=Thumb(55, 20, 0, -5, 0, 0),
    ),
    "relaxed": Gesture(
        index=Finger(22, 0, 28, 16),
        middle=Finger(28, 0, 33, 20),
        pinky=Finger(34, 0, 38, 24),
        ring=Finger(32, 0, 36, 22),
        thumb=Thumb(26, 30, 8, 12, 0, 15),
    ),
    "fist": _folded_but(_THUMB_OVER_INDEX),
    "point": _folded_but(_THUMB_OVER_MIDDLE, index=_STRAIGHT),
    "victory": _folded_but(_THUMB_OVER_RING, index=Finger(2, 10, 3, 2), middle=Finger(2, -9, 3, 2)),
    "three": _folded_but(_THUMB_ASIDE, index=Finger(2, 8, 3, 2), middle=Finger(2, -6, 3, 2)),
    "four": Gesture(
        index=Finger(0, 8, 3, 2),
        middle=Finger(0, 1, 3, 2),
        pinky=Finger(2, -8, 4, 2),
        ring=Finger(0, -4, 3, 2),
        thumb=Thumb(15, 48, -12, 54, -9, 76),
    ),
    "thumbs_up": _folded_but(_THUMB_ASIDE),
    "gun": _folded_but(_THUMB_ASIDE, index=_STRAIGHT),
    "horns": _folded_but(_THUMB_OVER_MIDDLE, index=Finger(0, 4, 3, 2), pinky=Finger(2, -8, 4, 2)),
    "shaka": _folded_but(Thumb(55, 15, -5, -8, 0, -10), pinky=Finger(-5, -15, 3, 2)),
    "pinch": Gesture(
        index=Finger(45, -2, 44, 23),
        middle=Finger(38, 0, 40, 25),
        pinky=Finger(28, -3, 32, 20),
        ring=Finger(32, 0, 36, 22),
        thumb=Thumb(12, 39, 9, 15, -6, 21),
    ),
    "ok": Gesture(
        index=Finger(42, -3, 47, 26),
        middle=Finger(12, 0, 15, 8),
        pinky=Finger(0, -8, 5, 3),
        ring=Finger(4, -3, 8, 5),
        thumb=Thumb(12, 38, 9, 15, -7, 22),
    ),
    "tripod": Gesture(
        index=Finger(50, -5, 42, 21),
        middle=Finger(51, 5, 46, 27),
        pinky=Finger(64, 3, 75, 45),
        ring=Finger(62, 2, 75, 45),
        thumb=Thumb(8, 40, 12, 18, -5, 23),
    ),
    "claw": Gesture(
        index=Finger(-15, 8, 75, 50),
        middle=Finger(-15, 1, 78, 52),
        pinky=Finger(-10, -12, 75, 50),
        ring=Finger(-12, -6, 78, 52),
        thumb=Thumb(40, 40, 10, 5, 0, 50),
    ),
    "hook": Gesture(
        index=Finger(5, 0, 95, 62),
        middle=Finger(5, 0, 98, 64),
        pinky=Finger(5, 0, 95, 62),
        ring=Finger(5, 0, 98, 64),
        thumb=Thumb(18, 22, 0, 10, 0, 15),
    ),
    "grasp": Gesture(
        index=Finger(45, 4, 42, 28),
        middle=Finger(48, 0, 45, 30),
        pinky=Finger(50, -8, 44, 28),
        ring=Finger(50, -3, 46, 30),
        thumb=Thumb(20, 48, 20, 12, 0, 20),
    ),
}
"""Made by eye on the open hand; where the thumb touches a finger, its angles were solved for so that the pads meet."""


def gesture_angles(name: str, anatomy: HandAnatomy) -> Angles:
    """Returns the anatomical angles of a named gesture, rad."""
    if name not in GESTURES:
        raise ConfigError(f"name must be one of {', '.join(sorted(GESTURES))}; got {name!r}.")
    return anatomy.proximal.new_tensor(GESTURES[name].angles_deg) * (math.pi / 180)


def sample_gestures(
    count: int, anatomy: HandAnatomy, *, generator: torch.Generator, deviation_deg: float = 6.0
) -> Angles:
    """Returns `count` variations of gestures drawn at random, as angles within the limits, rad.

    Every angle deviates from the gesture's by a normal of the given deviation, abduction and twist by half as much.
    """
    if count < 0 or deviation_deg < 0:
        raise ConfigError(f"count and deviation_deg must be at least 0; got {count} and {deviation_deg}.")
    named = torch.stack([gesture_angles(name, anatomy) for name in GESTURES])
    drawn = torch.randint(len(named), (count,), generator=generator)
    noise = torch.randn(count, len(DOFS), generator=generator, dtype=torch.float64)
    share = torch.tensor([1.0 if dof.name.endswith("flexion") else 0.5 for dof in DOFS], dtype=torch.float64)
    return anatomy.clamp(named[drawn] + (noise * share * math.radians(deviation_deg)).to(named))
