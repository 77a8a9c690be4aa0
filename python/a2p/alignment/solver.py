"""What solves the keypoint fit's least squares: the same operations natively and, as their definition, in PyTorch."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.alignment.hand_chain import HandState
from a2p.alignment.keypoint_terms import Evidence
from a2p.alignment.levenberg_marquardt import LevenbergMarquardtConfig, Minimum, Quadratic


class Joints(NamedTuple):
    """Keypoints of two conventions, one after the other, and the finger joints' rotations relative to their parents."""

    points: Float[Tensor, "m 42 3"]
    """m, camera frame."""
    joint_rotmats: Float[Tensor, "m 15 3 3"]


@runtime_checkable
class SolverProblem(Protocol):
    """Evidence of n hands. State i of m is one of the hand `hand[i]`."""

    def linearise(self, hand: Int[Tensor, " m"], state: HandState) -> Quadratic:
        """Returns the cost of each state and its Gauss-Newton model."""

    def minimise(
        self, hand: Int[Tensor, " m"], state: HandState, config: LevenbergMarquardtConfig
    ) -> Minimum[HandState]:
        """Returns the best state that steps from each state reach."""

    def minimise_pairs(
        self,
        hand: Int[Tensor, " two_q"],
        state: HandState,
        depth_mean: Float[Tensor, " q"],
        depth_sigma: Float[Tensor, " q"],
        config: LevenbergMarquardtConfig,
    ) -> Minimum[HandState]:
        """Returns the same for states 2i and 2i + 1 together; they share betas, which must be equal to begin with.

        The wrists' log depths differ, second minus first, by about `depth_mean`. Costs and iterations are one a pair.
        """


@runtime_checkable
class KeypointSolver(Protocol):
    """The hands of both sides with their priors."""

    def posed(self, is_right: Bool[Tensor, " m"], state: HandState) -> Joints:
        """Returns where the keypoints of hands of these sides are."""

    def problem(self, is_right: Bool[Tensor, " n"], evidence: Evidence) -> SolverProblem:
        """Returns the least-squares problem of hands of these sides."""
