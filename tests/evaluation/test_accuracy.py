"""Accuracy metrics on cases whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from a2p.errors import ShapeError
from a2p.evaluation import Accuracy, SampleErrors, TwoHands, Validity, procrustes_aligned, sample_errors
from tests import tolerances


@pytest.fixture
def truth() -> TwoHands:
    generator = torch.Generator().manual_seed(3)
    joints = 0.1 * torch.randn(6, 2, 21, 3, generator=generator, dtype=torch.float64) + torch.tensor([0.0, 0.0, 0.6])
    vertices = joints[:, :, :1] + 0.05 * torch.randn(6, 2, 50, 3, generator=generator, dtype=torch.float64)
    return TwoHands(joints, vertices)


def moved(hands: TwoHands, shift: Tensor) -> TwoHands:
    assert hands.vertices is not None
    return TwoHands(hands.joints + shift, hands.vertices + shift)


def mixed(hands: TwoHands) -> Validity:
    """Half of the samples show one hand, the right one."""
    validity = Validity.full(hands)
    validity.is_interacting[::2] = False
    validity.joints[::2, 1] = False
    validity.meshes[::2, 1] = False
    return validity


def test_a_perfect_prediction_scores_zero_in_every_figure(truth: TwoHands) -> None:
    for protocol in ("interwild", "intaghand"):
        accuracy = Accuracy.of(sample_errors(truth, truth, mixed(truth), protocol=protocol))
        assert accuracy.mpjpe_mm.all == accuracy.mpjpe_mm.single == accuracy.mpjpe_mm.interacting == 0
        assert accuracy.mpvpe_mm.all == accuracy.mrrpe_mm == accuracy.rrve_mm == 0


def test_five_millimetres_everywhere_but_the_wrist_score_five(truth: TwoHands) -> None:
    direction = torch.nn.functional.normalize(torch.randn(3, dtype=torch.float64), dim=0)
    predicted = TwoHands(truth.joints.clone(), None if truth.vertices is None else truth.vertices + 5e-3 * direction)
    predicted.joints[:, :, 1:] += 5e-3 * direction
    accuracy = Accuracy.of(sample_errors(predicted, truth))
    assert accuracy.mpjpe_mm.interacting == pytest.approx(5.0 * 20 / 21, rel=1e-12)
    assert accuracy.mpvpe_mm.interacting == pytest.approx(5.0, rel=1e-12)
    assert accuracy.rrve_mm == pytest.approx(5.0, rel=1e-12)
    assert accuracy.mrrpe_mm == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(accuracy.mpjpe_mm.single)


def test_moving_one_hand_by_five_millimetres_is_five_of_mrrpe_and_nothing_of_mpjpe(truth: TwoHands) -> None:
    shift = torch.zeros(2, 1, 3, dtype=torch.float64)
    shift[1, 0] = torch.tensor([3e-3, 0.0, 4e-3], dtype=torch.float64)
    predicted = moved(truth, shift)
    whole = Accuracy.of(sample_errors(predicted, truth))
    assert whole.mrrpe_mm == pytest.approx(5.0, rel=1e-9)
    assert whole.rrve_mm == pytest.approx(2.5, rel=1e-9)
    assert whole.mpjpe_mm.all == pytest.approx(0.0, abs=1e-9)
    assert Accuracy.of(sample_errors(predicted, truth, axes="xy")).mrrpe_mm == pytest.approx(3.0, rel=1e-9)
    assert Accuracy.of(sample_errors(predicted, truth, axes="z")).mrrpe_mm == pytest.approx(4.0, rel=1e-9)


def test_moving_both_hands_together_changes_nothing(truth: TwoHands) -> None:
    accuracy = Accuracy.of(sample_errors(moved(truth, torch.tensor([0.3, -0.2, 0.5])), truth))
    assert max(accuracy.mpjpe_mm.all, accuracy.mpvpe_mm.all, accuracy.mrrpe_mm, accuracy.rrve_mm) < 1e-9


def test_axes_split_an_error_into_image_plane_and_depth(truth: TwoHands) -> None:
    predicted = replace(truth, joints=truth.joints.clone())
    predicted.joints[:, :, 5] += torch.tensor([6e-3, 8e-3, 2e-3], dtype=torch.float64)
    in_plane = sample_errors(predicted, truth, axes="xy").joints
    in_depth = sample_errors(predicted, truth, axes="z").joints
    assert in_plane[:, :, 5].numpy() == pytest.approx(10.0, rel=1e-9)
    assert in_depth[:, :, 5].numpy() == pytest.approx(2.0, rel=1e-9)
    assert float(in_plane.sum()) == pytest.approx(12 * 10.0, rel=1e-9)


def test_mpjpe_averages_each_joint_over_its_valid_samples_before_the_joints(truth: TwoHands) -> None:
    predicted = replace(truth, joints=truth.joints.clone())
    predicted.joints[0, 0, 7, 0] += 8e-3
    validity = Validity.full(truth)
    validity.joints[1:, 0, 7] = False
    # Joint 7 is known in one sample only, where it errs by 8 mm: that is its mean, and 41 other joints have 0.
    assert Accuracy.of(sample_errors(predicted, truth, validity)).mpjpe_mm.all == pytest.approx(8 / 42, rel=1e-9)


def test_an_unknown_wrist_takes_its_hand_out_of_every_figure(truth: TwoHands) -> None:
    predicted = moved(truth, torch.tensor([[[0.0, 0.0, 0.0]], [[0.01, 0.0, 0.0]]], dtype=torch.float64))
    validity = Validity.full(truth)
    validity.joints[:, 1, 0] = False
    errors = sample_errors(predicted, truth, validity)
    assert bool(errors.joints[:, 1].isnan().all())
    assert bool(errors.vertices[:, 1].isnan().all())
    assert bool(errors.relative_root.isnan().all())
    assert Accuracy.of(errors).mpjpe_mm.all == pytest.approx(0.0, abs=1e-12)


def test_single_and_interacting_samples_are_told_apart(truth: TwoHands) -> None:
    predicted = replace(truth, joints=truth.joints.clone())
    validity = mixed(truth)
    predicted.joints[~validity.is_interacting, :, 1:] += torch.tensor([0.0, 2.1e-3, 0.0], dtype=torch.float64)
    accuracy = Accuracy.of(sample_errors(predicted, truth, validity))
    assert accuracy.mpjpe_mm.single == pytest.approx(2.0, rel=1e-9)
    assert accuracy.mpjpe_mm.interacting == 0.0
    # Right joints are known in all six samples, three of them single; left joints in the interacting ones only.
    assert accuracy.mpjpe_mm.all == pytest.approx((20 * 2.1 / 2) / 42, rel=1e-9)


def test_mirrored_hands_score_the_same(truth: TwoHands) -> None:
    assert truth.vertices is not None
    predicted = TwoHands(
        truth.joints + 3e-3 * torch.randn_like(truth.joints), truth.vertices + 3e-3 * torch.randn_like(truth.vertices)
    )
    mirror = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)

    def mirrored(hands: TwoHands) -> TwoHands:
        assert hands.vertices is not None
        return TwoHands((hands.joints * mirror).flip(1), (hands.vertices * mirror).flip(1))

    for protocol in ("interwild", "intaghand", "procrustes"):
        plain = Accuracy.of(sample_errors(predicted, truth, protocol=protocol))
        turned = Accuracy.of(sample_errors(mirrored(predicted), mirrored(truth), protocol=protocol))
        assert turned.mpjpe_mm.all == pytest.approx(plain.mpjpe_mm.all, rel=1e-9)
        assert turned.mpvpe_mm.all == pytest.approx(plain.mpvpe_mm.all, rel=1e-9)
        assert turned.mrrpe_mm == pytest.approx(plain.mrrpe_mm, rel=1e-9)


def test_intaghand_forgives_size_and_interwild_does_not(truth: TwoHands) -> None:
    larger = TwoHands(1.1 * truth.joints, None if truth.vertices is None else 1.1 * truth.vertices)
    assert Accuracy.of(sample_errors(larger, truth, protocol="intaghand")).mpjpe_mm.all < 1e-9
    assert Accuracy.of(sample_errors(larger, truth)).mpjpe_mm.all > 5.0


def test_procrustes_undoes_a_similarity_and_no_mirroring(truth: TwoHands) -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    turn = turn * torch.linalg.det(turn)
    similar = 1.3 * truth.joints @ turn + torch.tensor([0.2, 0.1, -0.4])
    aligned = procrustes_aligned(similar, truth.joints)
    assert float((aligned - truth.joints).abs().max()) < tolerances.PROCRUSTES_M
    mirrored = truth.joints * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    assert float((procrustes_aligned(mirrored, truth.joints) - truth.joints).abs().max()) > 1e-2


def test_procrustes_takes_points_that_coincide_or_lie_in_a_line() -> None:
    target = torch.randn(4, 3)
    assert torch.equal(procrustes_aligned(torch.ones(4, 3), target), target.mean(0).expand(4, 3))
    line = torch.linspace(0, 1, 4)[:, None] * torch.tensor([1.0, 2.0, 3.0])
    assert bool(torch.isfinite(procrustes_aligned(line, target)).all())


def test_parts_put_together_score_as_the_whole(truth: TwoHands) -> None:
    assert truth.vertices is not None
    predicted = TwoHands(truth.joints + 1e-3 * torch.randn_like(truth.joints), truth.vertices)
    parts = [
        sample_errors(
            TwoHands(predicted.joints[part], truth.vertices[part]), TwoHands(truth.joints[part], truth.vertices[part])
        )
        for part in (slice(0, 2), slice(2, 6))
    ]
    whole = Accuracy.of(sample_errors(predicted, truth))
    joined = Accuracy.of(SampleErrors.cat(parts))
    assert joined.mpjpe_mm.interacting == whole.mpjpe_mm.interacting
    assert (joined.mpvpe_mm.all, joined.mrrpe_mm, joined.rrve_mm) == (whole.mpvpe_mm.all, whole.mrrpe_mm, whole.rrve_mm)


def test_predictions_that_are_lost_or_of_another_shape_are_named(truth: TwoHands) -> None:
    lost = replace(truth, joints=truth.joints.clone())
    lost.joints[2, 1, 8] = torch.nan
    with pytest.raises(ShapeError, match="sample 2, left hand, joint 8"):
        sample_errors(lost, truth)
    with pytest.raises(ShapeError, match="Regress the same joints"):
        sample_errors(TwoHands(truth.joints[:, :, :16]), truth)
    with pytest.raises(ShapeError, match="same hand model"):
        sample_errors(TwoHands(truth.joints, torch.zeros(6, 2, 7, 3, dtype=torch.float64)), truth)
    few = TwoHands(truth.joints[:, :, :5])
    with pytest.raises(ShapeError, match="21 joints"):
        sample_errors(few, few, protocol="intaghand")
