from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

from a2p.alignment.keypoint_fit import KeypointFit, KeypointFitConfig
from a2p.alignment.keypoint_observations import KeypointObservations, PairDepths
from a2p.errors import ConfigError, HandModelError, ShapeError
from a2p.hand import HandModel, HandParameters, PosedHand
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.hand_data import Side
from tests.alignment.scenes import CAMERA, random_hands, scene_of
from tests.tolerances import FIT_EXACT_PX, TOLD_DEPTH_M

FAITHFUL = KeypointFitConfig(pose_prior=1e-6, shape_prior=1e-3, robust_2d=1e3, robust_3d=1e3)
"""Believes the keypoints, as exact ones deserve."""


@cache
def hand(side: Side) -> HandModel:
    return HandModel.load("open", side=side).double()


@cache
def fitter(config: KeypointFitConfig | None = None) -> KeypointFit:
    return KeypointFit(hand("right"), hand("left"), config=config)


def joint_error(fitted: PosedHand, truth: PosedHand) -> Tensor:
    """Mean distance of the joints about the wrist, m."""
    ours, theirs = (posed.joints - posed.joints[:, :1] for posed in (fitted, truth))
    return torch.linalg.vector_norm(ours - theirs, dim=-1).mean(1)


@pytest.mark.parametrize("side", ["right", "left"])
def test_exact_keypoints_give_the_hand_back(side: Side) -> None:
    scene = scene_of(hand(side), random_hands(hand(side), 24, seed=0))
    result = fitter(FAITHFUL).fit(scene.observations, CAMERA)
    error = joint_error(hand(side)(result.parameters), scene.posed)
    assert result.reprojection_px.mean(1).quantile(0.95) < FIT_EXACT_PX
    assert error.median() < 0.5e-3
    assert error.quantile(0.9) < 2e-3
    depth = hand(side)(result.parameters).joints[:, 0, 2] - scene.posed.joints[:, 0, 2]
    assert depth.abs().median() < 3e-3


def test_noise_of_three_pixels_moves_the_joints_by_millimetres() -> None:
    model = hand("right")
    scene = scene_of(model, random_hands(model, 24, seed=1), noise_px=3.0)
    result = fitter().fit(scene.observations, CAMERA)
    error = joint_error(model(result.parameters), scene.posed)
    assert error.median() < 8e-3
    assert error.max() < 25e-3


def test_without_relative_depths_most_hands_are_still_right() -> None:
    model = hand("right")
    scene = scene_of(model, random_hands(model, 24, seed=2), with_3d=False)
    result = fitter().fit(scene.observations, CAMERA)
    assert joint_error(model(result.parameters), scene.posed).quantile(0.75) < 10e-3


def test_one_keypoint_far_off_hardly_moves_the_hand() -> None:
    model = hand("right")
    scene = scene_of(model, random_hands(model, 16, seed=3))
    spoiled = scene.observations.keypoints_2d.clone()
    spoiled[:, 8] += torch.tensor([120.0, -90.0])
    clean = fitter().fit(scene.observations, CAMERA)
    result = fitter().fit(replace(scene.observations, keypoints_2d=spoiled), CAMERA)
    others = [k for k in range(21) if k not in (5, 6, 7, 8)]
    shift = torch.linalg.vector_norm(result.keypoints_2d - clean.keypoints_2d, dim=-1)[:, others]
    assert shift.mean() < 3.0
    assert (result.confidence < clean.confidence).all()


def test_a_keypoint_without_confidence_counts_for_nothing() -> None:
    model = hand("right")
    scene = scene_of(model, random_hands(model, 4, seed=4))
    spoiled, confidence = scene.observations.keypoints_2d.clone(), scene.observations.confidence.clone()
    confidence[:, 12] = 0.0
    silent = fitter().fit(replace(scene.observations, confidence=confidence), CAMERA)
    spoiled[:, 12] += torch.tensor([0.5, -0.5])
    spoiled_too = fitter().fit(replace(scene.observations, confidence=confidence, keypoints_2d=spoiled), CAMERA)
    shift = torch.linalg.vector_norm(silent.keypoints_2d - spoiled_too.keypoints_2d, dim=-1)
    assert shift.max() < 0.1


def test_every_angle_of_a_fit_lies_within_its_limits() -> None:
    model = hand("left")
    anatomy = HandAnatomy.from_rest_joints(model.J_template, side="left")
    scene = scene_of(model, random_hands(model, 16, seed=5), noise_px=12.0)
    angles = anatomy.angles(fitter().fit(scene.observations, CAMERA).parameters.hand_pose)
    torch.testing.assert_close(angles, anatomy.clamp(angles), rtol=0, atol=1e-6)


def test_a_hand_of_a_batch_is_fitted_as_if_it_were_alone() -> None:
    model = hand("right")
    observations = scene_of(model, random_hands(model, 5, seed=6), noise_px=2.0).observations
    together = fitter().fit(observations, CAMERA)
    for k in range(5):
        alone = fitter().fit(hands_at(observations, [k]), CAMERA)
        torch.testing.assert_close(alone.keypoints_3d[0], together.keypoints_3d[k], rtol=0, atol=1e-4)


def test_the_same_keypoints_give_the_same_bits() -> None:
    observations = scene_of(hand("right"), random_hands(hand("right"), 3, seed=7), noise_px=2.0).observations
    first, second = (fitter().fit(observations, CAMERA) for _ in range(2))
    for name, value in vars(first.parameters).items():
        assert torch.equal(value, getattr(second.parameters, name))


def test_a_mirrored_picture_of_a_right_hand_is_a_left_hand() -> None:
    right = scene_of(hand("right"), random_hands(hand("right"), 6, seed=8), noise_px=1.0).observations
    assert right.keypoints_3d is not None
    flipped = right.keypoints_2d * torch.tensor([-1.0, 1.0]) + torch.tensor([2 * CAMERA.cx, 0.0])
    left = KeypointObservations(
        is_right=~right.is_right,
        keypoints_2d=flipped,
        confidence=right.confidence,
        keypoints_3d=right.keypoints_3d * torch.tensor([-1.0, 1.0, 1.0]),
    )
    expected, actual = fitter().fit(right, CAMERA), fitter().fit(left, CAMERA)
    mirrored = expected.keypoints_3d * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(actual.keypoints_3d, mirrored, rtol=0, atol=1e-5)


def test_a_persons_two_hands_get_one_shape_and_stay_on_their_keypoints() -> None:
    observations = two_hands()
    apart = fitter().fit(observations, CAMERA)
    result = fitter().fit(replace(observations, pairs=((1, 0),)), CAMERA)
    assert torch.equal(result.parameters.betas[0], result.parameters.betas[1])
    assert not torch.equal(apart.parameters.betas[0], apart.parameters.betas[1])
    assert (result.reprojection_px.mean(1) < apart.reprojection_px.mean(1) + 0.5).all()


def test_one_shape_for_both_hands_brings_their_distances_together() -> None:
    errors = {}
    for pairs in ((), ((1, 0),)):
        differences = []
        for seed in range(4):
            result = fitter().fit(replace(two_hands(seed), pairs=pairs), CAMERA)
            wrists = result.keypoints_3d[:, 0, 2]
            differences.append(wrists[0] - wrists[1])
        errors[pairs] = torch.stack(differences).abs().mean()
    assert errors[(1, 0),] < errors[()]


@pytest.mark.parametrize("told_m", [-0.1, 0.0, 0.05])
def test_wrists_come_to_lie_as_far_apart_in_depth_as_was_told(told_m: float) -> None:
    observations = replace(two_hands(), pairs=((1, 0),))
    told = PairDepths(torch.tensor([told_m]), torch.tensor([1e-4]))
    result = fitter().fit(replace(observations, pair_depths=told), CAMERA)
    way = result.keypoints_3d[0, 0, 2] - result.keypoints_3d[1, 0, 2]
    assert float(way) == pytest.approx(told_m, abs=TOLD_DEPTH_M)


def test_a_hand_that_was_hardly_seen_lies_where_was_told_however_small_it_seems() -> None:
    seen = two_hands()
    pixels, confidence = seen.keypoints_2d.clone(), seen.confidence.clone()
    pixels[1] = pixels[1].mean(0) + 0.4 * (pixels[1] - pixels[1].mean(0))
    confidence[1] = 0.02
    hidden = replace(seen, keypoints_2d=pixels, confidence=confidence, pairs=((1, 0),))
    told = replace(hidden, pair_depths=PairDepths(torch.tensor([0.0]), torch.tensor([0.03])))
    ways = [
        abs(float(points[0, 0, 2] - points[1, 0, 2]))
        for points in (fitter().fit(given, CAMERA).keypoints_3d for given in (hidden, told))
    ]
    assert ways[0] > 0.2
    assert ways[1] < 0.06


def test_what_is_told_without_any_certainty_changes_nothing() -> None:
    observations = replace(two_hands(), pairs=((1, 0),))
    unknown = replace(observations, pair_depths=PairDepths(torch.tensor([0.3]), torch.tensor([torch.inf])))
    plain, told = (fitter().fit(given, CAMERA).keypoints_3d for given in (observations, unknown))
    torch.testing.assert_close(told, plain, rtol=0, atol=1e-9)


def two_hands(seed: int = 0) -> KeypointObservations:
    """Returns a left and a right hand side by side, equally far, of one shape."""
    scenes = []
    for side in ("left", "right"):
        parameters = random_hands(hand(side), 1, seed=20 + seed)
        place = torch.tensor([[0.12 if side == "left" else -0.12, 0.0, 0.6]], dtype=torch.float64)
        parameters = HandParameters(**{**vars(parameters), "transl": place})
        scenes.append(scene_of(hand(side), parameters, noise_px=3.0, seed=seed).observations)
    left, right = scenes
    assert left.keypoints_3d is not None
    assert right.keypoints_3d is not None
    return KeypointObservations(
        is_right=torch.cat([left.is_right, right.is_right]),
        keypoints_2d=torch.cat([left.keypoints_2d, right.keypoints_2d]),
        confidence=torch.cat([left.confidence, right.confidence]),
        keypoints_3d=torch.cat([left.keypoints_3d, right.keypoints_3d]),
    )


def hands_at(observations: KeypointObservations, index: list[int]) -> KeypointObservations:
    points = observations.keypoints_3d
    return KeypointObservations(
        is_right=observations.is_right[index],
        keypoints_2d=observations.keypoints_2d[index],
        confidence=observations.confidence[index],
        keypoints_3d=None if points is None else points[index],
    )


DEGENERATE = {
    "all keypoints at one place": lambda o: replace(o, keypoints_2d=o.keypoints_2d[:, :1].expand(-1, 21, -1).clone()),
    "all keypoints on one line": lambda o: replace(o, keypoints_2d=o.keypoints_2d * torch.tensor([1.0, 0.0])),
    "no confidence": lambda o: replace(o, confidence=torch.zeros_like(o.confidence)),
    "flat relative points": lambda o: replace(
        o, keypoints_3d=torch.zeros_like(o.keypoints_2d.repeat(1, 1, 2)[..., :3])
    ),
    "far outside the image": lambda o: replace(o, keypoints_2d=o.keypoints_2d + 9e5),
    "huge relative points": lambda o: replace(o, keypoints_3d=1e6 * torch.ones_like(o.keypoints_2d[..., [0, 0, 0]])),
    "random points": lambda o: replace(o, keypoints_2d=1e4 * torch.sin(1e3 * o.keypoints_2d)),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_finite_keypoints_give_a_finite_hand(name: str) -> None:
    observations = scene_of(hand("right"), random_hands(hand("right"), 2, seed=9)).observations
    result = fitter().fit(DEGENERATE[name](observations), CAMERA)
    for value in (*vars(result.parameters).values(), result.keypoints_3d, result.keypoints_2d, result.cost):
        assert torch.isfinite(value).all()
    assert ((result.confidence >= 0) & (result.confidence <= 1)).all()


def test_unsure_and_unlikely_hands_come_with_a_warning() -> None:
    scene = scene_of(hand("right"), random_hands(hand("right"), 1, seed=10))
    unsure = replace(scene.observations, confidence=torch.full((1, 21), 0.01, dtype=torch.float64))
    assert "only 0 of 21 keypoints" in fitter().fit(unsure, CAMERA).warnings[0]
    unlikely = DEGENERATE["random points"](scene.observations)
    assert "no usual hand looks like them" in fitter().fit(unlikely, CAMERA).warnings[0]
    assert fitter().fit(scene.observations, CAMERA).warnings == ()


def test_no_hands_give_an_empty_result() -> None:
    observations = hands_at(scene_of(hand("right"), random_hands(hand("right"), 1, seed=0)).observations, [])
    result = fitter().fit(observations, CAMERA)
    assert result.parameters.hand_pose.shape == (0, 15, 3)
    assert result.keypoints_3d.shape == (0, 21, 3)


def test_parameters_of_a_model_with_a_mean_pose_are_relative_to_it() -> None:
    right, left = HandModel.load("open").double(), HandModel.load("open", side="left").double()
    for model in (right, left):
        model.flat_hand_mean = False
        model.hands_mean = model.hands_mean + 0.1
    scene = scene_of(right, random_hands(right, 4, seed=11, mean_pose=right.hands_mean))
    result = KeypointFit(right, left, config=FAITHFUL).fit(scene.observations, CAMERA)
    assert joint_error(right(result.parameters), scene.posed).median() < 1e-3


def test_models_and_observations_that_do_not_fit_are_refused() -> None:
    with pytest.raises(HandModelError, match="left_model must be a model of the left hand"):
        KeypointFit(hand("right"), hand("right"))
    good = scene_of(hand("right"), random_hands(hand("right"), 2, seed=12)).observations
    with pytest.raises(ShapeError, match="keypoints_2d must be finite"):
        replace(good, keypoints_2d=good.keypoints_2d * torch.nan)
    with pytest.raises(ShapeError, match="within 1e"):
        replace(good, keypoints_2d=good.keypoints_2d + 1e7)
    with pytest.raises(ShapeError, match=r"keypoints_3d must lie within 1e\+09 m"):
        replace(good, keypoints_3d=torch.full((2, 21, 3), 1e10, dtype=torch.float64))
    with pytest.raises(ShapeError, match=r"confidence must lie in \[0, 1\]"):
        replace(good, confidence=good.confidence + 1)
    with pytest.raises(ShapeError, match="keypoints_2d must have shape"):
        replace(good, keypoints_2d=good.keypoints_2d[:1], keypoints_3d=None)
    with pytest.raises(ShapeError, match="pairs must name different hands"):
        replace(good, pairs=((0, 0),))
    with pytest.raises(ShapeError, match="one number for each of 0 pairs"):
        replace(good, pair_depths=PairDepths(torch.zeros(1), torch.ones(1)))
    for depth, sigma in ((torch.nan, 1.0), (0.0, 0.0), (0.0, torch.nan)):
        with pytest.raises(ShapeError, match="finite with positive standard deviations"):
            PairDepths(torch.tensor([depth]), torch.tensor([sigma]))
    with pytest.raises(ConfigError, match="sigma_2d must be positive"):
        KeypointFitConfig(sigma_2d=0.0)


def test_two_pairs_of_hands_are_fitted_as_each_alone() -> None:
    first, second = two_hands(0), two_hands(1)
    both = KeypointObservations(
        is_right=torch.cat([first.is_right, second.is_right]),
        keypoints_2d=torch.cat([first.keypoints_2d, second.keypoints_2d]),
        confidence=torch.cat([first.confidence, second.confidence]),
        keypoints_3d=None
        if first.keypoints_3d is None or second.keypoints_3d is None
        else torch.cat([first.keypoints_3d, second.keypoints_3d]),
        pairs=((1, 0), (3, 2)),
    )
    together = fitter().fit(both, CAMERA)
    alone = fitter().fit(replace(second, pairs=((1, 0),)), CAMERA)
    torch.testing.assert_close(together.keypoints_3d[2:], alone.keypoints_3d, rtol=0, atol=1e-4)
