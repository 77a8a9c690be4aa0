"""The camera that a crop is seen by: a virtual one whose axis is the ray through the crop's middle.

What a crop shows of a hand's turn is its turn to that ray. Two hands that look alike in their crops are turned
differently in the camera's axes where their rays differ, by 17 degrees on average on rendered pictures; from the crop
alone nobody could tell. So the network answers in the axes of the crop's view, as InterWild does (Moon, CVPR 2023),
and what it says is turned into the camera's.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def middle_rays(intrinsics: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 2"]:
    """Returns x / z and y / z of the rays through crops' middles; intrinsics in units of the crop's side."""
    return (0.5 - intrinsics[..., 2:]) / intrinsics[..., :2]


def look_at(rays: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 3 3"]:
    """Returns the rotations from the axes of a camera that looks along a ray, x / z and y / z, to those of the camera.

    Each is the least one that turns the camera's axis to the ray.
    """
    x, y = rays.unbind(-1)
    length = (1.0 + x * x + y * y).sqrt()
    x, y, z = x / length, y / length, 1.0 / length
    share = 1.0 / (1.0 + z)
    rows = (
        torch.stack([1.0 - share * x * x, -share * x * y, x], dim=-1),
        torch.stack([-share * x * y, 1.0 - share * y * y, y], dim=-1),
        torch.stack([-x, -y, z], dim=-1),
    )
    return torch.stack(rows, dim=-2)


def turned(rotmats: Float[Tensor, "*#batch 3 3"], vectors: Float[Tensor, "*#batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Returns rotated vectors; leading dimensions broadcast."""
    return (rotmats @ vectors[..., None])[..., 0]


def depth_in_view(points: Float[Tensor, "b 2 k 3"], intrinsics: Float[Tensor, "b 2 4"]) -> Float[Tensor, "b 2 k 1"]:
    """Returns how deep points in the camera's axes lie along the rays through their crops' middles."""
    axes = look_at(middle_rays(intrinsics))[..., 2]
    return (points * axes[:, :, None]).sum(-1, keepdim=True)
