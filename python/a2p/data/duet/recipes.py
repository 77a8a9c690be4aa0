"""What people do with two hands: the poses it starts from and goes to, and the areas that meet."""

from __future__ import annotations

from dataclasses import dataclass, field

PRIOR = "prior"
"""Stands for a pose of the synergy prior in place of a named gesture."""


@dataclass(frozen=True, kw_only=True)
class Contact:
    """Areas that meet: the first names of both hands place them, the others are drawn together afterwards."""

    active: tuple[str, ...]
    passive: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.active) != len(self.passive) or not self.active:
            raise ValueError(f"a contact needs as many areas of one hand as of the other; got {self}.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way in which an active hand meets a passive one. Which of them is the right one is drawn."""

    family: str
    active: tuple[str, ...]
    """Gestures to start from, one of them drawn."""
    passive: tuple[str, ...]
    contacts: tuple[Contact, ...]
    weight: float = 1.0
    active_goal: str | None = None
    """Gesture that the hand closes to as far as the other hand lets it; by default it stays as it is."""
    passive_goal: str | None = None
    spin_deg: tuple[float, float] = (0.0, 15.0)
    """Mean and deviation of the angle between the areas' directions, about their normal."""
    spin_signs: tuple[float, ...] = (1.0,)
    """Factors on the mean angle, one of them drawn."""
    opening_deg: tuple[float, float] = (0.0, 8.0)
    """Mean and deviation of the angle by which the palms open, about the axis from little finger to thumb."""
    tilt_deg: float = 8.0
    """Deviation of the turn about any axis."""
    slide_m: float = 4e-3
    """Deviation of the shift along the skin."""
    lateral_m: float = 0.0
    """Shift towards the thumb's side, either way."""
    noise_deg: float = 5.0
    """Deviation of the joints from the gesture."""
    through: bool = False
    """Whether the hands start as they are placed, fingers between fingers, instead of apart."""
    alike: bool = False
    """Whether both hands are posed alike, as in a mirror."""
    gap_m: tuple[float, float] = field(default=(0.0, 0.0))
    """Least and greatest distance that is kept, for hands that do not touch."""


_FINGERS = ("index", "middle", "ring", "pinky")
_OPEN = ("flat", "spread", "relaxed", "four")


def _pairs(*areas: tuple[str, str]) -> Contact:
    return Contact(active=tuple(a for a, _ in areas), passive=tuple(b for _, b in areas))


RECIPES: tuple[Recipe, ...] = (
    Recipe(
        family="clasp",
        active=("flat", "relaxed"),
        passive=("flat", "relaxed"),
        active_goal="grasp",
        passive_goal="grasp",
        contacts=(_pairs(("palm", "palm")), _pairs(("palm", "index_front")), _pairs(("palm", "ulnar_edge"))),
        spin_deg=(65.0, 20.0),
        spin_signs=(1.0, -1.0),
        slide_m=8e-3,
    ),
    Recipe(
        family="clasp",
        active=("relaxed",),
        passive=("relaxed", "fist", "flat"),
        active_goal="grasp",
        contacts=(_pairs(("palm", "back")), _pairs(("palm", "index_back"))),
        spin_deg=(45.0, 25.0),
        spin_signs=(1.0, -1.0),
        slide_m=8e-3,
        weight=0.7,
    ),
    Recipe(
        family="interlock",
        active=("spread",),
        passive=("spread",),
        active_goal="relaxed",
        passive_goal="relaxed",
        contacts=(_pairs(("middle_front", "middle_front")),),
        through=True,
        opening_deg=(65.0, 12.0),
        spin_deg=(0.0, 5.0),
        tilt_deg=3.0,
        lateral_m=14e-3,
        slide_m=1.5e-3,
        noise_deg=2.0,
        alike=True,
    ),
    Recipe(
        family="prayer",
        active=("flat",),
        passive=("flat",),
        contacts=(_pairs(("palm", "palm"), *((f"{f}_pad", f"{f}_pad") for f in (*_FINGERS, "thumb"))),),
        spin_deg=(0.0, 8.0),
        opening_deg=(0.0, 5.0),
        tilt_deg=4.0,
        alike=True,
    ),
    Recipe(
        family="prayer",
        active=("spread", "relaxed", "grasp"),
        passive=("spread", "relaxed", "grasp"),
        contacts=(_pairs(*((f"{f}_pad", f"{f}_pad") for f in ("middle", "index", "ring", "pinky", "thumb"))),),
        spin_deg=(0.0, 10.0),
        opening_deg=(35.0, 15.0),
        alike=True,
    ),
    Recipe(
        family="pinch-pinch",
        active=("pinch", "ok", "tripod"),
        passive=("pinch", "ok", "tripod"),
        contacts=(
            _pairs(("index_tip", "index_tip"), ("thumb_tip", "thumb_tip")),
            _pairs(("index_tip", "thumb_tip"), ("thumb_tip", "index_tip")),
            _pairs(("index_pad", "index_back")),
        ),
        spin_deg=(0.0, 30.0),
        tilt_deg=20.0,
    ),
    Recipe(
        family="rub",
        active=("flat", "relaxed", "hook"),
        passive=("flat", "relaxed", "hook"),
        contacts=(
            _pairs(("palm", "palm")),
            _pairs(("middle_front", "palm")),
            _pairs(("middle_front", "middle_front")),
            _pairs(("heel", "palm")),
        ),
        spin_deg=(0.0, 45.0),
        slide_m=15e-3,
    ),
    Recipe(
        family="point-at-palm",
        active=("point", "gun"),
        passive=_OPEN,
        contacts=(_pairs(("index_tip", "palm")), _pairs(("index_tip", "heel"))),
        spin_deg=(0.0, 90.0),
        tilt_deg=28.0,
        slide_m=12e-3,
    ),
    Recipe(
        family="fist-in-palm",
        active=("fist", "thumbs_up"),
        passive=("flat", "relaxed"),
        passive_goal="grasp",
        contacts=(
            _pairs(("middle_back", "palm"), ("ring_back", "palm")),
            _pairs(("ulnar_edge", "palm"), ("pinky_ulnar", "palm")),
            _pairs(("middle_front", "palm")),
        ),
        spin_deg=(60.0, 30.0),
        spin_signs=(1.0, -1.0),
        tilt_deg=12.0,
        slide_m=8e-3,
    ),
    Recipe(
        family="stacked",
        active=("flat", "relaxed", "four"),
        passive=("flat", "relaxed", "fist"),
        contacts=(_pairs(("palm", "back"), ("middle_front", "middle_back")), _pairs(("middle_front", "back"))),
        spin_deg=(35.0, 25.0),
        spin_signs=(1.0, -1.0),
        slide_m=10e-3,
    ),
    Recipe(
        family="counting",
        active=("point", "pinch", "relaxed"),
        passive=("four", "spread", "three", "victory", "flat"),
        contacts=tuple(
            _pairs(("index_tip", f"{digit}_{area}"))
            for digit in ("thumb", *_FINGERS)
            for area in ("tip", "pad", "front", "radial")
        ),
        spin_deg=(0.0, 90.0),
        tilt_deg=35.0,
    ),
    Recipe(
        family="sign",
        active=("point", "gun", "hook"),
        passive=("point", "gun", "spread", "four", "hook"),
        contacts=(
            _pairs(("index_front", "index_front")),
            _pairs(("index_pad", "index_back")),
            _pairs(("index_front", "middle_front")),
            _pairs(("index_tip", "thumb_tip")),
            _pairs(("index_tip", "pinky_tip")),
        ),
        spin_deg=(80.0, 25.0),
        spin_signs=(1.0, -1.0),
        tilt_deg=12.0,
    ),
    Recipe(
        family="sign",
        active=("victory", "three", "four", "flat", "horns"),
        passive=_OPEN,
        contacts=(
            _pairs(("index_pad", "palm"), ("middle_pad", "palm")),
            _pairs(("index_tip", "palm"), ("middle_tip", "palm")),
            _pairs(("ulnar_edge", "palm")),
            _pairs(("middle_front", "index_radial")),
        ),
        spin_deg=(0.0, 60.0),
        tilt_deg=15.0,
    ),
    Recipe(
        family="sign",
        active=("fist", "thumbs_up", "shaka"),
        passive=("fist", "flat", "thumbs_up"),
        contacts=(
            _pairs(("ulnar_edge", "thumb_web")),
            _pairs(("middle_back", "middle_back")),
            _pairs(("ulnar_edge", "back")),
        ),
        spin_deg=(0.0, 40.0),
        tilt_deg=15.0,
    ),
    Recipe(
        family="free",
        active=(PRIOR, "relaxed", "pinch", "claw", "grasp", "spread"),
        passive=(PRIOR, "relaxed", "pinch", "claw", "grasp", "spread"),
        contacts=tuple(
            _pairs((a, b))
            for a in ("palm", "index_pad", "thumb_pad", "middle_front", "ulnar_edge", "middle_pad", "thumb_web")
            for b in ("palm", "back", "index_pad", "thumb_pad", "index_radial", "middle_front", "ulnar_edge")
        ),
        spin_deg=(0.0, 45.0),
        tilt_deg=25.0,
        slide_m=10e-3,
        noise_deg=8.0,
    ),
    Recipe(
        family="near",
        active=(PRIOR, *_OPEN, "pinch", "point", "fist"),
        passive=(PRIOR, *_OPEN, "pinch", "point", "fist"),
        contacts=(_pairs(("palm", "palm")), _pairs(("middle_front", "palm")), _pairs(("index_pad", "middle_pad"))),
        spin_deg=(0.0, 40.0),
        tilt_deg=30.0,
        slide_m=20e-3,
        noise_deg=8.0,
        gap_m=(4e-3, 60e-3),
    ),
)

FAMILY_WEIGHTS: dict[str, float] = {
    "clasp": 0.14,
    "interlock": 0.06,
    "prayer": 0.17,
    "pinch-pinch": 0.08,
    "rub": 0.12,
    "point-at-palm": 0.05,
    "fist-in-palm": 0.06,
    "stacked": 0.05,
    "counting": 0.05,
    "sign": 0.07,
    "free": 0.11,
    "near": 0.04,
}
"""Share of each family among the pairs; with them the relative poses come near those of real interaction."""
