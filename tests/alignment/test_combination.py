from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from a2p.alignment.combination import CombinationConfig, combined
from a2p.alignment.hand_chain import HandState
from a2p.alignment.keypoint_fit import KeypointFit
from a2p.alignment.keypoint_observations import KeypointObservations, towards
from a2p.alignment.reading import NetworkHands
from a2p.errors import ConfigError
from a2p.hand import HandModel
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.rotations import rotmat_from_rotvec
from tests.alignment.scenes import CAMERA, random_hands, scene_of

CONFIG = CombinationConfig(
    spread_offset=0.02,
    spread_curve=50.0,
    correlation=0.0,
    disagreement=0.5,
    sure_spread=1e3,
    widest_spread=2e3,
    contradiction=1e3,
)


def seen_at(points: Tensor, *, confidence: float = 1.0, keypoints_3d: Tensor | None = None) -> KeypointObservations:
    return KeypointObservations(
        is_right=torch.tensor([True]),
        keypoints_2d=points[None],
        confidence=torch.full((1, 21), confidence),
        keypoints_3d=keypoints_3d,
    )


def said(points: Tensor, *, spread: float = 0.0, keypoints_3d: Tensor | None = None) -> NetworkHands:
    state = HandState(torch.eye(3)[None], torch.zeros(1, 3), torch.zeros(1, 22), torch.zeros(1, 10))
    solid = torch.zeros(1, 21, 3) if keypoints_3d is None else keypoints_3d
    return NetworkHands(points[None], torch.full((1, 21), spread), solid, state, torch.zeros(0, 3))


POINTS = 500.0 + 100.0 * torch.rand(21, 2, generator=torch.Generator().manual_seed(1))
SIZE = float((POINTS.amax(0) - POINTS.amin(0)).max())


def test_two_that_agree_leave_half_the_variance() -> None:
    found = combined(seen_at(POINTS, confidence=0.5), said(POINTS, spread=0.02), CAMERA, CONFIG)
    torch.testing.assert_close(found.keypoints_2d[0], POINTS)
    # errors of 0.04 each: 0.04 / sqrt(2) remains, which is confidence 0.5 * sqrt(2)
    torch.testing.assert_close(found.confidence, torch.full((1, 21), 0.5 * 2**0.5))


def test_equal_errors_meet_in_the_middle_and_each_is_trusted_by_its_inverse_variance() -> None:
    offset = torch.tensor([0.01 * SIZE, 0.0])
    middle = combined(seen_at(POINTS), said(POINTS + offset), CAMERA, CONFIG)
    torch.testing.assert_close(middle.keypoints_2d[0], POINTS + 0.5 * offset)
    skewed = combined(seen_at(POINTS), said(POINTS + offset, spread=0.02), CAMERA, CONFIG)
    torch.testing.assert_close(skewed.keypoints_2d[0], POINTS + 0.2 * offset)


def test_the_less_sure_of_two_that_err_together_counts_for_less_and_soon_for_nothing() -> None:
    offset = torch.tensor([0.01 * SIZE, 0.0])
    config = replace(CONFIG, correlation=0.5)
    # errors of 0.02 and 0.03, then of 0.02 and 0.04, and 0.04 and 0.02: (a a - a b / 2) / (a a + b b - a b)
    for confidence, error, share in ((1.0, 0.03, 1 / 7), (1.0, 0.04, 0.0), (0.5, 0.02, 1.0)):
        spread = ((error - 0.02) / 50) ** 0.5
        found = combined(seen_at(POINTS, confidence=confidence), said(POINTS + offset, spread=spread), CAMERA, config)
        torch.testing.assert_close(found.keypoints_2d[0], POINTS + share * offset)
    # two equal errors leave 1 / sqrt(2) of one where they are independent, here sqrt(3) / 2
    found = combined(seen_at(POINTS, confidence=0.5), said(POINTS, spread=0.02), CAMERA, config)
    torch.testing.assert_close(found.confidence, torch.full((1, 21), 0.5 / 0.75**0.5))


def test_confidence_falls_where_the_two_places_contradict_each_other() -> None:
    far = POINTS.clone()
    far[7] += 0.5 * SIZE
    found = combined(seen_at(POINTS), said(far), CAMERA, CONFIG).confidence[0]
    others = torch.arange(21) != 7
    assert float(found[7]) < 0.2
    torch.testing.assert_close(found[others], torch.ones(20))


def test_the_networks_weight_falls_as_its_spread_grows() -> None:
    offset = torch.tensor([0.01 * SIZE, 0.0])
    # errors of 0.02, 0.06 and 0.98 beside the landmark model's 0.02
    for spread, share in ((0.0, 1 / 2), (0.04**0.5 / 50**0.5, 1 / 10), (0.96**0.5 / 50**0.5, 1 / 2402)):
        found = combined(seen_at(POINTS), said(POINTS + offset, spread=spread), CAMERA, CONFIG)
        torch.testing.assert_close(found.keypoints_2d[0], POINTS + share * offset)


def test_a_hand_that_the_network_hardly_saw_stays_as_the_landmark_model_has_it() -> None:
    own = torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(0))
    seen = seen_at(POINTS, confidence=0.4, keypoints_3d=own)
    config = CombinationConfig(sure_spread=0.1, widest_spread=0.2)
    found = combined(seen, said(POINTS + 3.0, spread=0.2, keypoints_3d=own.flip(1)), CAMERA, config)
    assert torch.equal(found.keypoints_2d, seen.keypoints_2d)
    torch.testing.assert_close(found.confidence, seen.confidence)
    assert found.keypoints_3d is not None
    assert torch.equal(found.keypoints_3d, own - own.mean(1, keepdim=True))


def test_half_way_to_the_widest_spread_the_networks_weight_is_half() -> None:
    offset = torch.tensor([0.01 * SIZE, 0.0])
    config = CombinationConfig(
        spread_offset=0.02, spread_curve=0.0, correlation=0.0, sure_spread=0.1, widest_spread=0.2
    )
    found = combined(seen_at(POINTS), said(POINTS + offset, spread=0.15), CAMERA, config)
    torch.testing.assert_close(found.keypoints_2d[0], POINTS + 0.25 * offset)


def test_a_layout_that_contradicts_a_surer_one_is_left_out_and_one_that_does_not_is_averaged() -> None:
    config = CombinationConfig(
        spread_offset=0.05, spread_curve=0.0, correlation=0.0, contradiction=0.1, least_share=0.3, plain_spread=0.1
    )
    for shift, share in ((0.05, 4 / 29), (0.25, 2 / 29), (0.31, 0.0)):
        offset = torch.tensor([shift * SIZE, 0.0])
        found = combined(seen_at(POINTS), said(POINTS + offset, spread=0.2), CAMERA, config)
        torch.testing.assert_close(found.keypoints_2d[0], POINTS + share * offset)
    offset = torch.tensor([0.31 * SIZE, 0.0])
    unsure = combined(seen_at(POINTS, confidence=0.4), said(POINTS + offset, spread=0.2), CAMERA, config)
    torch.testing.assert_close(unsure.keypoints_2d[0], POINTS + 0.5 * offset)


def test_a_hand_that_the_network_saw_plainly_stays_as_the_network_has_it_where_the_two_contradict_each_other() -> None:
    own = torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(0))
    theirs = torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(1))
    config = replace(CONFIG, spread_curve=2.0, contradiction=0.1, least_share=2.0, plain_spread=0.1)
    offset = torch.tensor([0.31 * SIZE, 0.0])
    for spread, share in ((0.08, 1.0), (0.1, 1.0), (0.11, 0.5), (0.12, 0.0)):
        hands = said(POINTS + offset, spread=spread, keypoints_3d=theirs)
        found = combined(seen_at(POINTS, keypoints_3d=own), hands, CAMERA, config)
        torch.testing.assert_close(found.keypoints_2d[0], POINTS + share * offset, rtol=0, atol=1e-3)
        assert found.keypoints_3d is not None
        at = (theirs - theirs.mean(1, keepdim=True)) @ towards(found.keypoints_2d, CAMERA)
        centred = own - own.mean(1, keepdim=True)
        torch.testing.assert_close(found.keypoints_3d, centred + share * (at - centred))


def test_relative_points_of_the_network_are_turned_to_the_axes_of_a_camera_that_looks_at_the_hand() -> None:
    view = towards(POINTS[None], CAMERA)
    own = torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(0))
    own = own - own.mean(1, keepdim=True)
    found = combined(seen_at(POINTS, keypoints_3d=own), said(POINTS, keypoints_3d=own @ view.mT), CAMERA, CONFIG)
    torch.testing.assert_close(found.keypoints_3d, own)


def test_impossible_errors_are_refused() -> None:
    with pytest.raises(ConfigError, match="spread_offset"):
        CombinationConfig(spread_offset=0.0)
    with pytest.raises(ConfigError, match="disagreement"):
        CombinationConfig(disagreement=-1.0)
    with pytest.raises(ConfigError, match="correlation"):
        CombinationConfig(correlation=1.0)


def test_a_true_guess_brings_hands_without_relative_depths_home() -> None:
    """Flat keypoints leave it open which way a finger points; a guess that knows decides."""
    model, other = (HandModel.load("open", side=side).double() for side in ("right", "left"))
    hands = random_hands(model, 24, seed=4)
    scene = scene_of(model, hands, with_3d=False)
    anatomy = HandAnatomy.from_rest_joints(model.J_template, side="right")
    wrist = scene.posed.joints[:, 0].double()
    guess = HandState(
        orient_rotmat=rotmat_from_rotvec(hands.global_orient.double()),
        root=torch.cat([wrist[:, :2] / wrist[:, 2:], wrist[:, 2:].log()], dim=1),
        angles=anatomy.to(dtype=torch.float64).angles(hands.hand_pose.double()),
        betas=hands.betas.double(),
    )
    fit = KeypointFit(model, other)

    def errors(start: HandState | None) -> Tensor:
        found = model(fit.fit(scene.observations, CAMERA, guess=start).parameters)
        about = found.joints - found.joints[:, :1] - (scene.posed.joints - scene.posed.joints[:, :1])
        return about.norm(dim=-1).mean(1)

    blind, told = errors(None), errors(guess)
    assert float(told.median()) <= float(blind.median())
    assert float((told > 0.01).double().mean()) < float((blind > 0.01).double().mean())


def test_relative_depth_counts_by_the_spread_of_both_hands() -> None:
    config = CombinationConfig(network_depth_m=0.01, network_depth_slope_m=0.5)
    seen = KeypointObservations(
        is_right=torch.tensor([True, False]),
        keypoints_2d=POINTS.expand(2, -1, -1),
        confidence=torch.ones(2, 21),
        pairs=((0, 1),),
    )
    one = said(POINTS)
    for spread, expected in (((0.0, 0.0), 0.01), ((0.1, 0.06), 0.05), ((0.3, 0.1), 0.11)):
        hands = NetworkHands(
            one.keypoints_2d.expand(2, -1, -1),
            torch.tensor(spread)[:, None].expand(-1, 21),
            one.keypoints_3d.expand(2, -1, -1),
            HandState.joined([one.state, one.state]),
            torch.tensor([[0.1, 0.2, -0.07]]),
        )
        depths = combined(seen, hands, CAMERA, config).pair_depths
        assert depths is not None
        assert float(depths.second_minus_first_m) == pytest.approx(-0.07)
        assert float(depths.sigma_m) == pytest.approx(expected)
