"""Hand pairs: the same for one seed and index, limits kept, without penetration, most of them touching."""

from __future__ import annotations

import pytest
import torch

from a2p.data.duet import FAMILIES, DuetPairs, sample_pairs
from a2p.data.duet.corruption import max_depths
from a2p.data.duet.self_contact import SelfContact
from a2p.errors import ConfigError, ShapeError
from a2p.hand import HandPair, HandParameters
from a2p.hand.anatomy import HandAnatomy
from a2p.penetration import signed_distance
from tests.tolerances import DUET_LIMITS_RAD, DUET_WRIST_M


def _equal(a: HandParameters, b: HandParameters) -> bool:
    return all(
        torch.equal(getattr(a, name), getattr(b, name)) for name in ("global_orient", "hand_pose", "betas", "transl")
    )


def test_a_pair_depends_on_seed_and_index_alone(pairs: DuetPairs) -> None:
    alone = sample_pairs(3, 0, first=40)
    assert _equal(alone.right, pairs.right[40:43])
    assert _equal(alone.left, pairs.left[40:43])
    assert alone.index.tolist() == [40, 41, 42]


def test_no_pair_penetrates(pairs: DuetPairs, models: HandPair) -> None:
    assert float(max_depths(models, pairs.right, pairs.left).max()) <= 0.5e-3


def test_no_finger_passes_through_its_own_hand(pairs: DuetPairs, models: HandPair) -> None:
    for model, hand in ((models.right, pairs.right), (models.left, pairs.left)):
        assert float(SelfContact(model).max_depth(model(hand).vertices).max()) <= 1.5e-3 + 1e-6


def test_all_pairs_but_the_near_ones_touch(pairs: DuetPairs, models: HandPair) -> None:
    meets = pairs.family != FAMILIES.index("near")
    right, left = models.right(pairs.right[meets]).vertices, models.left(pairs.left[meets]).vertices
    distance = signed_distance(left, right, models.right.topology).amin(1)
    assert float(distance.max()) <= 2e-3


def test_joints_stay_within_their_limits(pairs: DuetPairs, models: HandPair) -> None:
    for model, hand in ((models.right, pairs.right), (models.left, pairs.left)):
        anatomy = HandAnatomy.from_rest_joints(model.J_template, side=model.side)
        angles = anatomy.angles(hand.hand_pose)
        assert float((angles - anatomy.clamp(angles)).abs().max()) < DUET_LIMITS_RAD


def test_the_right_wrist_is_the_origin(pairs: DuetPairs, models: HandPair) -> None:
    wrist = models.right(pairs.right).joints[:, 0]
    assert float(wrist.abs().max()) < DUET_WRIST_M
    assert not pairs.right.global_orient.any()


def test_both_hands_of_a_pair_have_nearly_one_shape(pairs: DuetPairs) -> None:
    between = (pairs.right.betas - pairs.left.betas).std()
    assert 0.05 < float(between) < 0.3 < float(pairs.right.betas.std())


@pytest.mark.parametrize(("count", "seed", "first"), [(0, 0, 0), (1, -1, 0), (1, 0, -1), (1, 4096, 0), (1, 0, 2**28)])
def test_impossible_requests_are_refused(count: int, seed: int, first: int) -> None:
    with pytest.raises(ConfigError, match="count must be at least 1"):
        sample_pairs(count, seed, first=first)


def test_pairs_of_unequal_lengths_are_refused(pairs: DuetPairs) -> None:
    with pytest.raises(ShapeError, match=r"left\.global_orient"):
        DuetPairs(pairs.right, pairs.left[:3], pairs.family, pairs.index, 0)
