"""Two hands of one person: one shape for both, and depths that are likely of hands that reach as far, or were told."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.alignment.hand_chain import FIRST_ANGLE, HandState
from a2p.alignment.keypoint_terms import KeypointProblem
from a2p.alignment.levenberg_marquardt import Quadratic

_SHAPES = 10
_LOG_DEPTH = 5


@dataclass(frozen=True)
class PairProblem:
    """The least-squares problem of m pairs. Its columns: the first hand's own, the second's own, the shared betas.

    A state holds 2 m hands, the two of a pair one after the other, with equal betas.
    """

    hands: KeypointProblem
    depth_sigma: Float[Tensor, " m"]
    """Standard deviation of the difference of the wrists' log depths, second minus first."""
    depth_mean: Float[Tensor, " m"]
    """What that difference is expected to be."""

    def linearise(self, state: HandState) -> Quadratic:
        """Returns the cost of the pairs and its Gauss-Newton model about a state."""
        each = self.hands.linearise(state)
        own = FIRST_ANGLE + state.angles.shape[1]
        pairs = len(state.angles) // 2
        gradient = each.gradient.reshape(pairs, 2, -1)
        hessian = each.hessian.reshape(pairs, 2, own + _SHAPES, own + _SHAPES)
        joint_gradient = torch.cat([gradient[:, 0, :own], gradient[:, 1, :own], gradient[:, :, own:].sum(1)], dim=1)
        joint = hessian.new_zeros(pairs, 2 * own + _SHAPES, 2 * own + _SHAPES)
        for hand, start in enumerate((0, own)):
            columns = slice(start, start + own)
            joint[:, columns, columns] = hessian[:, hand, :own, :own]
            joint[:, columns, 2 * own :] = hessian[:, hand, :own, own:]
            joint[:, 2 * own :, columns] = hessian[:, hand, own:, :own]
        joint[:, 2 * own :, 2 * own :] = hessian[:, :, own:, own:].sum(1)
        cost = each.cost.reshape(pairs, 2).sum(1)
        cost = cost - self._count_shape_once(state, joint_gradient, joint)
        cost = cost + self._tie_depths(state, own, joint_gradient, joint)
        return Quadratic(cost, joint_gradient, joint)

    def moved(self, state: HandState, delta: Float[Tensor, "m p"]) -> HandState:
        """Returns the state after a step, inside its limits."""
        return self.hands.moved(state, self._each(delta))

    def held(self, state: HandState, gradient: Float[Tensor, "m p"]) -> Bool[Tensor, "m p"]:
        """Returns which unknowns lie at a limit that the cost pushes them against."""
        own = FIRST_ANGLE + state.angles.shape[1]
        held = self.hands.held(state, self._each(gradient)).reshape(len(gradient), 2, -1)
        return torch.cat([held[:, 0, :own], held[:, 1, :own], held[:, 0, own:]], dim=1)

    def _each(self, joint: Float[Tensor, "m p"]) -> Float[Tensor, "two_m q"]:
        own = (joint.shape[1] - _SHAPES) // 2
        shape = joint[:, 2 * own :]
        hands = torch.stack([joint[:, :own], joint[:, own : 2 * own]], dim=1)
        return torch.cat([hands, shape[:, None].expand(-1, 2, -1)], dim=2).flatten(0, 1)

    def _count_shape_once(
        self, state: HandState, gradient: Float[Tensor, "m p"], hessian: Float[Tensor, "m p p"]
    ) -> Float[Tensor, " m"]:
        """Takes the second hand's shape prior out again, in place, and returns its cost."""
        precision = self.hands.priors.beta_precision
        betas = state.betas[::2]
        gradient[:, -_SHAPES:] -= precision * betas
        hessian[:, range(-_SHAPES, 0), range(-_SHAPES, 0)] -= precision
        return 0.5 * precision * betas.square().sum(1)

    def _tie_depths(
        self, state: HandState, own: int, gradient: Float[Tensor, "m p"], hessian: Float[Tensor, "m p p"]
    ) -> Float[Tensor, " m"]:
        """Adds the relative depth's prior in place and returns its cost."""
        difference = state.root[1::2, 2] - state.root[::2, 2] - self.depth_mean
        precision = self.depth_sigma**-2
        first, second = _LOG_DEPTH, own + _LOG_DEPTH
        gradient[:, first] -= precision * difference
        gradient[:, second] += precision * difference
        hessian[:, first, first] += precision
        hessian[:, second, second] += precision
        hessian[:, first, second] -= precision
        hessian[:, second, first] -= precision
        return 0.5 * precision * difference.square()
