"""One pair of hands as the descent sees it: a vector of 102 numbers, what moving it costs and what it penetrates by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.hand import HandPair, HandParameters
from a2p.penetration import FusedPenetration, penetration_depth
from a2p.plausibility.descent import Objective, Penetration
from a2p.plausibility.gate import deepest
from a2p.plausibility.metric import SIZE, HandMetric

Vector = npt.NDArray[np.float64]

_LIMIT_SIGMA = 0.02
"""How hard joint limits are, rad: going past one by this costs as much as one standard deviation."""


@dataclass(frozen=True)
class PairState:
    """Both hands of one pair, float32, without leading dimensions."""

    right: HandParameters
    left: HandParameters

    def moved(self, x: Vector) -> PairState:
        """Returns the pair changed by x: the right hand's 51 numbers, then the left hand's."""
        return PairState(_moved(self.right, x[:SIZE]), _moved(self.left, x[SIZE:]))

    def change_to(self, other: PairState) -> Vector:
        """Returns the x that moves this pair to the other, shapes aside."""
        ends = [np.concatenate([_numbers(state.right), _numbers(state.left)]) for state in (self, other)]
        change: Vector = ends[1] - ends[0]
        return change


def _moved(parameters: HandParameters, x: Vector) -> HandParameters:
    change = torch.from_numpy(x)

    def add(tensor: Tensor, part: Tensor) -> Tensor:
        return (tensor.double() + part.reshape(tensor.shape)).to(tensor.dtype)

    return HandParameters(
        global_orient=add(parameters.global_orient, change[:3]),
        hand_pose=add(parameters.hand_pose, change[3:48]),
        betas=parameters.betas,
        transl=add(parameters.transl, change[48:]),
    )


def _numbers(hand: HandParameters) -> Vector:
    """Returns a hand's 51 numbers as a vector."""
    parts = (hand.global_orient, hand.hand_pose, hand.transl)
    return np.concatenate([part.numpy().ravel() for part in parts]).astype(np.float64)


def objective(step: FusedPenetration, state: PairState, metrics: tuple[HandMetric, HandMetric]) -> Objective:
    """Returns the cost of moving the pair away from `state`, and its penetration."""
    precision = np.zeros((2 * SIZE, 2 * SIZE))
    precision[:SIZE, :SIZE], precision[SIZE:, SIZE:] = (metric.precision.numpy() for metric in metrics)

    def penetration(x: Vector) -> Penetration:
        moved = state.moved(x)
        there = step(moved.right, moved.left)
        gradient = np.concatenate([_numbers(hand) for hand in (there.gradient_right, there.gradient_left)])
        max_depth = max(float(depth.numpy().max()) for depth in (there.depth_right, there.depth_left))
        return Penetration(float(there.loss), gradient, max_depth)

    return Objective(precision, lambda x: _limit_cost(x, metrics), penetration)


def _limit_cost(x: Vector, metrics: tuple[HandMetric, HandMetric]) -> tuple[float, Vector]:
    """Returns the cost of angles beyond their limits, to first order in x, and its gradient."""
    total, gradients = 0.0, []
    for part, metric in zip((x[:SIZE], x[SIZE:]), metrics, strict=True):
        rates = metric.angle_rates.numpy()
        angles = metric.angles.numpy() + rates @ part
        excess = angles - np.clip(angles, metric.lower.numpy(), metric.upper.numpy())
        total += 0.5 * float(excess @ excess) / _LIMIT_SIGMA**2
        gradients.append(rates.T @ excess / _LIMIT_SIGMA**2)
    return total, np.concatenate(gradients)


def translated_depths(
    models: HandPair, state: PairState, translations: Float[np.ndarray, "k 3"]
) -> Float[np.ndarray, " k"]:
    """Returns the deepest penetration (m) after each relative translation, half of it by either hand."""
    with torch.no_grad():
        right, left = models.right(state.right).vertices, models.left(state.left).vertices
        shifts = torch.from_numpy(translations).to(right.dtype)[:, None] / 2
        depth = penetration_depth(right + shifts, left - shifts, models.right.topology, models.left.topology)
    return deepest(depth).double().numpy()
