"""How one pair of hands differs from another: to be filtered over time, and made to other pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.hand import HandParameters
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat
from a2p.tracking.one_euro import OneEuro, RotationFilter, VectorFilter

_TURNS = 32
"""Rotations of a pair: each hand's orientation and its 15 joints."""


@dataclass(frozen=True)
class PairChange:
    """What is done to both hands' numbers, float64."""

    turns: Float[Tensor, "32 3 3"]
    """Rotations that follow the hands' own, each in the frame that its rotation turns in."""
    betas: Float[Tensor, "2 10"]
    moves: Float[Tensor, "2 3"]
    """Of `transl`, m."""

    @classmethod
    def none(cls) -> PairChange:
        """Returns the change that leaves all as it is."""
        turns = torch.eye(3, dtype=torch.float64).expand(_TURNS, 3, 3)
        return cls(turns, torch.zeros(2, 10, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64))

    @property
    def turn(self) -> float:
        """The largest angle that it turns anything by, rad."""
        return float(rotvec_from_rotmat(self.turns).norm(dim=-1).max())

    @property
    def move(self) -> float:
        """The longest way that it moves a hand, m."""
        return float(self.moves.norm(dim=-1).max())


@dataclass(frozen=True)
class PairPose:
    """Both hands' numbers, rotations as matrices, float64."""

    rotmats: Float[Tensor, "32 3 3"]
    betas: Float[Tensor, "2 10"]
    transl: Float[Tensor, "2 3"]

    @classmethod
    def of(cls, right: HandParameters, left: HandParameters) -> PairPose:
        """Returns the pose of one pair without leading dimensions."""
        both = [hand.to(dtype=torch.float64) for hand in (right, left)]
        turns = torch.cat([torch.cat([hand.global_orient[None], hand.hand_pose]) for hand in both])
        betas, transl = (torch.stack([getattr(hand, name) for hand in both]) for name in ("betas", "transl"))
        return cls(rotmat_from_rotvec(turns), betas, transl)

    def since(self, other: PairPose) -> PairChange:
        """Returns the change that makes `other` this pose."""
        return PairChange(self.rotmats @ other.rotmats.mT, self.betas - other.betas, self.transl - other.transl)

    def changed(self, change: PairChange) -> PairPose:
        """Returns the pose after a change."""
        return PairPose(change.turns @ self.rotmats, self.betas + change.betas, self.transl + change.moves)

    def parameters(self) -> tuple[HandParameters, HandParameters]:
        """Returns the right and the left hand, float32."""
        turns = rotvec_from_rotmat(self.rotmats).reshape(2, 16, 3)
        hands = HandParameters(turns[:, 0], turns[:, 1:], self.betas, self.transl).to(dtype=torch.float32)
        return hands[0], hands[1]


class PairChangeFilter:
    """Smooths changes over time; the first comes back as it is."""

    def __init__(self, config: OneEuro) -> None:
        self._turns = RotationFilter(config)
        self._betas = VectorFilter(config)
        self._moves = VectorFilter(config)

    def __call__(self, change: PairChange, dt_s: float) -> PairChange:
        """Returns the filtered change, `dt_s` after the last."""
        return PairChange(
            self._turns(change.turns, dt_s), self._betas(change.betas, dt_s), self._moves(change.moves, dt_s)
        )
