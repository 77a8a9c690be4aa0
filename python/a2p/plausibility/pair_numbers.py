"""How the diffusion model sees a pair of hands: 215 numbers, and what it is told of the estimate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

ROTATIONS, SHAPES = 16 * 6, 10
NUMBERS = 2 * (ROTATIONS + SHAPES) + 3
"""Of a pair: each hand's 16 rotations in 6D and its betas, and where the left wrist is, seen from the right one (m)."""
JOINT_FEATURES = 13
"""Of each joint: where its bone starts and ends, how sure the end is, how the collision turns and moves it."""
PAIR_FEATURES = 6
"""Of the pair: distance, depth of the collision, size of the way out, whether keypoints were seen."""

PairNumbers = Float[Tensor, "b 215"]


@dataclass(frozen=True)
class PairParts:
    """The 215 numbers by meaning; the hands are the right one and the mirrored left one."""

    rot6d: Float[Tensor, "b 2 16 6"]
    betas: Float[Tensor, "b 2 10"]
    relative: Float[Tensor, "b 3"]
    """The left wrist minus the right wrist in the pair's frame, m."""

    @classmethod
    def of(cls, numbers: PairNumbers) -> PairParts:
        """Returns the parts of pairs."""
        hands = numbers[:, :-3].reshape(-1, 2, ROTATIONS + SHAPES)
        return cls(hands[..., :ROTATIONS].reshape(-1, 2, 16, 6), hands[..., ROTATIONS:], numbers[:, -3:])

    @property
    def numbers(self) -> PairNumbers:
        """The parts as one vector a pair."""
        hands = torch.cat([self.rot6d.flatten(-2), self.betas], dim=-1)
        return torch.cat([hands.flatten(1), self.relative], dim=1)


@dataclass(frozen=True)
class PairCondition:
    """What pairs look like before stage 2."""

    numbers: PairNumbers
    """The estimate X_c."""
    joints: Float[Tensor, "b 2 16 13"]
    pair: Float[Tensor, "b 6"]

    def __getitem__(self, rows: Tensor | slice) -> PairCondition:
        """Returns the conditions of some of the pairs."""
        return PairCondition(self.numbers[rows], self.joints[rows], self.pair[rows])


def swapped_numbers(numbers: PairNumbers) -> PairNumbers:
    """Returns the mirrored pairs: what was the left hand is now the right one."""
    hands = numbers[:, :-3].reshape(-1, 2, ROTATIONS + SHAPES).flip(1).flatten(1)
    return torch.cat([hands, numbers[:, -3:] * numbers.new_tensor([1.0, -1.0, -1.0])], dim=1)


def swapped_condition(condition: PairCondition) -> PairCondition:
    """Returns the conditions of the mirrored pairs."""
    signs = condition.pair.new_tensor([1.0, 1.0, 1.0, 1.0, -1.0, -1.0])
    return PairCondition(swapped_numbers(condition.numbers), condition.joints.flip(1), condition.pair * signs)
