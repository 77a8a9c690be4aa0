"""Hands that reach into each other, in random poses: what a2p is timed and tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.hand.anatomy import HandAnatomy
from a2p.hand.model import HandModel, HandPair
from a2p.hand.parameters import HandParameters
from a2p.hand.prior import PosePrior


@dataclass(frozen=True)
class ReachingHands:
    """Right and left hands, a random spot of the one near a random spot of the other; float32, one pair a row."""

    models: HandPair
    right: HandParameters
    left: HandParameters
    vertices_right: Float[Tensor, "b vr 3"]
    vertices_left: Float[Tensor, "b vl 3"]


def reaching_hands(count: int, *, seed: int = 0, natural: bool = False) -> ReachingHands:
    """Returns pairs of open hands, `natural` ones in common poses, others with joints anywhere in their active range.

    The latter often pass through themselves, which is the harder case.
    """
    generator = torch.Generator().manual_seed(seed)
    models = HandModel.load_pair("open")
    pose = _common_pose if natural else _active_pose
    right, left = (_hands(pose(model, count, generator), generator) for model in models)
    return reach(models, right, left, generator)


def reach(models: HandPair, right: HandParameters, left: HandParameters, generator: torch.Generator) -> ReachingHands:
    """Returns the hands with the left one turned and moved until a random spot of it is within about 1 cm of one.

    Of the given parameters, the left hand's `global_orient` and `transl` are replaced.
    """
    count = len(right.betas)
    with torch.no_grad():
        vertices_right = models.right(right).vertices
        turned = replace(left, global_orient=torch.randn(count, 3, generator=generator), transl=torch.zeros(count, 3))
        vertices = models.left(turned).vertices
    spots = [torch.randint(hand.shape[1], (count,), generator=generator) for hand in (vertices_right, vertices)]
    rows = torch.arange(count)
    near = vertices_right[rows, spots[0]] + 0.006 * torch.randn(count, 3, generator=generator)
    moved = replace(turned, transl=near - vertices[rows, spots[1]])
    with torch.no_grad():
        return ReachingHands(models, right, moved, vertices_right, models.left(moved).vertices)


def _hands(hand_pose: Float[Tensor, "b 15 3"], generator: torch.Generator) -> HandParameters:
    """Returns hands of random shape in these poses, at the origin."""
    count = len(hand_pose)
    betas = torch.randn(count, 10, generator=generator).clamp(-2, 2)
    return HandParameters(torch.zeros(count, 3), hand_pose, betas, torch.zeros(count, 3))


def _common_pose(model: HandModel, count: int, generator: torch.Generator) -> Float[Tensor, "b 15 3"]:
    pose: Tensor = PosePrior(_anatomy(model)).sample(count, generator=generator)
    return pose.float()


def _active_pose(model: HandModel, count: int, generator: torch.Generator) -> Float[Tensor, "b 15 3"]:
    anatomy = _anatomy(model)
    share = torch.rand(count, len(anatomy.lower), generator=generator)
    pose: Tensor = anatomy.hand_pose(anatomy.lower + share * (anatomy.upper - anatomy.lower))
    return pose


def _anatomy(model: HandModel) -> HandAnatomy:
    return HandAnatomy.from_rest_joints(model.J_template, side=model.side)
