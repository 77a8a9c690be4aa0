"""What a set of hand pairs holds: how the hands stand to each other, touch and bend."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from a2p.data.duet.pairs import DuetPairs
from a2p.hand import HandPair
from a2p.hand.rotations import rotmat_from_rotvec

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
