"""The keypoint fit's least squares in native code, in float64 and CPU memory. Results carry no gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.alignment.hand_chain import HandState
from a2p.alignment.keypoint_terms import Evidence, Priors
from a2p.alignment.levenberg_marquardt import LevenbergMarquardtConfig, Minimum, Quadratic
from a2p.alignment.rest_hands import RestHands
from a2p.alignment.solver import Joints
from a2p.native import core

_Doubles: TypeAlias = npt.NDArray[np.float64]
_Evidence: TypeAlias = tuple[npt.NDArray[np.int64], _Doubles, _Doubles, _Doubles, _Doubles, _Doubles]
_State: TypeAlias = tuple[_Doubles, _Doubles, _Doubles, _Doubles]


class NativeSolver:
    """Hands of two sides and their priors, laid out for the native kernel; see `solver.KeypointSolver`."""

    def __init__(self, hands: RestHands, priors: Priors) -> None:
        chain = hands.both
        self._native = core.KeypointFit(
            bones=_array(chain.bones),
            arms=_array(chain.arms),
            arm_joint=_array(chain.arm_joint),
            axes=_array(chain.axes),
            rest_turns=_array(chain.rest_turns),
            hinges=_array(chain.hinges),
            angle_mean=_array(priors.angle_mean),
            angle_precision=_array(priors.angle_precision),
            angle_lower=_array(priors.angle_lower),
            angle_upper=_array(priors.angle_upper),
            beta_precision=priors.beta_precision,
            size_sigma=priors.size_sigma,
            robust_2d=priors.robust_2d,
            robust_3d=priors.robust_3d,
        )

    def posed(self, is_right: Bool[Tensor, " m"], state: HandState) -> Joints:
        """See `KeypointSolver`."""
        points, _, joint_rotmats = self._native.pose(_array(is_right.long()), _arrays(state))
        return Joints(torch.from_numpy(points), torch.from_numpy(joint_rotmats))

    def problem(self, is_right: Bool[Tensor, " n"], evidence: Evidence) -> NativeProblem:
        """See `KeypointSolver`."""
        return NativeProblem(
            self._native,
            (
                _array(is_right.long()),
                _array(evidence.points_2d),
                _array(evidence.sigma_2d.flatten(1)),
                _array(evidence.points_3d),
                _array(evidence.sigma_3d),
                _array(evidence.confidence),
            ),
        )


@dataclass(frozen=True)
class NativeProblem:
    """See `solver.SolverProblem`."""

    native: core.KeypointFit
    evidence: _Evidence

    def linearise(self, hand: Int[Tensor, " m"], state: HandState) -> Quadratic:
        """See `SolverProblem`."""
        return Quadratic(*map(torch.from_numpy, self.native.linearise(self.evidence, _array(hand), _arrays(state))))

    def minimise(
        self, hand: Int[Tensor, " m"], state: HandState, config: LevenbergMarquardtConfig
    ) -> Minimum[HandState]:
        """See `SolverProblem`."""
        return _minimum(self.native.minimise(self.evidence, _array(hand), _arrays(state), **vars(config)))

    def minimise_pairs(
        self,
        hand: Int[Tensor, " two_q"],
        state: HandState,
        depth_mean: Float[Tensor, " q"],
        depth_sigma: Float[Tensor, " q"],
        config: LevenbergMarquardtConfig,
    ) -> Minimum[HandState]:
        """See `SolverProblem`."""
        depths = _array(depth_mean), _array(depth_sigma)
        return _minimum(
            self.native.minimise_pairs(self.evidence, _array(hand), _arrays(state), *depths, **vars(config))
        )


def _array(tensor: Tensor) -> Any:
    return tensor.detach().contiguous().numpy()


def _arrays(state: HandState) -> _State:
    return _array(state.orient_rotmat), _array(state.root), _array(state.angles), _array(state.betas)


def _minimum(reached: tuple[_State, _Doubles, npt.NDArray[np.int32]]) -> Minimum[HandState]:
    arrays, cost, iterations = reached
    state = HandState(*map(torch.from_numpy, arrays))
    return Minimum(state, torch.from_numpy(cost), torch.from_numpy(iterations))
