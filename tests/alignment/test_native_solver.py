"""The native least squares against its definition in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from a2p.alignment.hand_chain import HandState
from a2p.alignment.keypoint_fit import KeypointFit
from a2p.alignment.keypoint_observations import KeypointObservations, PairDepths, evidence_of
from a2p.alignment.keypoint_terms import Evidence
from a2p.alignment.levenberg_marquardt import LevenbergMarquardtConfig
from a2p.alignment.native_solver import NativeProblem, NativeSolver
from a2p.alignment.reference_solver import ReferenceProblem, ReferenceSolver
from a2p.alignment.rest_hands import RestHands
from a2p.errors import BackendError, ShapeError
from a2p.hand import HandModel
from a2p.native import core
from tests.alignment.scenes import CAMERA, random_hands, scene_of
from tests.alignment.test_hand_chain import random_state
from tests.tolerances import NATIVE_DESCENT_COST_REL, NATIVE_DESCENT_STATE, NATIVE_FIT_M, NATIVE_LINEARISED_REL

HANDS = 24
EVERYONE = torch.arange(HANDS)
IS_RIGHT = EVERYONE % 3 > 0
SETTINGS = LevenbergMarquardtConfig(max_iterations=12, tolerance=3e-3)


@cache
def models() -> tuple[HandModel, HandModel]:
    return HandModel.load("open").double(), HandModel.load("open", side="left").double()


@cache
def solvers() -> tuple[NativeSolver, ReferenceSolver]:
    right, left = models()
    hands = RestHands(left, right, ("mediapipe", "mediapipe_world"))
    priors = hands.priors(
        pose_slack=0.3, pose_weight=0.4, shape_weight=1.0, size_sigma=0.1, robust_2d=5.0, robust_3d=2.0
    )
    return NativeSolver(hands, priors), ReferenceSolver(hands, priors)


def observations(seed: int = 0) -> KeypointObservations:
    """Returns both sides' hands, with noise, keypoints far off, and keypoints that nobody is sure of."""
    generator = torch.Generator().manual_seed(seed)
    scenes = [scene_of(model, random_hands(model, HANDS, seed=seed), noise_px=4.0).observations for model in models()]
    right, left = scenes
    assert right.keypoints_3d is not None
    assert left.keypoints_3d is not None
    pixels = torch.where(IS_RIGHT[:, None, None], right.keypoints_2d, left.keypoints_2d)
    outlier = torch.rand(HANDS, 21, 1, generator=generator) < 0.05
    return KeypointObservations(
        is_right=IS_RIGHT,
        keypoints_2d=pixels + 150.0 * outlier,
        confidence=torch.rand(HANDS, 21, generator=generator, dtype=torch.float64).round(decimals=1),
        keypoints_3d=torch.where(IS_RIGHT[:, None, None], right.keypoints_3d, left.keypoints_3d),
    )


def evidence(seed: int = 0) -> Evidence:
    """Returns evidence of hands, every fourth of them without relative points."""
    seen = evidence_of(observations(seed), CAMERA, sigma_2d=0.012, sigma_3d_m=0.012)
    return replace(seen, sigma_3d=torch.where(EVERYONE % 4 > 0, seen.sigma_3d, torch.inf))


def problems(seed: int = 0) -> tuple[NativeProblem, ReferenceProblem]:
    native, reference = solvers()
    return native.problem(IS_RIGHT, evidence(seed)), reference.problem(IS_RIGHT, evidence(seed))


def states(seed: int) -> HandState:
    """Returns states in front of the camera, some of their angles and betas at the limits."""
    state = random_state(HANDS, seed)
    return solvers()[1].priors.limited(replace(state, angles=2.0 * state.angles, betas=2.0 * state.betas))


def far_states(seed: int) -> HandState:
    """Returns states whose wrists are at their limits, too, some so near that keypoints lie behind the camera."""
    state = states(seed)
    return solvers()[1].priors.limited(replace(state, root=20.0 * state.root))


def relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """The worst difference, as a share of each hand's largest number."""
    rows, wanted = actual.flatten(1), expected.flatten(1)
    return float(((rows - wanted).abs().amax(1) / wanted.abs().amax(1)).max())


def assert_same_states(actual: HandState, expected: HandState) -> None:
    for name, value in vars(expected).items():
        torch.testing.assert_close(getattr(actual, name), value, rtol=0, atol=NATIVE_DESCENT_STATE)


@pytest.mark.parametrize("isa", core.runnable_isas())
@pytest.mark.parametrize("drawn", [states, far_states])
@pytest.mark.parametrize("seed", range(2))
def test_cost_gradient_and_hessian_are_those_of_the_definition(
    seed: int, drawn: Callable[[int], HandState], isa: str
) -> None:
    native, reference = problems(seed)
    state = drawn(seed)
    try:
        core.set_isa(isa)
        actual = native.linearise(EVERYONE, state)
    finally:
        core.set_isa(None)
    expected = reference.linearise(EVERYONE, state)
    assert relative(actual.cost[:, None], expected.cost[:, None]) < NATIVE_LINEARISED_REL
    assert relative(actual.gradient, expected.gradient) < NATIVE_LINEARISED_REL
    assert relative(actual.hessian, expected.hessian) < NATIVE_LINEARISED_REL


def test_keypoints_and_joints_are_posed_as_defined() -> None:
    native, reference = solvers()
    actual, expected = (solver.posed(IS_RIGHT, states(3)) for solver in (native, reference))
    torch.testing.assert_close(actual.points, expected.points, rtol=0, atol=NATIVE_FIT_M)
    torch.testing.assert_close(actual.joint_rotmats, expected.joint_rotmats, rtol=0, atol=NATIVE_FIT_M)


@pytest.mark.parametrize("seed", range(2))
def test_descents_take_the_steps_of_the_definition(seed: int) -> None:
    native, reference = problems(seed)
    hand = EVERYONE.flip(0)
    actual, expected = (problem.minimise(hand, states(seed), SETTINGS) for problem in (native, reference))
    assert_same_states(actual.state, expected.state)
    assert torch.equal(actual.iterations, expected.iterations)
    assert relative(actual.cost[:, None], expected.cost[:, None]) < NATIVE_DESCENT_COST_REL
    assert expected.iterations.min() < expected.iterations.max()


def test_pairs_take_the_steps_of_the_definition() -> None:
    seed = 1
    native, reference = problems(seed)
    hand = torch.randperm(HANDS, generator=torch.Generator().manual_seed(seed))
    start = states(seed)
    start = replace(start, betas=start.betas[::2].repeat_interleave(2, 0))
    mean, sigma = 0.1 * start.root[: HANDS // 2, 0], 0.05 + start.root[: HANDS // 2, 1].abs()
    actual, expected = (problem.minimise_pairs(hand, start, mean, sigma, SETTINGS) for problem in (native, reference))
    assert_same_states(actual.state, expected.state)
    assert torch.equal(actual.iterations, expected.iterations)
    assert relative(actual.cost[:, None], expected.cost[:, None]) < NATIVE_DESCENT_COST_REL


@pytest.mark.parametrize("with_3d", [True, False])
def test_whole_fits_agree_with_those_of_the_definition(with_3d: bool) -> None:
    right, left = models()
    seen = replace(
        observations(5), pairs=((1, 0), (2, 3)), pair_depths=PairDepths(torch.zeros(2), torch.tensor([0.1, torch.inf]))
    )
    if not with_3d:
        seen = replace(seen, keypoints_3d=None)
    native, reference = (KeypointFit(right, left, backend=name).fit(seen, CAMERA) for name in ("cpu", "reference"))
    torch.testing.assert_close(native.keypoints_3d, reference.keypoints_3d, rtol=0, atol=NATIVE_FIT_M)
    assert relative(native.cost[:, None], reference.cost[:, None]) < NATIVE_DESCENT_COST_REL
    assert native.warnings == reference.warnings


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_does_not_change_a_bit(threads: int) -> None:
    native, _ = problems()
    before = core.thread_count()
    expected = native.minimise(EVERYONE, states(0), SETTINGS)
    try:
        core.set_thread_count(threads)
        actual = native.minimise(EVERYONE, states(0), SETTINGS)
    finally:
        core.set_thread_count(before)
    for name, value in vars(expected.state).items():
        assert torch.equal(getattr(actual.state, name), value)


def test_no_iterations_leave_the_state_and_tell_its_cost() -> None:
    native, _ = problems()
    start = states(1)
    reached = native.minimise(EVERYONE, start, LevenbergMarquardtConfig(max_iterations=0))
    assert torch.equal(reached.state.angles, start.angles)
    assert torch.equal(reached.cost, native.linearise(EVERYONE, start).cost)
    assert (reached.iterations == 0).all()


def test_no_state_gives_no_state() -> None:
    native, _ = problems()
    reached = native.minimise(EVERYONE[:0], states(0)[:0], SETTINGS)
    assert reached.state.angles.shape == (0, 22)
    assert reached.cost.shape == (0,)


def test_tensors_in_any_memory_order_are_taken() -> None:
    native, _ = problems()
    start = states(2)
    turned = replace(start, orient_rotmat=start.orient_rotmat.mT.contiguous().mT, betas=start.betas.mT.contiguous().mT)
    assert not turned.betas.is_contiguous()
    expected, actual = (native.minimise(EVERYONE, given, SETTINGS) for given in (start, turned))
    assert torch.equal(actual.state.angles, expected.state.angles)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma_2d": torch.full((HANDS, 1, 2), -1.0, dtype=torch.float64)}, "sigma_2d must be positive"),
        ({"sigma_3d": torch.full((HANDS,), torch.nan, dtype=torch.float64)}, "sigma_3d must be positive"),
        ({"points_2d": torch.full((HANDS, 21, 2), torch.nan, dtype=torch.float64)}, "points_2d must be finite"),
        ({"points_3d": torch.full((HANDS, 21, 3), 1e31, dtype=torch.float64)}, "points_3d must lie within"),
        ({"confidence": torch.full((HANDS, 21), 1.5, dtype=torch.float64)}, r"confidence must lie in \[0, 1\]"),
    ],
)
def test_evidence_that_makes_no_sense_is_refused(changes: dict[str, torch.Tensor], message: str) -> None:
    problem = solvers()[0].problem(IS_RIGHT, replace(evidence(), **changes))
    with pytest.raises(ShapeError, match=message):
        problem.minimise(EVERYONE, states(0), SETTINGS)


def test_states_and_indices_that_do_not_fit_are_refused() -> None:
    native, _ = problems()
    with pytest.raises(ShapeError, match=r"hand must be indices in \[0, 24\)"):
        native.minimise(EVERYONE + 1, states(0), SETTINGS)
    with pytest.raises(ShapeError, match="hand must have shape"):
        native.minimise(EVERYONE[:3], states(0), SETTINGS)
    with pytest.raises(ShapeError, match="root must lie within 100"):
        native.minimise(EVERYONE, replace(states(0), root=torch.full((HANDS, 3), 200.0).double()), SETTINGS)
    one = torch.ones(1, dtype=torch.float64)
    with pytest.raises(ShapeError, match="state must hold two hands a pair"):
        native.minimise_pairs(EVERYONE[:3], states(0)[:3], one, one, SETTINGS)
    with pytest.raises(ValueError, match="max_iterations must be at least 0"):
        native.native.minimise(
            native.evidence,
            np.arange(HANDS),
            tuple(value.numpy() for value in vars(states(0)).values()),
            max_iterations=-1,
            tolerance=0.0,
            initial_damping=1.0,
        )


def test_a_backend_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BackendError, match="one of cpu, reference"):
        KeypointFit(*models(), backend="quantum")
