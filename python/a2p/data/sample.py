"""One labelled picture of one or two hands, the same for every data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from PIL import Image
from torch import Tensor

from a2p.arrays import Keypoints2D, Keypoints3D
from a2p.camera import Camera
from a2p.data.fisheye import Fisheye
from a2p.errors import DataError
from a2p.hand import HandParameters
from a2p.hand.hand_data import Side

HandType: TypeAlias = Literal["right", "left", "interacting"]
SIDES: tuple[Side, Side] = ("right", "left")

KeypointMask = Bool[Tensor, " 21"]
"""One flag a keypoint."""
Box: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1, px."""
BOX_SCALE = 1.2
"""How much larger a hand's box is than that of its keypoints: its outline's, as `a2p.Reconstructor` takes them."""


@dataclass(frozen=True, kw_only=True)
class HandLabels:
    """What a data set knows of one hand, in the camera frame (x right, y down, z forward), m.

    Keypoints: wrist, then thumb, index, middle, ring, pinky, base to tip. What is not known is NaN and not valid.
    """

    keypoints_3d: Keypoints3D
    keypoints_3d_valid: KeypointMask
    keypoints_2d: Keypoints2D
    """px; the centre of the top left pixel is (0.5, 0.5)."""
    keypoints_2d_valid: KeypointMask
    """Whether a keypoint is annotated in this picture; InterHand2.6M's truth counts where this holds."""
    box_xyxy_px: Box | None
    parameters: HandParameters | None = None
    """Zero `hand_pose` is the flat hand, whatever the data set's own convention. None without a fit, or without
    the hand model that is needed to place it."""
    vertices: Float[Tensor, "v 3"] | None = None
    camera: Camera | None = None
    """The virtual camera that `parameters` and `vertices` are seen by, where the picture's own is unknown."""
    visible: KeypointMask | None = None
    """Whether the camera sees the skin around each keypoint, where that is known."""

    @property
    def is_annotated(self) -> bool:
        """Whether anything is known."""
        return bool(self.keypoints_3d_valid.any() | self.keypoints_2d_valid.any()) or self.vertices is not None


@dataclass(frozen=True)
class PixelLabels:
    """What each pixel of a picture shows, and how far it is."""

    part: UInt8[np.ndarray, "h w"]
    """0 nothing, 1 right hand, 2 left hand, 3 right forearm, 4 left forearm, 5 object."""
    depth: Float32[np.ndarray, "h w"]
    """m along z; infinite where nothing is."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One labelled picture."""

    dataset: str
    split: str
    id: str
    """Unique within its data set and split, the same on every machine."""
    source_frame: str
    """Where the picture comes from: capture, sequence, camera, frame."""
    image: Path | UInt8[np.ndarray, "h w 3"] = field(repr=False)
    """The picture's file, not decoded yet, or its pixels."""
    size_px: tuple[int, int] | None
    """Width and height where the annotations state them; a file of another size is an error."""
    camera: Camera | None
    """None where the data set has no intrinsics."""
    fisheye: Fisheye | None = None
    """Lens distortion; the picture is not rectified where it is set."""
    hand_type: HandType
    right: HandLabels | None
    left: HandLabels | None
    convention: str
    """Whose keypoints these are: one of `a2p.hand.keypoints.CONVENTIONS`."""
    pixel_labels: PixelLabels | None = field(default=None, repr=False)

    @property
    def hands(self) -> tuple[tuple[Side, HandLabels], ...]:
        """The hands there are, right first."""
        named = zip(SIDES, (self.right, self.left), strict=True)
        return tuple((side, labels) for side, labels in named if labels is not None)

    @property
    def boxes(self) -> list[tuple[str, Box]]:
        """The hands' boxes as `a2p.Reconstructor` takes them."""
        return [(side, labels.box_xyxy_px) for side, labels in self.hands if labels.box_xyxy_px is not None]

    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        """Returns the picture, RGB, decoded now; EXIF rotation is ignored, as the labels ignore it."""
        pixels = self.image if isinstance(self.image, np.ndarray) else read_pixels(self.image)
        found = (pixels.shape[1], pixels.shape[0])
        if self.size_px is not None and found != self.size_px:
            raise DataError(
                f"{self.image_name} must be {self.size_px[0]} x {self.size_px[1]} px as annotated; it is {found[0]} x "
                f"{found[1]}. Pictures and annotations are of different versions."
            )
        return pixels

    @property
    def image_name(self) -> str:
        """What errors call the picture."""
        return str(self.image) if isinstance(self.image, Path) else f"the picture of sample {self.id}"

    def project(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
        """Returns where points of the camera frame (m) appear in the picture (px), lens distortion included."""
        if self.camera is None:
            raise DataError(f"sample {self.id} of {self.dataset} has no camera. Use its 2D keypoints.")
        return self.camera.project(points) if self.fisheye is None else self.fisheye.project(points, self.camera)


@runtime_checkable
class HandDataset(Protocol):
    """Labelled pictures by number. Implementations can be pickled and read from any number of processes."""

    name: str
    split: str
    license: str
    """Who may do what with the pictures and labels."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """Returns one sample; raises DataError, which names file and key, where its annotation is broken."""


def read_pixels(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Returns a picture file's pixels as they are stored, RGB."""
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing. `a2p data check` says how to get it.") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise DataError(f"{path} is damaged or no picture: {error}. Download it anew.") from error


def picture_size(path: Path) -> tuple[int, int]:
    """Returns a picture file's width and height from its header."""
    try:
        with Image.open(path) as image:
            return int(image.width), int(image.height)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing. `a2p data check` says how to get it.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path} is damaged or no picture: {error}. Download it anew.") from error


def unknown_keypoints(axes: int) -> Float[Tensor, "21 axes"]:
    """Returns keypoints of which nothing is known."""
    return torch.full((21, axes), torch.nan)


def no_keypoints() -> KeypointMask:
    """Returns that no keypoint is known."""
    return torch.zeros(21, dtype=torch.bool)


def all_keypoints() -> KeypointMask:
    """Returns that every keypoint is known."""
    return torch.ones(21, dtype=torch.bool)


def box_around(
    points: Float[Tensor, "k 2"], valid: Bool[Tensor, " k"], size_px: tuple[int, int], *, scale: float = BOX_SCALE
) -> Box | None:
    """Returns the box of the valid points, enlarged and clipped to the picture; None where nothing of it is left."""
    if not bool(valid.any()):
        return None
    low, high = points[valid].amin(dim=0), points[valid].amax(dim=0)
    middle, half = 0.5 * (low + high), 0.5 * scale * (high - low)
    limit = torch.tensor(size_px, dtype=points.dtype)
    x0, y0 = torch.minimum((middle - half).clamp(min=0.0), limit).tolist()
    x1, y1 = torch.minimum((middle + half).clamp(min=0.0), limit).tolist()
    return (x0, y0, x1, y1) if x1 > x0 + 2.0 and y1 > y0 + 2.0 else None
