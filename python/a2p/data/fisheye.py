"""The four-coefficient fisheye lens of egocentric cameras."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.camera import Camera


@dataclass(frozen=True)
class Fisheye:
    """Radial distortion by the angle to the optical axis.

    Kannala and Brandt, "A generic camera model and calibration method for conventional, wide-angle, and fish-eye
    lenses", PAMI 2006, as OpenCV's fisheye module has it: theta_d = theta (1 + k1 theta^2 + ... + k4 theta^8).
    """

    k1: float
    k2: float
    k3: float
    k4: float

    def project(self, points: Float[Tensor, "*batch 3"], camera: Camera) -> Float[Tensor, "*batch 2"]:
        """Returns the pixels of points in the camera frame; they need z > 0."""
        plane = points[..., :2] / points[..., 2:]
        radius = plane.square().sum(dim=-1, keepdim=True).sqrt()
        angle = torch.atan(radius)
        square = angle.square()
        bent = angle * (1.0 + square * (self.k1 + square * (self.k2 + square * (self.k3 + square * self.k4))))
        scaled = plane * torch.where(radius > 0, bent / radius, torch.ones_like(radius))
        return camera.project(torch.cat([scaled, torch.ones_like(radius)], dim=-1))
