from __future__ import annotations

import json

import pytest
import torch

from a2p.camera import Camera
from a2p.errors import ShapeError
from a2p.hand import HandModel, HandParameters
from a2p.plausibility import PairEvidence, PairRefinement, Refiner
from a2p.plausibility.diffusion import DiffusionConfig
from a2p.plausibility.weights import DEFAULT_WEIGHTS, load_denoiser, read_origin
from a2p.training.plausibility import PlausibilityTraining
from a2p.training.runs import plain_recipe
from tests.plausibility.pairs import on_top_of_each_other, stacked, stacked_near_pairs

MODELS = HandModel.load_pair("open")
CAMERA = Camera(1000.0, 1000.0, 500.0, 500.0)
NAMES = ("global_orient", "hand_pose", "betas", "transl")


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(MODELS, method="diffusion")


def _same(a: HandParameters, b: HandParameters) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in NAMES)


def test_the_packaged_weights_are_those_of_the_packaged_recipe() -> None:
    recipe = PlausibilityTraining.packaged()
    assert json.loads(read_origin().recipe) == plain_recipe(recipe)
    assert load_denoiser(expected=recipe.denoiser).config == recipe.denoiser
    assert read_origin().samples == recipe.steps * recipe.batch
    assert DEFAULT_WEIGHTS.stat().st_size < 25e6


def test_hands_that_penetrate_come_out_in_contact(refiner: Refiner) -> None:
    right, left = stacked_near_pairs(MODELS, 8)
    _, _, report = refiner(right, left, evidence=PairEvidence(CAMERA))
    changed = [pair for pair in report.pairs if pair.is_changed]
    assert len(changed) >= 6
    assert all(pair.before.max_mm > 1 for pair in changed)
    assert all(pair.after.max_mm <= 1 for pair in changed)


def test_a_batch_leaves_pairs_that_need_no_change_as_they_are_to_the_bit(refiner: Refiner) -> None:
    right, left = stacked_near_pairs(MODELS, 3)
    transl = left.transl.clone()
    transl[1, 2] += 0.5
    left = HandParameters(left.global_orient, left.hand_pose, left.betas, transl)
    out_right, out_left, report = refiner(right, left)
    assert not report.pairs[1].is_changed
    assert _same(out_right[1], right[1])
    assert _same(out_left[1], left[1])
    assert report.pairs[0].is_changed


def test_the_same_seed_gives_the_same_bits(refiner: Refiner) -> None:
    right, left = stacked_near_pairs(MODELS, 2)
    first, second = (refiner(right, left, seed=3) for _ in range(2))
    assert _same(first[0], second[0])
    assert _same(first[1], second[1])


def test_hands_inside_one_another_come_apart(refiner: Refiner) -> None:
    right, left = (stacked([hand]) for hand in on_top_of_each_other(MODELS))
    out_right, out_left, report = refiner(right, left, evidence=PairEvidence(CAMERA))
    assert report.pairs[0].after.max_mm <= 1
    assert all(torch.isfinite(getattr(hand, name)).all() for hand in (out_right, out_left) for name in NAMES)


def test_each_pair_has_its_own_evidence(refiner: Refiner) -> None:
    right, left = stacked_near_pairs(MODELS, 2)
    sure = torch.stack([torch.ones(21), torch.full((21,), 0.1)])
    together = refiner(right, left, evidence=PairEvidence(CAMERA, sure, sure))[1]
    alone = refiner(right[1:], left[1:], evidence=PairEvidence(CAMERA, sure[1], sure[1]))[1]
    torch.testing.assert_close(together.transl[1], alone.transl[0], rtol=0, atol=1e-4)
    with pytest.raises(ShapeError, match="one row for each of the 2 pairs"):
        refiner(right, left, evidence=PairEvidence(CAMERA, torch.ones(3, 21)))


def test_what_leaves_the_image_is_given_up_for_the_descent() -> None:
    right, left = stacked_near_pairs(MODELS, 3)
    sure = torch.ones(21)
    evidence = PairEvidence(CAMERA, sure, sure)
    strict = Refiner(MODELS, method="diffusion", diffusion=DiffusionConfig(allowed_shift_m=1e-9))
    found, expected = (
        strict(right, left, evidence=evidence),
        Refiner(MODELS, method="descent")(right, left, evidence=evidence),
    )
    assert _same(found[0], expected[0])
    assert _same(found[1], expected[1])


def test_keypoints_that_were_seen_stay_near_where_the_image_shows_them(refiner: Refiner) -> None:
    right, left = stacked_near_pairs(MODELS, 6)
    sure = torch.ones(21)
    reports = [
        refiner(right, left, evidence=known)[2] for known in (PairEvidence(CAMERA, sure, sure), PairEvidence(CAMERA))
    ]
    held, free = (sum(pair.image_shift_mm for pair in report.pairs) for report in reports)
    assert held < 0.7 * free


def test_a_draw_far_from_the_estimate_gives_way_to_a_nearer_end_of_the_descent(refiner: Refiner) -> None:
    right, left = stacked_near_pairs(MODELS, 4)
    sure = torch.ones(21)
    evidence = PairEvidence(CAMERA, sure, sure)
    wary = Refiner(MODELS, method="diffusion", diffusion=DiffusionConfig(trusted_errors=0.0))
    parted = Refiner(MODELS, method="descent")
    reports = [one(right, left, evidence=evidence)[2] for one in (wary, refiner, parted)]

    def errors(pair: PairRefinement) -> float:
        return pair.image_shift_mm / 2 + pair.vertex_shift_mm / 20

    for found, drawn, moved in zip(*(report.pairs for report in reports), strict=True):
        nearer = min(drawn, moved, key=errors)
        assert errors(found) == pytest.approx(errors(nearer), rel=1e-3)
        assert found.is_drawn == (drawn.is_drawn and nearer is drawn)
    assert not any(pair.is_drawn for pair in reports[2].pairs)


def test_a_draw_is_handed_out_only_near_the_estimate_and_by_the_diffusion(refiner: Refiner) -> None:
    right, left = (hand[0] for hand in stacked_near_pairs(MODELS, 1))
    evidence = PairEvidence(CAMERA, torch.ones(21), torch.ones(21))
    drawn = refiner.drawn(right, left, evidence=evidence)
    assert drawn is not None
    assert refiner.measure(*drawn).max_mm <= 1
    wary = Refiner(MODELS, method="diffusion", diffusion=DiffusionConfig(trusted_errors=0.0))
    assert wary.drawn(right, left, evidence=evidence) is None
    assert Refiner(MODELS, method="descent").drawn(right, left, evidence=evidence) is None


def test_a_pair_settles_near_where_it_came_out_before(refiner: Refiner) -> None:
    right, left = (hand[0] for hand in stacked_near_pairs(MODELS, 1))
    evidence = PairEvidence(CAMERA, torch.ones(21), torch.ones(21))
    start = refiner.parted(right, left, evidence=evidence)
    settled = refiner.settled(right, left, start[:2], evidence=evidence)
    assert refiner.measure(*settled).max_mm <= 1
    # It goes on towards the estimate, no farther away.
    before, after = (float((end[1].transl - left.transl).norm()) for end in (start, settled))
    assert after <= before + 1e-3


def test_pairs_are_drawn_unless_the_descent_is_asked_for() -> None:
    assert Refiner(MODELS).method == "diffusion"
    right, left = (hand[0] for hand in stacked_near_pairs(MODELS, 1))
    drawn, parted = (one(right, left)[2] for one in (Refiner(MODELS), Refiner(MODELS, method="descent")))
    assert drawn.pairs[0].is_drawn
    assert not parted.pairs[0].is_drawn
