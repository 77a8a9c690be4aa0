"""Named poses: they are what their names say, and they and their variations are within the limits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from a2p.errors import ConfigError
from a2p.hand import HandModel, HandParameters
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.gestures import GESTURES, gesture_angles, sample_gestures
from tests.hand.test_anatomy import anatomy

TIPS = {"thumb": 744, "index": 320, "middle": 443, "ring": 554, "pinky": 671}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fingertips(name: str, side: str = "right") -> dict[str, Tensor]:
    model = HandModel.load("open", side=side)
    hand = HandAnatomy.from_rest_joints(model.J_template, side=side)
    parameters = HandParameters.zeros()
    posed = model(
        HandParameters(
            global_orient=parameters.global_orient,
            hand_pose=hand.hand_pose(gesture_angles(name, hand)),
            betas=parameters.betas,
            transl=parameters.transl,
        )
    )
    return {finger: posed.vertices[vertex] for finger, vertex in TIPS.items()}


@pytest.mark.parametrize("name", GESTURES)
def test_every_gesture_is_within_the_limits(name: str) -> None:
    hand = anatomy()
    angles = gesture_angles(name, hand)
    assert torch.equal(hand.clamp(angles), angles)


@pytest.mark.parametrize(
    ("name", "finger"), [("pinch", "index"), ("ok", "index"), ("tripod", "index"), ("tripod", "middle")]
)
@pytest.mark.parametrize("side", ["right", "left"])
def test_pinching_fingers_meet_the_thumb(name: str, finger: str, side: str) -> None:
    tips = fingertips(name, side)
    assert (tips[finger] - tips["thumb"]).norm() < 0.020


@pytest.mark.parametrize(
    ("name", "straight"),
    [
        ("flat", "index middle ring pinky"),
        ("spread", "index middle ring pinky"),
        ("fist", ""),
        ("thumbs_up", ""),
        ("point", "index"),
        ("gun", "index"),
        ("victory", "index middle"),
        ("three", "index middle"),
        ("horns", "index pinky"),
        ("shaka", "pinky"),
        ("four", "index middle ring pinky"),
    ],
)
def test_fingers_are_straight_or_folded_as_the_name_says(name: str, straight: str) -> None:
    flat, tips = fingertips("flat"), fingertips(name)
    for finger in ("index", "middle", "ring", "pinky"):
        reach = float(tips[finger].norm() / flat[finger].norm())
        assert reach > 0.95 if finger in straight.split() else reach < 0.7


def test_fingers_of_a_spread_hand_are_farther_apart_than_those_of_a_flat_one() -> None:
    flat, spread = fingertips("flat"), fingertips("spread")
    for a, b in (("thumb", "index"), ("index", "middle"), ("middle", "ring"), ("ring", "pinky")):
        assert (spread[a] - spread[b]).norm() > 1.15 * (flat[a] - flat[b]).norm()


def test_variations_are_within_the_limits_and_follow_the_generator() -> None:
    hand = anatomy()
    angles = sample_gestures(5_000, hand, generator=seeded())
    assert torch.equal(hand.clamp(angles), angles)
    assert torch.equal(angles, sample_gestures(5_000, hand, generator=seeded()))
    assert not torch.equal(angles, sample_gestures(5_000, hand, generator=seeded(1)))


def test_without_deviation_variations_are_the_gestures_themselves() -> None:
    hand = anatomy()
    named = torch.stack([gesture_angles(name, hand) for name in GESTURES])
    drawn = sample_gestures(200, hand, generator=seeded(), deviation_deg=0.0)
    distance = torch.cdist(drawn, named).amin(1)
    torch.testing.assert_close(distance, torch.zeros_like(distance), rtol=0, atol=1e-6)
    assert len(torch.unique(torch.cdist(drawn, named).argmin(1))) == len(GESTURES)


def test_an_unknown_gesture_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"name must be one of claw, fist.*; got 'wave'"):
        gesture_angles("wave", anatomy())


@pytest.mark.parametrize(("count", "deviation_deg"), [(-1, 6.0), (1, -0.1)])
def test_negative_amounts_are_errors(count: int, deviation_deg: float) -> None:
    with pytest.raises(ConfigError, match="at least 0"):
        sample_gestures(count, anatomy(), generator=seeded(), deviation_deg=deviation_deg)
