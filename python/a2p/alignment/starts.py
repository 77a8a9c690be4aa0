"""Where keypoint fits start: orientations that explain the palm, at the depth that explains the size."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.hand_chain import HandState
from a2p.alignment.keypoint_terms import KEYPOINTS, LOG_DEPTH_LIMITS, RAY_LIMIT, Evidence
from a2p.hand.rotations import rotmat_from_rotvec

PALM = (0, 1, 5, 9, 13, 17)
"""The keypoints that no finger joint moves."""
_TILTS_RAD = ((0.0, 0.0, 0.0), (0.7, 0.0, 0.0), (-0.7, 0.0, 0.0), (0.0, 0.7, 0.0), (0.0, -0.7, 0.0))
"""How a palm that faces the camera is turned for the starts without 3D evidence."""


def resting(angles: Float[Tensor, " a"], count: int) -> HandState:
    """Returns hands of these angles and the mean shape, a metre before the camera."""
    return HandState(
        orient_rotmat=torch.eye(3, dtype=angles.dtype, device=angles.device).expand(count, 3, 3),
        root=torch.zeros(count, 3, dtype=angles.dtype, device=angles.device),
        angles=angles.expand(count, -1),
        betas=torch.zeros(count, 10, dtype=angles.dtype, device=angles.device),
    )


def starts(rest: HandState, points: Float[Tensor, "n 42 3"], evidence: Evidence, *, has_3d: bool) -> HandState:
    """Returns start states from resting hands and their keypoints: first the likeliest of every hand, then the next.

    With 3D evidence: the palm as seen, and its twin that looks the same from afar, mirrored in depth. Without: the
    palm parallel to the image, and tilted both ways about both axes.
    """
    if has_3d:
        seen = evidence.points_3d
        shapes = torch.cat([seen, seen * seen.new_tensor([1.0, 1.0, -1.0])])
        orient = _palm_rotation(points[:, KEYPOINTS:].repeat(2, 1, 1), shapes)
    else:
        flat = torch.cat([evidence.points_2d, torch.zeros_like(evidence.points_2d[..., :1])], dim=-1)
        tilts = rotmat_from_rotvec(points.new_tensor(_TILTS_RAD))
        orient = (tilts[:, None] @ _palm_rotation(points[:, :KEYPOINTS], flat)).flatten(0, 1)
    hand = torch.arange(len(points)).repeat(len(orient) // len(points))
    return _placed(rest[hand], points[hand, :KEYPOINTS], orient, evidence[hand])


def _palm_rotation(model: Float[Tensor, "n 21 3"], seen: Float[Tensor, "n 21 3"]) -> Float[Tensor, "n 3 3"]:
    """Returns the rotations that lay the model's palm on the seen one (Kabsch, 1976)."""
    model, seen = (points[:, PALM] - points[:, PALM].mean(1, keepdim=True) for points in (model, seen))
    seen = seen / seen.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)
    left, _, right = torch.linalg.svd(seen.mT @ model)
    signs = torch.ones_like(left[..., 0])
    signs[:, 2] = torch.sign(torch.linalg.det(left @ right))
    rotmat: Tensor = (left * signs[:, None]) @ right
    return rotmat


def _placed(
    rest: HandState, points: Float[Tensor, "n 21 3"], orient: Float[Tensor, "n 3 3"], evidence: Evidence
) -> HandState:
    """Returns the hand turned, where its size and centre in the image agree with those seen (weak perspective)."""
    turned = (points - points[:, :1]) @ orient.mT
    weight = (evidence.confidence + 1e-6)[..., None]
    weight = weight / weight.sum(1, keepdim=True)
    centre, seen_centre = (turned * weight).sum(1), (evidence.points_2d * weight).sum(1)
    spread = ((turned[..., :2] - centre[:, None, :2]).square() * weight).sum((1, 2)).sqrt()
    seen_spread = ((evidence.points_2d - seen_centre[:, None]).square() * weight).sum((1, 2)).sqrt()
    nearest, farthest = map(math.exp, LOG_DEPTH_LIMITS)
    depth = (spread / seen_spread.clamp(min=1e-9)).clamp(nearest, farthest)
    wrist = seen_centre - centre[:, :2] / depth[:, None]
    root = torch.cat([wrist.clamp(-RAY_LIMIT, RAY_LIMIT), depth.log()[:, None]], dim=1)
    return HandState(orient, root, rest.angles, rest.betas)
