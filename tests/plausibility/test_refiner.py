from __future__ import annotations

import pytest
import torch

from a2p.camera import Camera
from a2p.errors import ShapeError
from a2p.hand import HandParameters
from a2p.hand.anatomy import HandAnatomy
from a2p.plausibility import PairEvidence, Refiner
from tests.plausibility.pairs import DISTANCE, fist_in_palm, interlaced, near_pair, on_top_of_each_other

EVIDENCE = PairEvidence(camera=Camera(1000.0, 1000.0, 500.0, 500.0))


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(method="descent")


def _apart(refiner: Refiner) -> tuple[HandParameters, HandParameters]:
    right, left = on_top_of_each_other(refiner.models)
    moved = left.transl + torch.tensor([0.0, 0.0, 0.4])
    return right, HandParameters(left.global_orient, left.hand_pose, left.betas, moved)


def _stacked(*hands: HandParameters) -> HandParameters:
    names = ("global_orient", "hand_pose", "betas", "transl")
    return HandParameters(*(torch.stack([getattr(hand, name) for hand in hands]) for name in names))


def _same(a: HandParameters, b: HandParameters) -> bool:
    return all(torch.equal(getattr(a, n), getattr(b, n)) for n in ("global_orient", "hand_pose", "betas", "transl"))


@pytest.mark.parametrize("seed", [1, 5, 6])
def test_hands_that_penetrate_come_out_in_contact(refiner: Refiner, seed: int) -> None:
    right, _, report = refiner(*near_pair(refiner.models, seed), evidence=EVIDENCE)
    pair = report.pairs[0]
    assert pair.before.max_mm > 5
    assert pair.is_resolved
    assert 0 < pair.after.max_mm <= 1.0
    assert report.warnings == ()
    assert pair.image_shift_mm < 1.0
    assert torch.equal(right.betas, near_pair(refiner.models, seed)[0].betas)


@pytest.mark.parametrize("make", [on_top_of_each_other, fist_in_palm, interlaced])
def test_deep_interpenetration_is_resolved_where_the_image_shows_it_least(refiner: Refiner, make) -> None:
    right, left = make(refiner.models)
    _, _, report = refiner(right, left, evidence=EVIDENCE)
    pair = report.pairs[0]
    assert pair.before.max_mm > 10
    assert pair.after.max_mm <= 1.0
    assert pair.image_shift_mm < 6.0


def test_hands_that_do_not_penetrate_come_back_to_the_bit(refiner: Refiner) -> None:
    right, left = _apart(refiner)
    out_right, out_left, report = refiner(right, left)
    assert _same(out_right, right)
    assert _same(out_left, left)
    assert not report.pairs[0].is_changed


def test_a_contact_is_left_alone(refiner: Refiner) -> None:
    first = refiner(*near_pair(refiner.models, 6), evidence=EVIDENCE)
    second = refiner(first[0], first[1], evidence=EVIDENCE)
    assert second[2].pairs[0].before.max_mm > 0
    assert not second[2].pairs[0].is_changed
    assert _same(second[0], first[0])


def test_a_batch_gives_each_pair_what_it_gets_alone(refiner: Refiner) -> None:
    penetrating, apart = near_pair(refiner.models, 6), _apart(refiner)
    right, left = (_stacked(penetrating[k], apart[k]) for k in range(2))
    out_right, out_left, report = refiner(right, left)
    alone_right, alone_left, _ = refiner(*penetrating)
    assert [pair.is_changed for pair in report.pairs] == [True, False]
    assert _same(out_right[0], alone_right)
    assert _same(out_left[0], alone_left)
    assert _same(out_right[1], apart[0])
    assert _same(out_left[1], apart[1])


def test_the_same_seed_gives_the_same_bits(refiner: Refiner) -> None:
    right, left = interlaced(refiner.models)
    first, second = (refiner(right, left, seed=3) for _ in range(2))
    assert _same(first[0], second[0])
    assert _same(first[1], second[1])


def test_joints_stay_within_their_limits(refiner: Refiner) -> None:
    right, left = near_pair(refiner.models, 1)
    out, _, _ = refiner(right, left)
    anatomy = HandAnatomy.from_rest_joints(refiner.models.right.J_template, side="right")
    before, after = anatomy.angles(right.hand_pose), anatomy.angles(out.hand_pose)
    slack = torch.deg2rad(torch.tensor(3.0))
    assert (after <= torch.maximum(before, anatomy.upper) + slack).all()
    assert (after >= torch.minimum(before, anatomy.lower) - slack).all()


def test_parameters_that_are_no_pairs_are_an_error(refiner: Refiner) -> None:
    right, left = _apart(refiner)
    with pytest.raises(ShapeError, match="right and left must be float32 parameters of as many hands"):
        refiner(right.map(lambda tensor: tensor[None]), left)
    broken = HandParameters(left.global_orient, left.hand_pose, left.betas, left.transl * torch.nan)
    with pytest.raises(ShapeError, match=r"left\.transl must be finite"):
        refiner(right, broken)


def test_the_pairs_lie_before_the_camera(refiner: Refiner) -> None:
    right, _ = near_pair(refiner.models, 0)
    assert abs(float(refiner.models.right(right).vertices[:, 2].mean()) - DISTANCE) < 0.2
