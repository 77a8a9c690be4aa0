"""Pairs of posed hands in a camera's frame that penetrate as an estimator's errors make them."""

from __future__ import annotations

import torch
from torch import Tensor

from a2p.data.duet import DuetPairs
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.prior import PosePrior
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat

DISTANCE = 0.5
"""Of the hands from the camera, m."""


def _pose(model: HandModel, generator: torch.Generator) -> Tensor:
    prior = PosePrior(HandAnatomy.from_rest_joints(model.J_template, side=model.side))
    return prior.sample(1, generator=generator)[0]


def _placed(model: HandModel, rotation: Tensor, pose: Tensor, anchor: int, target: Tensor) -> HandParameters:
    """The hand turned by `rotation` with its vertex `anchor` at `target`."""
    parameters = HandParameters(rotvec_from_rotmat(rotation), pose, torch.zeros(10), torch.zeros(3))
    return HandParameters(parameters.global_orient, pose, parameters.betas, target - model(parameters).vertices[anchor])


def near_pair(models: HandPair, seed: int) -> tuple[HandParameters, HandParameters]:
    """Two naturally posed hands that meet at a random point of either, off by an estimator's error."""
    generator = torch.Generator().manual_seed(seed)
    placed = []
    for model in models:
        axis = torch.randn(3, generator=generator)
        rotation = rotmat_from_rotvec(axis / axis.norm() * (0.2 + 2.4 * torch.rand(1, generator=generator)))
        anchor = int(torch.randint(len(model.v_template), (1,), generator=generator))
        target = torch.tensor([0.0, 0.0, DISTANCE]) + torch.randn(3, generator=generator) * 0.006
        placed.append(_placed(model, rotation, _pose(model, generator), anchor, target))
    return placed[0], placed[1]


def on_top_of_each_other(models: HandPair) -> tuple[HandParameters, HandParameters]:
    """Both hands at one place: the left one is turned so that its palm and fingers fill the right one's."""
    half_turn = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    centre = torch.tensor([0.0, 0.0, DISTANCE])
    hands = []
    for model, rotation in zip(models, (torch.eye(3), half_turn), strict=True):
        parameters = HandParameters(rotvec_from_rotmat(rotation), torch.zeros(15, 3), torch.zeros(10), torch.zeros(3))
        transl = centre - model(parameters).vertices.mean(dim=0)
        hands.append(HandParameters(parameters.global_orient, parameters.hand_pose, parameters.betas, transl))
    return hands[0], hands[1]


def fist_in_palm(models: HandPair) -> tuple[HandParameters, HandParameters]:
    """The right hand a fist, its middle inside the left one's open palm."""
    right, left = on_top_of_each_other(models)
    anatomy = HandAnatomy.from_rest_joints(models.right.J_template, side="right")
    angles = anatomy.rest.clone()
    angles[[0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15]] = torch.tensor(4 * [1.4, 1.6, 1.0])
    fist = HandParameters(right.global_orient, anatomy.hand_pose(angles), right.betas, torch.zeros(3))
    middle = models.right(fist).vertices.mean(dim=0)
    palm = models.left(left).joints[[0, 4]].mean(dim=0)
    return HandParameters(fist.global_orient, fist.hand_pose, fist.betas, palm - middle), left


def interlaced(models: HandPair) -> tuple[HandParameters, HandParameters]:
    """Straight fingers of both hands at right angles, passing through each other in one plane."""
    right, left = on_top_of_each_other(models)
    quarter = rotmat_from_rotvec(torch.tensor([0.0, -torch.pi / 2, 0.0]))
    turned = HandParameters(
        rotvec_from_rotmat(quarter @ rotmat_from_rotvec(left.global_orient)),
        left.hand_pose,
        left.betas,
        torch.zeros(3),
    )
    fingers_right = models.right(right).joints[[2, 5, 8, 11]].mean(dim=0)
    fingers_left = models.left(turned).joints[[2, 5, 8, 11]].mean(dim=0)
    return right, HandParameters(turned.global_orient, turned.hand_pose, turned.betas, fingers_right - fingers_left)


def stacked(hands: list[HandParameters]) -> HandParameters:
    """The hands as one batch."""
    names = ("global_orient", "hand_pose", "betas", "transl")
    return HandParameters(*(torch.stack([getattr(hand, name) for hand in hands]) for name in names))


def stacked_near_pairs(
    models: HandPair, count: int, *, place: tuple[float, float, float] = (0.0, 0.0, DISTANCE)
) -> tuple[HandParameters, HandParameters]:
    """The first near pairs as a batch, moved to a place."""
    pairs = [near_pair(models, seed) for seed in range(count)]
    shift = torch.tensor(place) - torch.tensor([0.0, 0.0, DISTANCE])
    right, left = (stacked([pair[k] for pair in pairs]) for k in range(2))
    right, left = (
        HandParameters(hand.global_orient, hand.hand_pose, hand.betas, hand.transl + shift) for hand in (right, left)
    )
    return right, left


def near_duet_pairs(models: HandPair, count: int) -> DuetPairs:
    """Returns `count` pairs of `near_pair` as a set of duet pairs of seed 0."""
    right, left = stacked_near_pairs(models, count)
    return DuetPairs(right, left, torch.zeros(count, dtype=torch.uint8), torch.arange(count), 0)
