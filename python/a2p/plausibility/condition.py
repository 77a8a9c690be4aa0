"""What the denoiser is told of a pair: the estimate, where its points are, how sure they are, and how it collides."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.hand.joint_turns import turn_gradient
from a2p.hand.parameters import HandParameters
from a2p.plausibility.compliance import Collision
from a2p.plausibility.pair_numbers import PairCondition
from a2p.plausibility.representation import (
    END_OF_JOINT,
    PairCodec,
    PairFrame,
    mirrored_turns,
    mirrored_vectors,
)

_START_OF_JOINT = (0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3)
_TURN_SIGMA, _MOVE_SIGMA = 0.15, 20e-3
"""Standard deviations (rad, m) in whose units the way out of a collision is told."""


@dataclass(frozen=True)
class SeenPair:
    """An estimate with everything that is measured on it once."""

    right: HandParameters
    left: HandParameters
    points: Float[Tensor, "b 2 21 3"]
    frame: PairFrame
    collision: Collision


def pair_condition(
    codec: PairCodec, seen: SeenPair, *, weights: Float[Tensor, "b 2 21"], keypoints_seen: bool
) -> PairCondition:
    """Returns the condition of pairs; `weights` say how sure each keypoint is, and count only where any were seen."""
    frame = seen.frame
    turned = (seen.points - frame.centre[:, None, None]) @ frame.rotmat_pair_camera.mT[:, None]
    places = mirrored_vectors(turned) / 0.1
    sure = weights if keypoints_seen else torch.zeros_like(weights)
    turns, moves = _way_out(seen)
    ends = list(END_OF_JOINT)
    moves_per_joint = moves[:, :, None].expand(-1, -1, 16, -1)
    joints = torch.cat(
        [places[:, :, list(_START_OF_JOINT)], places[:, :, ends], sure[:, :, ends, None], turns, moves_per_joint],
        dim=-1,
    )
    relative_move = moves[:, 1] * moves.new_tensor([-1.0, 1.0, 1.0]) - moves[:, 0]
    depth = seen.collision.max_depth
    flag = torch.full_like(depth, float(keypoints_seen))
    distance = frame.centre[:, 2].clamp(min=0.05).log()
    pair = torch.cat([torch.stack([distance, depth / 5e-3, flag], dim=1), relative_move], dim=1)
    return PairCondition(codec.encode(seen.right, seen.left, frame), joints, pair)


def _way_out(seen: SeenPair) -> tuple[Float[Tensor, "b 2 16 3"], Float[Tensor, "b 2 3"]]:
    """Returns how each joint turns and each hand moves when both give way, in standard deviations.

    The step is Polyak's under independent errors of all joints' turns and the hands' places.
    """
    rotvecs = torch.stack([_turns(seen.right), _turns(seen.left)], dim=1)
    gradient = seen.collision.gradient
    turns = turn_gradient(rotvecs, gradient[..., :48].reshape(-1, 2, 16, 3))
    axes = seen.frame.rotmat_pair_camera
    global_turns = turns[:, :, :1] @ axes.mT[:, None]
    turns = mirrored_turns(torch.cat([global_turns, turns[:, :, 1:]], dim=2)) * _TURN_SIGMA
    moves = mirrored_vectors(gradient[..., 48:] @ axes.mT) * _MOVE_SIGMA
    squared = turns.square().sum((1, 2, 3)) + moves.square().sum((1, 2))
    rate = -2 * seen.collision.loss / squared.clamp(min=1e-24)
    return turns * rate[:, None, None, None], moves * rate[:, None, None]


def _turns(hand: HandParameters) -> Float[Tensor, "b 16 3"]:
    return torch.cat([hand.global_orient[:, None], hand.hand_pose], dim=1)
