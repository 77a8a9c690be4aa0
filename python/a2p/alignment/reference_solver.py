"""The keypoint fit's least squares in PyTorch: the definition that `native_solver` is checked against."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.alignment.hand_chain import HandState
from a2p.alignment.hand_pair import PairProblem
from a2p.alignment.keypoint_terms import Evidence, KeypointProblem, Priors
from a2p.alignment.levenberg_marquardt import LevenbergMarquardtConfig, Minimum, Quadratic, minimise
from a2p.alignment.rest_hands import RestHands
from a2p.alignment.solver import Joints


@dataclass(frozen=True)
class ReferenceSolver:
    """Hands of two sides and their priors; see `solver.KeypointSolver`."""

    hands: RestHands
    priors: Priors

    def posed(self, is_right: Bool[Tensor, " m"], state: HandState) -> Joints:
        """See `KeypointSolver`."""
        posed = self.hands.chain(is_right).pose(state)
        return Joints(posed.points, posed.joint_rotmats)

    def problem(self, is_right: Bool[Tensor, " n"], evidence: Evidence) -> ReferenceProblem:
        """See `KeypointSolver`."""
        return ReferenceProblem(KeypointProblem(self.hands.chain(is_right), evidence, self.priors))


@dataclass(frozen=True)
class ReferenceProblem:
    """See `solver.SolverProblem`."""

    hands: KeypointProblem

    def linearise(self, hand: Int[Tensor, " m"], state: HandState) -> Quadratic:
        """See `SolverProblem`."""
        return self.hands[hand].linearise(state)

    def minimise(
        self, hand: Int[Tensor, " m"], state: HandState, config: LevenbergMarquardtConfig
    ) -> Minimum[HandState]:
        """See `SolverProblem`."""
        return minimise(self.hands[hand], state, config)

    def minimise_pairs(
        self,
        hand: Int[Tensor, " two_q"],
        state: HandState,
        depth_mean: Float[Tensor, " q"],
        depth_sigma: Float[Tensor, " q"],
        config: LevenbergMarquardtConfig,
    ) -> Minimum[HandState]:
        """See `SolverProblem`."""
        return minimise(PairProblem(self.hands[hand], depth_sigma, depth_mean), state, config)
