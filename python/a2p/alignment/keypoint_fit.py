"""Hands fitted to keypoints: the pose, shape and place that explain 21 points seen in the image.

Stage 1 without a network, and its partner with one. Damped least squares with analytic derivatives, in native code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.hand_chain import HandState
from a2p.alignment.keypoint_observations import KeypointObservations, PairDepths, diagonals, evidence_of
from a2p.alignment.keypoint_terms import KEYPOINTS, LEAST_DEPTH, Evidence, robust
from a2p.alignment.levenberg_marquardt import LevenbergMarquardtConfig, Minimum
from a2p.alignment.native_solver import NativeSolver
from a2p.alignment.reference_solver import ReferenceSolver
from a2p.alignment.rest_hands import RestHands
from a2p.alignment.solver import SolverProblem
from a2p.alignment.starts import resting, starts
from a2p.camera import Camera
from a2p.errors import BackendError, ConfigError
from a2p.hand.model import HandModel
from a2p.hand.parameters import HandParameters

_SOLVERS: dict[str, type[NativeSolver] | type[ReferenceSolver]] = {"cpu": NativeSolver, "reference": ReferenceSolver}
_MOST_APART = 0.5
"""Half of the way in depth between two wrists is at most this share of their mean depth."""


@dataclass(frozen=True, kw_only=True)
class KeypointFitConfig:
    """How much the fit trusts each kind of evidence."""

    sigma_2d: float = 0.012
    """Standard deviation of a sure keypoint in the image, as a share of the hand's diagonal there."""
    sigma_3d_m: float = 0.012
    """Standard deviation of the landmark model's relative 3D points."""
    robust_2d: float = 5.0
    """Image distances beyond this many standard deviations count as outliers."""
    robust_3d: float = 3.0
    """The same for the relative 3D points."""
    size_sigma: float = 0.2
    """Standard deviation of the relative 3D points' scale, as a share."""
    pose_prior: float = 0.4
    """Weight of the pose prior."""
    pose_slack: float = 0.3
    """Standard deviation (rad) that every angle has beside the prior's synergies."""
    shape_prior: float = 1.0
    """Weight of the shape prior. Shape and distance explain each other: this settles what the image cannot."""
    pair_depth_sigma: float = 0.15
    """Standard deviation of the difference in log depth between a person's hands that touch in the image. It grows
    with their distance."""
    start_iterations: int = 10
    """Steps from each start before the best is chosen."""
    pair_iterations: int = 6
    """Steps of both hands together."""
    solver: LevenbergMarquardtConfig = field(default_factory=lambda: LevenbergMarquardtConfig(tolerance=3e-3))

    def __post_init__(self) -> None:
        for name in ("sigma_2d", "sigma_3d_m", "robust_2d", "robust_3d", "size_sigma", "pair_depth_sigma"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive; got {getattr(self, name)}. A large value trusts less.")
        for name in ("pose_prior", "shape_prior", "start_iterations", "pair_iterations"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be at least 0; got {getattr(self, name)}. Zero switches it off.")


@dataclass(frozen=True)
class KeypointFitResult:
    """The fitted hands, in the order of the observations."""

    parameters: HandParameters
    """Each in the convention of its own side's model."""
    keypoints_3d: Float[Tensor, "n 21 3"]
    """m, camera frame, in the fit's keypoint convention."""
    keypoints_2d: Float[Tensor, "n 21 2"]
    """The same, projected; px."""
    reprojection_px: Float[Tensor, "n 21"]
    """Distance from each projected to each seen keypoint."""
    reprojection_share: Float[Tensor, " n"]
    """The mean distance as a share of the seen keypoints' bounding box's diagonal."""
    confidence: Float[Tensor, " n"]
    """In [0, 1]: the mean over keypoints of how sure the detector was times how well the fit agrees."""
    cost: Float[Tensor, " n"]
    """Half the sum of squared residuals, in standard deviations."""
    warnings: tuple[str, ...]
    state: HandState
    """Where a fit to the next frame may start."""


class KeypointFit:
    """Fits hands to keypoints of one convention. Deterministic; every finite observation gives finite hands.

    Results carry no gradient.
    """

    def __init__(
        self,
        right_model: HandModel,
        left_model: HandModel,
        *,
        convention: str = "mediapipe",
        convention_3d: str = "mediapipe_world",
        config: KeypointFitConfig | None = None,
        backend: str = "cpu",
    ) -> None:
        """`convention` is that of the image keypoints, `convention_3d` that of the relative 3D points.

        `backend` solves: "cpu" natively, "reference" by its definition in PyTorch, some ten times slower.
        """
        if backend not in _SOLVERS:
            raise BackendError(f"backend must be one of {', '.join(_SOLVERS)}; got {backend!r}. 'cpu' is the fast one.")
        self.config = config or KeypointFitConfig()
        self.convention = convention
        self._hands = RestHands(left_model, right_model, (convention, convention_3d))
        self._priors = self._hands.priors(
            pose_slack=self.config.pose_slack,
            pose_weight=self.config.pose_prior,
            shape_weight=self.config.shape_prior,
            size_sigma=self.config.size_sigma,
            robust_2d=self.config.robust_2d,
            robust_3d=self.config.robust_3d,
        )
        self._solver = _SOLVERS[backend](self._hands, self._priors)
        sides = torch.tensor([False, True])
        self._rest_points = self._solver.posed(sides, resting(self._priors.angle_mean, 2)).points

    def fit(
        self,
        observations: KeypointObservations,
        camera: Camera,
        *,
        start: HandState | None = None,
        guess: HandState | None = None,
    ) -> KeypointFitResult:
        """Returns the hands that explain the observations best, as seen by `camera`.

        `start` is the state of the same hands in the frame before; the search then begins there and nowhere else.
        `guess` is a state to begin from beside the usual ones, such as a network's.
        """
        if not len(observations.is_right):
            nothing = torch.zeros(0, dtype=torch.float64)
            return self._result(observations, camera, Minimum(self._hands.none(), nothing, nothing.int()))
        config = self.config
        evidence = evidence_of(observations, camera, sigma_2d=config.sigma_2d, sigma_3d_m=config.sigma_3d_m)
        problem = self._solver.problem(observations.is_right, evidence)
        everyone = torch.arange(len(observations.is_right))
        if start is None:
            start = self._best_start(problem, evidence, observations, guess)
        minimum = problem.minimise(everyone, start, config.solver)
        if observations.pairs:
            state = self._fit_pairs(problem, minimum.state, evidence, observations)
            minimum = problem.minimise(everyone, state, replace(config.solver, max_iterations=0))
        return self._result(observations, camera, minimum)

    def _best_start(
        self, problem: SolverProblem, evidence: Evidence, observations: KeypointObservations, guess: HandState | None
    ) -> HandState:
        """Returns where some steps lead to from each hand's best start."""
        count, is_right = len(observations.is_right), observations.is_right.long()
        rest = resting(self._priors.angle_mean, count)
        has_3d = observations.keypoints_3d is not None
        options = starts(rest, self._rest_points[is_right], evidence, has_3d=has_3d)
        if guess is not None:
            options = HandState.joined([options, self._priors.limited(guess)])
        index = torch.arange(len(options.angles)) % count
        start_config = replace(self.config.solver, max_iterations=self.config.start_iterations)
        tried = problem.minimise(index, options, start_config)
        best = tried.cost.reshape(-1, count).argmin(0)
        return tried.state[best * count + index[:count]]

    def _fit_pairs(
        self, problem: SolverProblem, state: HandState, evidence: Evidence, observations: KeypointObservations
    ) -> HandState:
        """Returns the state after the hands of each person were refined together."""
        index = torch.tensor(observations.pairs).flatten()
        paired = state[index]
        shape = paired.betas.reshape(-1, 2, 10).mean(1)
        paired = replace(paired, betas=shape.repeat_interleave(2, 0))
        config = replace(self.config.solver, max_iterations=self.config.pair_iterations)
        sigma = self._pair_depth_sigma(evidence[index])
        mean = torch.zeros_like(sigma)
        if observations.pair_depths is not None:
            mean, sigma = _told_depths(paired, observations.pair_depths, sigma)
        return state.replaced(index, problem.minimise_pairs(index, paired, mean, sigma, config).state)

    def _pair_depth_sigma(self, evidence: Evidence) -> Float[Tensor, " m"]:
        """Returns how far in log depth a person's hands may lie apart: more, the farther apart in the image."""
        centres = evidence.points_2d.mean(1)
        sizes = evidence.sigma_2d.mean((1, 2)) / self.config.sigma_2d
        distance: Tensor = torch.linalg.vector_norm(centres[1::2] - centres[::2], dim=1)
        hands_apart = distance / torch.maximum(sizes[1::2], sizes[::2])
        return self.config.pair_depth_sigma * (1.0 + hands_apart)

    def _result(
        self, observations: KeypointObservations, camera: Camera, minimum: Minimum[HandState]
    ) -> KeypointFitResult:
        state = minimum.state
        joints = self._solver.posed(observations.is_right, state)
        points = joints.points[:, :KEYPOINTS]
        seen = observations.keypoints_2d.to(points)
        projected = camera.project(torch.cat([points[..., :2], points[..., 2:].clamp(min=LEAST_DEPTH)], dim=-1))
        distance = torch.linalg.vector_norm(projected - seen, dim=-1)
        share = distance / diagonals(seen)[:, None]
        _, agreement = robust((share / self.config.sigma_2d).square(), self.config.robust_2d)
        confidence = (agreement.sqrt() * observations.confidence.to(points)).mean(1)
        dtype = observations.keypoints_2d.dtype
        return KeypointFitResult(
            parameters=self._hands.parameters(state, joints.joint_rotmats, observations.is_right).to(dtype=dtype),
            keypoints_3d=points.to(dtype),
            keypoints_2d=projected.to(dtype),
            reprojection_px=distance.to(dtype),
            reprojection_share=share.mean(1).to(dtype),
            confidence=confidence.to(dtype),
            cost=minimum.cost.to(dtype),
            warnings=_warnings(share.mean(1), observations.confidence),
            state=state,
        )


def _told_depths(
    paired: HandState, told: PairDepths, sigma: Float[Tensor, " m"]
) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Returns mean and standard deviation of the wrists' difference in log depth, from the prior and what was told.

    Two Gaussians multiply. Lengths become differences of logarithms at the mean depth that was found.
    """
    depth = paired.root[:, 2].exp().reshape(-1, 2).mean(1)
    half = 0.5 * told.second_minus_first_m.to(depth)
    half = torch.minimum(torch.maximum(half, -_MOST_APART * depth), _MOST_APART * depth)
    told_mean = (depth + half).log() - (depth - half).log()
    told_precision = (depth / told.sigma_m.to(depth)).square()
    precision = sigma**-2 + told_precision
    return told_mean * told_precision / precision, precision**-0.5


def _warnings(share: Float[Tensor, " n"], confidence: Float[Tensor, "n 21"]) -> tuple[str, ...]:
    """Returns what a caller should know of hands that were fitted badly or from little."""
    messages = []
    for hand in range(len(share)):
        sure = int((confidence[hand] > 0.05).sum())
        if sure < 6:
            messages.append(f"hand {hand}: only {sure} of 21 keypoints are sure; its pose is mostly a usual one.")
        elif float(share[hand]) > 0.03:
            messages.append(
                f"hand {hand}: the fitted keypoints lie {100 * float(share[hand]):.1f} % of the hand's size from the "
                "detected ones on average; no usual hand looks like them."
            )
    return tuple(messages)
