"""What training pictures show: every probability and range, by name."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from a2p.errors import ConfigError

Range = tuple[float, float]
"""Lowest and highest value."""


def _check(settings: Any, *, probabilities: tuple[str, ...] = (), ranges: tuple[str, ...] = ()) -> None:
    for name in probabilities:
        value = getattr(settings, name)
        if not 0.0 <= value <= 1.0:
            raise ConfigError(f"{type(settings).__name__}.{name} must lie in [0, 1]; got {value}. It is a probability.")
    for name in ranges:
        low, high = getattr(settings, name)
        if not low <= high:
            raise ConfigError(f"{type(settings).__name__}.{name} must be (low, high); got {(low, high)}. Swap them.")


@dataclass(frozen=True, kw_only=True)
class PoseSettings:
    """How many hands there are and how they are posed. What is neither contact nor single is two hands apart."""

    contact: float = 0.5
    """Two hands that touch or nearly touch."""
    single: float = 0.25
    """One hand alone."""
    gesture: float = 0.55
    """Where hands are single or apart: a named gesture in place of a common pose."""
    gesture_deviation_deg: float = 7.0
    """How far each angle of a gesture varies."""
    apart_m: Range = (0.10, 0.30)
    """Distance between the middles of two hands apart."""

    def __post_init__(self) -> None:
        _check(self, probabilities=("contact", "single", "gesture"), ranges=("apart_m",))
        if self.contact + self.single > 1.0:
            raise ConfigError(
                f"PoseSettings.contact + single must be at most 1; got {self.contact} + {self.single}. Lower one."
            )


@dataclass(frozen=True, kw_only=True)
class CameraSettings:
    """Where the camera stands and what of its photo is cut out."""

    upright: float = 0.7
    """Fingers point roughly up or level in the photo, as people hold them; the rest is seen from anywhere."""
    tilt_deg: float = 35.0
    """Standard deviation of the fingers' tilt towards the camera, where upright."""
    roll_deg: float = 45.0
    """Standard deviation of the fingers' turn in the photo, where upright."""
    distance_m: Range = (0.28, 1.3)
    """From the camera to the hands, uniform in log."""
    off_centre: float = 0.22
    """Standard deviation of where the hands stand in the photo: tangent of the angle off its middle."""
    hand_crop: float = 0.6
    """The cut shows one hand, with the other in view where it is near."""
    union_crop: float = 0.3
    """The cut shows both hands. What is neither is a wide cut with small hands."""
    margin: Range = (1.15, 1.9)
    """Side of the cut over the larger side of the keypoints' box."""
    wide_margin: Range = (2.0, 5.0)
    """The same for wide cuts."""
    jitter: float = 0.07
    """Standard deviation of the cut's place, in sides of the box."""
    cut_off: float = 0.12
    """The cut lies so far aside that its border cuts a hand."""
    mirror: float = 0.3
    """The photo is mirrored, as selfies are; its labels are those of the scene that it shows then."""
    mirror_left: bool = True
    """Cuts of one hand are mirrored where that hand is left, so that the hand meant is always a right one."""

    def __post_init__(self) -> None:
        _check(
            self,
            probabilities=("upright", "hand_crop", "union_crop", "cut_off", "mirror"),
            ranges=("distance_m", "margin", "wide_margin"),
        )
        if self.distance_m[0] < 0.2 or self.margin[0] < 0.5:
            raise ConfigError(
                f"CameraSettings needs distance_m of at least 0.2 and margin of at least 0.5; got {self.distance_m} "
                f"and {self.margin}. Nearer hands leave the lens."
            )
        if self.hand_crop + self.union_crop > 1.0:
            raise ConfigError(
                f"CameraSettings.hand_crop + union_crop must be at most 1; got {self.hand_crop} + {self.union_crop}."
            )


@dataclass(frozen=True, kw_only=True)
class SkinSettings:
    """Skin, nails and what hands wear."""

    tone: Range = (0.0, 1.0)
    """Of the human range: 0 the lightest, 1 the darkest."""
    mottle: Range = (0.03, 0.18)
    redness: Range = (0.1, 1.0)
    creases: Range = (0.25, 1.0)
    veins: Range = (0.0, 0.7)
    relief_m: Range = (0.0, 0.0016)
    """How far tendons and knuckles stand out, in shading alone."""
    gloss: Range = (0.25, 1.3)
    softness: Range = (0.5, 1.0)
    """How far light spreads under the skin."""
    nail_polish: float = 0.10
    ring: float = 0.14
    glove: float = 0.04

    def __post_init__(self) -> None:
        names = ("tone", "mottle", "redness", "creases", "veins", "relief_m", "gloss", "softness")
        _check(self, probabilities=("nail_polish", "ring", "glove"), ranges=names)


@dataclass(frozen=True, kw_only=True)
class ArmSettings:
    """What continues the wrist."""

    arm: float = 0.97
    """There is a forearm at all."""
    sleeve: float = 0.6
    """It wears a sleeve."""
    long_sleeve: float = 0.7
    """Sleeves that end near the wrist rather than farther up."""
    band: float = 0.15
    """A watch or a bracelet."""
    bend_deg: float = 22.0
    """Standard deviation of the angle at the wrist."""

    def __post_init__(self) -> None:
        _check(self, probabilities=("arm", "sleeve", "long_sleeve", "band"))


@dataclass(frozen=True, kw_only=True)
class SolidSettings:
    """Things in and around the hands."""

    held: float = 0.16
    """Something in a hand: a ball, a rod, a box, a can, a cup."""
    behind: float = 0.22
    """Things behind the hands, one to three."""
    occluder: float = 0.07
    """Something before the hands."""

    def __post_init__(self) -> None:
        _check(self, probabilities=("held", "behind", "occluder"))


@dataclass(frozen=True, kw_only=True)
class LightSettings:
    """Lamps and sky."""

    hardness: Range = (0.05, 0.85)
    """The lamp's share of all light."""
    lamp_radius: Range = (0.02, 0.5)
    """Tangent of the lamp's half angle; uniform in log."""
    kelvin: Range = (3000.0, 9000.0)
    """Colour of the lamp."""
    coloured: float = 0.08
    """A lamp of any colour."""
    from_behind: float = 0.12
    """The lamp stands behind the hands."""
    occlusion: Range = (0.7, 1.0)
    """How much of the sky nearby bodies hide."""

    def __post_init__(self) -> None:
        _check(
            self,
            probabilities=("coloured", "from_behind"),
            ranges=("hardness", "lamp_radius", "kelvin", "occlusion"),
        )


@dataclass(frozen=True, kw_only=True)
class BackdropSettings:
    """What lies behind."""

    photo: float = 0.6
    """A part of a photo, where the user gives any."""
    pattern: float = 0.25
    """Of the rest: stripes, checks or wood; otherwise plain or mottled."""
    person: float = 0.4
    """A body in clothes behind the hands."""
    face: float = 0.55
    """That body shows its face."""
    clutter: float = 0.6
    """Shapes of any kind."""
    blur: float = 0.75
    """Everything behind is out of focus."""
    blur_px: Range = (0.6, 7.0)
    """For a picture of 128 px; uniform in log."""
    shadow: float = 0.4
    """A surface close behind takes the hands' shadow."""

    def __post_init__(self) -> None:
        names = ("photo", "pattern", "person", "face", "clutter", "blur", "shadow")
        _check(self, probabilities=names, ranges=("blur_px",))


@dataclass(frozen=True, kw_only=True)
class OpticsSettings:
    """Lens, sensor and file. Lengths in px of a picture of 128 px."""

    exposure_stops: float = 0.35
    """Standard deviation of exposure."""
    low_light: float = 0.06
    """A stop and a half darker, with four times the noise."""
    white_balance: float = 0.06
    """Standard deviation of each channel's gain."""
    defocus: float = 0.3
    defocus_px: Range = (0.3, 1.3)
    motion: float = 0.12
    motion_px: Range = (1.5, 7.0)
    shrink: float = 0.25
    """The picture was enlarged from a smaller one."""
    noise: float = 0.75
    noise_level: Range = (0.0015, 0.014)
    """Standard deviation in linear light, near black; uniform in log."""
    sharpen: float = 0.35
    jpeg: float = 0.75
    jpeg_quality: Range = (30.0, 95.0)
    grey: float = 0.03

    def __post_init__(self) -> None:
        names = ("low_light", "defocus", "motion", "shrink", "noise", "sharpen", "jpeg", "grey")
        _check(self, probabilities=names, ranges=("defocus_px", "motion_px", "noise_level", "jpeg_quality"))


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """Everything about training pictures."""

    size_px: int = 128
    """Width and height."""
    pose: PoseSettings = field(default_factory=PoseSettings)
    camera: CameraSettings = field(default_factory=CameraSettings)
    skin: SkinSettings = field(default_factory=SkinSettings)
    arm: ArmSettings = field(default_factory=ArmSettings)
    solid: SolidSettings = field(default_factory=SolidSettings)
    light: LightSettings = field(default_factory=LightSettings)
    backdrop: BackdropSettings = field(default_factory=BackdropSettings)
    optics: OpticsSettings = field(default_factory=OpticsSettings)

    def __post_init__(self) -> None:
        if not 32 <= self.size_px <= 1024:
            raise ConfigError(f"ImageSettings.size_px must lie in [32, 1024]; got {self.size_px}.")

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups of settings."""
        return tuple(item.name for item in fields(self) if item.name != "size_px")
