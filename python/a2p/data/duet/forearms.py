"""Whether forearms fit where a pair of hands is: wrists bend only so far, and arms do not pass through hands."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.hand import HandPair, PosedHand
from a2p.hand.rotations import rotmat_from_rotvec

_FLEXIONS_DEG = (-55.0, -25.0, 5.0, 35.0, 55.0)
"""Wrist flexion, + towards the palm: most of the active range."""
_DEVIATIONS_DEG = (-15.0, 5.0, 25.0)
"""Towards the thumb's side (-) and the little finger's (+)."""
_LENGTHS_M = (0.035, 0.065, 0.10, 0.14, 0.19, 0.24)
"""Where along a forearm spheres stand for it."""
_RADII_M = (0.024, 0.025, 0.028, 0.032, 0.036, 0.038)
_EVERY = 10
"""Of the other hand's vertices one in so many is looked at."""


def forearms_fit(models: HandPair, right: PosedHand, left: PosedHand) -> Bool[Tensor, " n"]:
    """Returns whether both wrists can be bent so that neither forearm meets the other hand or the other forearm."""
    centres = [_spheres(hand, model.side) for hand, model in ((right, models.right), (left, models.left))]
    radii = torch.tensor(_RADII_M)
    is_free = []
    for own, other in ((0, left), (1, right)):
        points = other.vertices[:, ::_EVERY]
        count, ways, spheres, _ = centres[own].shape
        distance = torch.cdist(centres[own].reshape(count, ways * spheres, 3), points).amin(2)
        is_free.append((distance.reshape(count, ways, spheres) > radii).all(2))
    count, ways, spheres, _ = centres[0].shape
    between = torch.cdist(centres[0].reshape(count, -1, 3), centres[1].reshape(count, -1, 3))
    between = between.reshape(count, ways, spheres, ways, spheres) - (radii[:, None, None] + radii)
    apart = between.amin(dim=(2, 4)) > 0
    return (apart & is_free[0][:, :, None] & is_free[1][:, None]).flatten(1).any(1)


def _spheres(hand: PosedHand, side: str) -> Float[Tensor, "n ways spheres 3"]:
    """Returns the centres of the spheres of each way in which the forearm may leave the wrist."""
    turn, mirror = hand.joint_rotmats[:, 0], 1.0 if side == "right" else -1.0
    wrist = hand.joints[:, 0]
    away = torch.nn.functional.normalize(wrist - hand.joints[:, 4], dim=1)
    # Rest frames: the thumb's side along +z; flexing moves a right forearm about -z as it moves the hand about +z.
    flexion_axis, deviation_axis = turn[:, :, 2], turn[:, :, 1]
    bends = [rotmat_from_rotvec(-mirror * math.radians(angle) * flexion_axis) for angle in _FLEXIONS_DEG]
    leans = [rotmat_from_rotvec(mirror * math.radians(angle) * deviation_axis) for angle in _DEVIATIONS_DEG]
    leant = torch.stack([(lean @ away[..., None])[..., 0] for lean in leans], dim=-1)
    directions = torch.cat([(bend @ leant).mT for bend in bends], dim=1)
    return wrist[:, None, None] + directions[:, :, None] * torch.tensor(_LENGTHS_M)[:, None]
