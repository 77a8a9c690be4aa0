"""The pinhole camera: intrinsics in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import CameraError


@dataclass(frozen=True)
class Camera:
    """Pinhole intrinsics of an undistorted image, in pixels.

    Camera frame: x right, y down, z forward. The centre of the top left pixel is at (0.5, 0.5), so that the
    principal point of a centred camera is (width / 2, height / 2).
    """

    fx: float
    """Focal length along x."""
    fy: float
    """Focal length along y."""
    cx: float
    """Principal point, x."""
    cy: float
    """Principal point, y."""

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy)
        if not all(math.isfinite(value) for value in values) or self.fx <= 0 or self.fy <= 0:
            raise CameraError(
                f"camera needs finite fx, fy > 0 and finite cx, cy, all in pixels; got {values}. "
                "Leave the camera out to have it taken from EXIF or a default field of view."
            )

    @classmethod
    def from_fov(cls, width: int, height: int, *, fov_deg: float) -> Camera:
        """Returns a centred camera whose larger image side spans `fov_deg`."""
        if not 0.0 < fov_deg < 180.0:
            raise CameraError(f"fov_deg must lie in (0, 180); got {fov_deg}. A phone has about 60 to 70.")
        focal = 0.5 * max(width, height) / math.tan(math.radians(fov_deg) / 2.0)
        return cls(focal, focal, width / 2.0, height / 2.0)

    def project(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
        """Returns the pixels that points in the camera frame (m) fall on. Points need z > 0."""
        focal = torch.tensor([self.fx, self.fy], dtype=points.dtype, device=points.device)
        centre = torch.tensor([self.cx, self.cy], dtype=points.dtype, device=points.device)
        return points[..., :2] / points[..., 2:] * focal + centre
