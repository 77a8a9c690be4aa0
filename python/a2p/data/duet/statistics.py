"""What a set of hand pairs holds: how the hands stand to each other, touch and bend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.data.duet.corruption import PENETRATING_DEPTH, max_depths
from a2p.data.duet.pairs import FAMILIES, DuetPairs
from a2p.data.duet.self_contact import SelfContact
from a2p.hand import HandPair
from a2p.hand.anatomy import DOFS, HandAnatomy
from a2p.hand.rotations import rotmat_from_rotvec
from a2p.penetration import signed_distance

_CHUNK = 64

INTERHAND_ROTATION_MEAN = (-0.718, 0.216, -0.009, -0.217, -0.462, -0.088)
INTERHAND_ROTATION_VARIANCE = (0.122, 0.105, 0.211, 0.105, 0.407, 0.219)
INTERHAND_TRANSLATION_MEAN_M = (0.005, -0.082, -0.004)
INTERHAND_TRANSLATION_DEVIATION_M = (0.045, 0.077, 0.063)
"""Relative pose of InterHand2.6M's interacting hands: the right one in the left one's frame.

The rotation's six numbers are its first two rows: with columns, hands that face each other would open towards their
fingertips on average, away from where they touch.
"""


class RelativePose(NamedTuple):
    """Mean and spread of the right hand's pose in the left hand's rest frame."""

    rotation_mean: Float[Tensor, " 6"]
    """Of the first two rows."""
    rotation_variance: Float[Tensor, " 6"]
    translation_mean: Float[Tensor, " 3"]
    """Right wrist minus left wrist, m."""
    translation_deviation: Float[Tensor, " 3"]


def relative_pose(pairs: DuetPairs, models: HandPair) -> RelativePose:
    """Returns how the right hands stand to the left ones; pairs may be in any common frame."""
    orients = [rotmat_from_rotvec(hand.global_orient.double()) for hand in (pairs.right, pairs.left)]
    wrists = [
        (model.rest_joints(hand.betas)[:, 0] + hand.transl).double()
        for model, hand in zip(models, (pairs.right, pairs.left), strict=True)
    ]
    rotation = orients[1].mT @ orients[0]
    rows = rotation[:, :2].flatten(1)
    translation = (orients[1].mT @ (wrists[0] - wrists[1])[..., None])[..., 0]
    return RelativePose(rows.mean(0), rows.var(0), translation.mean(0), translation.std(0))


@dataclass(frozen=True)
class DuetSummary:
    """Shares and extremes of a set of pairs."""

    count: int
    families: dict[str, float]
    """Share of each."""
    relative: RelativePose
    touching: float
    """Share of pairs no farther apart than 2 mm."""
    penetrating: float
    """Share of pairs deeper than 1 mm in each other."""
    max_depth_mm: float
    max_self_depth_mm: float
    """Of the parts of one hand in each other."""
    beyond_limits_rad: float
    """The most that any joint is past its limit."""
    angle_ranges_deg: dict[str, tuple[float, float]]
    """First and last percentile of every angle, of both hands."""


def summarise(pairs: DuetPairs, models: HandPair) -> DuetSummary:
    """Returns what the pairs hold; some 2 ms a pair."""
    depth: list[Tensor] = []
    own: list[Tensor] = []
    distance: list[Tensor] = []
    contacts = [SelfContact(model) for model in models]
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        with torch.no_grad():
            meshes = [model(hand).vertices for model, hand in zip(models, (some.right, some.left), strict=True)]
        depth.append(max_depths(models, some.right, some.left))
        own.extend(contact.max_depth(mesh) for contact, mesh in zip(contacts, meshes, strict=True))
        distance.append(_least_distance(meshes[0], meshes[1], models))
    angles, beyond = _angles(pairs, models)
    low, high = (torch.rad2deg(angles.kthvalue(max(1, round(share * len(angles))), 0).values) for share in (0.01, 0.99))
    depths = torch.cat(depth)
    return DuetSummary(
        count=len(pairs),
        families={name: float((pairs.family == k).float().mean()) for k, name in enumerate(FAMILIES)},
        relative=relative_pose(pairs, models),
        touching=float(((depths > 0) | (torch.cat(distance) <= 2e-3)).float().mean()),
        penetrating=float((depths > PENETRATING_DEPTH).float().mean()),
        max_depth_mm=1e3 * float(depths.max()),
        max_self_depth_mm=1e3 * float(torch.cat(own).max()),
        beyond_limits_rad=beyond,
        angle_ranges_deg={dof.name: (float(low[k]), float(high[k])) for k, dof in enumerate(DOFS)},
    )


def _least_distance(
    right: Float[Tensor, "n v 3"], left: Float[Tensor, "n v 3"], models: HandPair
) -> Float[Tensor, " n"]:
    """Returns the least distance (m) of the left hands' vertices from the right hands' surfaces."""
    near = torch.cdist(left, right[:, ::8]).amin(2).topk(96, dim=1, largest=False).indices
    points = torch.take_along_dim(left, near[..., None], dim=1)
    return signed_distance(points, right, models.right.topology).amin(1)


def _angles(pairs: DuetPairs, models: HandPair) -> tuple[Float[Tensor, "m 22"], float]:
    both, beyond = [], 0.0
    for model, hand in zip(models, (pairs.right, pairs.left), strict=True):
        anatomy = HandAnatomy.from_rest_joints(model.J_template, side=model.side)
        angles = anatomy.angles(hand.hand_pose)
        beyond = max(beyond, float((angles - anatomy.clamp(angles)).abs().max()))
        both.append(angles)
    return torch.cat(both), beyond
