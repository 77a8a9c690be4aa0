"""Pairs of hands that touch somewhere: cheap to make, for what needs no gesture that both hands make together."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.data.duet import FAMILIES, DuetPairs
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.gestures import sample_gestures
from a2p.hand.prior import PosePrior
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat
from a2p.penetration import penetration_depth

_TOUCH_M = 4e-4
"""Deepest vertex of hands that touch."""
_APART_M = 0.3
_BISECTIONS = 9


@torch.no_grad()
def touching_pairs(count: int, models: HandPair, *, seed: int, first: int = 0) -> DuetPairs:
    """Returns pairs in random poses that touch where a random spot of one hand meets one of the other.

    Poses are half the synergy prior's, half variations of gestures. The hands face each other as they mostly do, or
    any way. They are drawn apart in a straight line until they only touch.
    """
    generator = torch.Generator().manual_seed(seed * (1 << 20) + first)
    shape = torch.randn(count, 10, generator=generator)
    right, left = (
        HandParameters(
            torch.zeros(count, 3),
            _poses(model, count, generator),
            shape + 0.1 * torch.randn(count, 10, generator=generator),
            torch.zeros(count, 3),
        )
        for model in models
    )
    right = replace(right, transl=-models.right.rest_joints(right.betas)[:, 0])
    left = replace(left, global_orient=_turns(count, generator))
    a, b = models.right(right).vertices, models.left(left).vertices
    spots = torch.randint(a.shape[1], (2, count), generator=generator)
    rows = torch.arange(count)
    offset = a[rows, spots[0]] - b[rows, spots[1]]
    away = torch.nn.functional.normalize(b.mean(1) + offset - a.mean(1), dim=1)
    near, far = torch.zeros(count), torch.full((count,), _APART_M)
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        moved = b + (offset + away * middle[:, None])[:, None]
        depth = penetration_depth(a, moved, models.right.topology, models.left.topology)
        is_apart = depth.depth_a.amax(1).maximum(depth.depth_b.amax(1)) < _TOUCH_M
        near, far = torch.where(is_apart, near, middle), torch.where(is_apart, middle, far)
    left = replace(left, transl=offset + away * far[:, None])
    family = torch.full((count,), FAMILIES.index("free"), dtype=torch.uint8)
    return DuetPairs(right, left, family, torch.arange(first, first + count), seed)


def _poses(model: HandModel, count: int, generator: torch.Generator) -> Float[Tensor, "n 15 3"]:
    anatomy = HandAnatomy.from_rest_joints(model.J_template.double(), side=model.side)
    common = PosePrior(anatomy).sample_angles(count, generator=generator)
    gestures = sample_gestures(count, anatomy, generator=generator, deviation_deg=10.0)
    is_gesture = torch.rand(count, 1, generator=generator) < 0.5
    return anatomy.hand_pose(torch.where(is_gesture, gestures, common)).float()


def _turns(count: int, generator: torch.Generator) -> Float[Tensor, "n 3"]:
    """Returns how left hands are turned: about a facing hand in two of three, anyhow in the others."""
    facing = torch.tensor([0.0, 0.0, torch.pi]) + 0.6 * torch.randn(count, 3, generator=generator)
    anyhow = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)
    anyhow = anyhow * torch.pi * torch.rand(count, 1, generator=generator).pow(1 / 3)
    chosen = torch.where(torch.rand(count, 1, generator=generator) < 2 / 3, facing, anyhow)
    turns: Tensor = rotvec_from_rotmat(rotmat_from_rotvec(chosen))
    return turns
