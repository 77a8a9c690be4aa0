"""Which camera took a picture: the caller's, EXIF's, or an assumed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from a2p.camera import Camera
from a2p.perception.image import LoadedImage

DEFAULT_FOV_DEG = 60.0
"""Assumed field of view of the larger image side: between a phone's main camera (67) and a laptop's webcam (55)."""


@dataclass(frozen=True)
class Intrinsics:
    """A camera and where it was taken from."""

    camera: Camera
    source: Literal["given", "exif", "assumed"]
    """`assumed` means that depth is known up to a common factor only."""


def intrinsics_for(
    image: LoadedImage, camera: Camera | None = None, *, default_fov_deg: float = DEFAULT_FOV_DEG
) -> Intrinsics:
    """Returns the given camera, else the one EXIF tells of, else a centred one of `default_fov_deg`."""
    if camera is not None:
        return Intrinsics(camera, "given")
    if image.focal_px is not None:
        centre = (image.width / 2.0, image.height / 2.0)
        return Intrinsics(Camera(image.focal_px, image.focal_px, *centre), "exif")
    return Intrinsics(Camera.from_fov(image.width, image.height, fov_deg=default_fov_deg), "assumed")
