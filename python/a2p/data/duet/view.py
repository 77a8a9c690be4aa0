"""Hand pairs as a camera sees them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.camera import Camera
from a2p.data.duet.pairs import DuetPairs
from a2p.hand import HandPair, HandParameters
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_quat_wxyz, rotvec_from_rotmat

IMAGE_SIZE_PX = (640, 480)
"""Width and height of the picture that the camera takes."""
_FOV_DEG = 58.0
_DISTANCES_M = (0.3, 0.9)
_MARGIN = 0.15
"""Share of the half picture that the hands' middle keeps away from its border."""


@dataclass(frozen=True)
class ViewedPairs:
    """Pairs in the camera frame: x right, y down, z forward; m."""

    pairs: DuetPairs
    """Every parameter in the camera frame, not the pair frame."""
    camera: Camera
    rotation_rotmat: Float[Tensor, "n 3 3"]
    """Maps directions of the pair frame to the camera's."""
    translation: Float[Tensor, "n 3"]
    """Where the pair frame's origin is in the camera frame."""


def view_pairs(pairs: DuetPairs, models: HandPair, generator: torch.Generator) -> ViewedPairs:
    """Returns the pairs before a camera, each seen from a direction and a distance of its own.

    Distances are uniform in log from 0.3 to 0.9 m. Half of the directions have the fingers' mean direction within
    some 50 degrees of up or of level in the picture, as in photos of people; the other half are uniform over all
    rotations. The hands' middle falls anywhere in the picture but its border.
    """
    count = len(pairs)
    with torch.no_grad():
        right, left = models.right(pairs.right), models.left(pairs.left)
        middle = (right.vertices.mean(1) + left.vertices.mean(1)) / 2
        fingers = _unit(right.joints[:, 4] - right.joints[:, 0]) + _unit(left.joints[:, 4] - left.joints[:, 0])
    rotation = torch.where(
        (torch.rand(count, generator=generator) < 0.5)[:, None, None],
        _upright_rotations(_unit(fingers + 1e-4), generator),
        _uniform_rotations(count, generator),
    )
    camera = Camera.from_fov(*IMAGE_SIZE_PX, fov_deg=_FOV_DEG)
    low, high = (math.log(distance) for distance in _DISTANCES_M)
    depth = torch.exp(low + (high - low) * torch.rand(count, generator=generator))
    reach = torch.tensor(IMAGE_SIZE_PX) / 2 * (1 - _MARGIN) / torch.tensor([camera.fx, camera.fy])
    # Near hands fill the picture, so that their middle stays nearer its centre.
    reach = (reach - 0.08 / depth[:, None]).clamp(min=0.02)
    across = (2 * torch.rand(count, 2, generator=generator) - 1) * reach
    target = torch.cat([across, torch.ones(count, 1)], dim=1) * depth[:, None]
    translation = target - (rotation @ middle[..., None])[..., 0]
    viewed = replace(
        pairs,
        right=moved(pairs.right, rotation, translation, models.right.rest_joints(pairs.right.betas)[:, 0]),
        left=moved(pairs.left, rotation, translation, models.left.rest_joints(pairs.left.betas)[:, 0]),
    )
    return ViewedPairs(viewed, camera, rotation, translation)


def moved(
    hand: HandParameters,
    rotation: Float[Tensor, "n 3 3"],
    translation: Float[Tensor, "n 3"],
    rest_wrist: Float[Tensor, "n 3"],
) -> HandParameters:
    """Returns the hands after a rigid motion of space: x becomes rotation x + translation."""
    wrist = (rotation @ (rest_wrist + hand.transl)[..., None])[..., 0] + translation
    orient = rotvec_from_rotmat(rotation.double() @ rotmat_from_rotvec(hand.global_orient.double()))
    return replace(hand, global_orient=orient.to(hand.transl), transl=wrist - rest_wrist)


def _upright_rotations(fingers: Float[Tensor, "n 3"], generator: torch.Generator) -> Float[Tensor, "n 3 3"]:
    """Returns rotations that turn the fingers roughly up or level in the picture, about them any angle."""
    count = len(fingers)
    angle = torch.rand(count, generator=generator) * math.pi
    aim = torch.stack([torch.cos(angle), -torch.sin(angle), torch.zeros(count)], dim=1)
    aim = _unit(aim + 0.5 * torch.randn(count, 3, generator=generator))
    spin = 2 * math.pi * torch.rand(count, 1, generator=generator)
    return rotmat_from_rotvec(aim * spin) @ _least_rotation(fingers, aim)


def _least_rotation(source: Float[Tensor, "n 3"], target: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3 3"]:
    axis = torch.linalg.cross(source, target)
    sine = torch.linalg.vector_norm(axis, dim=1, keepdim=True).clamp(min=1e-6)
    angle = torch.atan2(sine, (source * target).sum(1, keepdim=True))
    return rotmat_from_rotvec(axis / sine * angle)


def _uniform_rotations(count: int, generator: torch.Generator) -> Float[Tensor, "n 3 3"]:
    quat = torch.nn.functional.normalize(torch.randn(count, 4, generator=generator), dim=1)
    quat = torch.where(quat[:, :1] < 0, -quat, quat)
    return rotmat_from_rotvec(rotvec_from_quat_wxyz(quat))


def _unit(vectors: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    return torch.nn.functional.normalize(vectors, dim=-1)
