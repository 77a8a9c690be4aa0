import math
from dataclasses import replace

import numpy as np
import pytest

from a2p.perception.assignment import handedness, may_be_partner, partner, select
from a2p.perception.crop import Crop
from a2p.perception.detector import Candidate
from a2p.perception.landmarks import Landmarks
from a2p.perception.reading import Reading, distance, size
from tests.tolerances import SPREAD_BY_PASSES

HAND = np.random.default_rng(7).uniform(0.0, 100.0, (21, 2))
HAND[0], HAND[1] = (0.0, 0.0), (100.0, 100.0)


def reading(x: float, *, right: float, score: float = 0.95, scale: float = 1.0, disagree: float = 0.0) -> Reading:
    passes = tuple(
        Landmarks(HAND * scale + (x + shift, 0.0), np.zeros((21, 3)), score, right, Crop((0.0, 0.0), 1.0))
        for shift in (-disagree, disagree)
    )
    return Reading(Candidate(score, crops=(Crop((0.0, 0.0), 1.0),)), passes)


def test_a_hand_read_twice_is_kept_once_and_the_better_reading_stays() -> None:
    worse, better = reading(0.0, right=0.9, score=0.8), reading(10.0, right=0.9, score=0.9)
    assert select([worse, better], max_hands=2) == [better]


def test_no_more_hands_are_kept_than_asked_for() -> None:
    hands = [reading(300.0 * index, right=0.9, score=0.9 - 0.1 * index) for index in range(4)]
    assert select(hands, max_hands=2) == hands[:2]
    assert select(hands, max_hands=9) == hands


def test_what_is_likely_no_hand_is_dropped() -> None:
    assert select([reading(0.0, right=0.9, score=0.3)], max_hands=2) == []


def test_beside_a_right_hand_a_doubtful_right_one_is_dropped_and_a_left_one_kept() -> None:
    right = reading(0.0, right=0.99)
    assert select([right, reading(60.0, right=0.95, score=0.7)], max_hands=2) == [right]
    assert len(select([right, reading(60.0, right=0.05, score=0.7)], max_hands=2)) == 2
    assert len(select([right, reading(300.0, right=0.95, score=0.7)], max_hands=2)) == 2


def test_a_small_hand_inside_a_large_one_is_dropped() -> None:
    large = reading(0.0, right=0.99)
    assert select([large, reading(50.0, right=0.01, score=0.8, scale=0.4)], max_hands=2) == [large]


def test_behind_a_painted_hand_only_a_sure_reading_of_another_place_counts() -> None:
    front = reading(0.0, right=0.99)
    hidden = reading(60.0, right=0.05, score=0.85)
    doubts = [
        reading(5.0, right=0.05),
        reading(60.0, right=0.6),
        reading(60.0, right=0.05, score=0.7),
    ]
    assert partner(front, doubts) == []
    assert partner(front, [*doubts, hidden]) == [hidden]


@pytest.mark.parametrize("score", [0.5, 0.63, 0.65, 0.9])
def test_a_candidate_may_be_behind_only_if_its_best_reading_could_be(score: float) -> None:
    best = reading(60.0, right=0.0, score=1.0)
    candidate = replace(best.candidate, score=score)
    could_be = bool(partner(reading(0.0, right=0.99), [replace(best, candidate=candidate)]))
    assert may_be_partner(candidate) == could_be == (score > 0.64)


@pytest.mark.parametrize(
    ("first", "second", "apart", "sides"),
    [
        (0.9, 0.1, 60.0, ["right", "left"]),
        (0.9, 0.6, 60.0, ["right", "left"]),
        (0.6, 0.9, 60.0, ["left", "right"]),
        (0.3, 0.1, 60.0, ["right", "left"]),
        (0.9, 0.6, 400.0, ["right", "right"]),
        (1.0, 1.0, 60.0, ["right", "right"]),
    ],
)
def test_two_hands_that_overlap_are_one_of_each_unless_both_are_sure(
    first: float, second: float, apart: float, sides: list[str]
) -> None:
    assert handedness([reading(0.0, right=first), reading(apart, right=second)]) == sides


def test_passes_that_disagree_spread_and_those_that_agree_do_not() -> None:
    assert reading(0.0, right=0.5).spread.max() == 0.0
    np.testing.assert_allclose(reading(0.0, right=0.5, disagree=3.0).spread, 0.03 * math.sqrt(1.5))


def test_the_spread_does_not_depend_on_how_many_passes_there_are() -> None:
    noise = np.random.default_rng(8).normal(scale=2.0, size=(400, 21, 2))
    spreads = [np.mean([of_passes(noise[k : k + n]).spread for k in range(0, 400 - n, n)]) for n in (2, 4, 8)]
    np.testing.assert_allclose(spreads, spreads[1], rtol=SPREAD_BY_PASSES)


def test_passes_agree_that_lie_together_and_name_one_side() -> None:
    assert reading(0.0, right=0.99, disagree=1.0).agrees
    assert reading(0.0, right=0.01, disagree=1.0).agrees
    assert not reading(0.0, right=0.99, disagree=5.0).agrees
    assert not reading(0.0, right=0.7, disagree=1.0).agrees
    known = replace(reading(0.0, right=0.7).candidate, handedness="right")
    assert replace(reading(0.0, right=0.7), candidate=known).agrees
    assert not of_passes(np.zeros((1, 21, 2))).agrees


def test_a_hand_is_plain_where_every_pass_sees_it_at_one_place_whatever_its_side() -> None:
    assert reading(0.0, right=0.6, disagree=5.0).is_plain
    assert not reading(0.0, right=0.99, disagree=15.0).is_plain
    assert not reading(0.0, right=0.99, score=0.75).is_plain
    assert not of_passes(np.zeros((1, 21, 2))).is_plain


def of_passes(shifts: np.ndarray) -> Reading:
    passes = tuple(Landmarks(HAND + shift, np.zeros((21, 3)), 0.95, 0.99, Crop((0.0, 0.0), 1.0)) for shift in shifts)
    return Reading(Candidate(0.95, crops=(Crop((0.0, 0.0), 1.0),)), passes)


def test_the_distance_of_hands_is_in_hand_sizes() -> None:
    assert size(HAND) == 100.0
    assert distance(HAND, HAND + np.array([50.0, 0.0])) == pytest.approx(0.5)
