"""What an estimator makes of pairs: rigid views, errors that hide along the rays, and keypoint fits."""

from __future__ import annotations

import pytest
import torch

from a2p.data.duet import DuetPairs, fitted_pairs, noisy_pairs, view_pairs
from a2p.data.duet.corruption import max_depths
from a2p.hand import HandPair
from tests.tolerances import DUET_VIEW_M


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_a_view_moves_both_hands_rigidly(pairs: DuetPairs, models: HandPair) -> None:
    viewed = view_pairs(pairs, models, _generator())
    for model, before, after in (
        (models.right, pairs.right, viewed.pairs.right),
        (models.left, pairs.left, viewed.pairs.left),
    ):
        expected = model(before).vertices @ viewed.rotation_rotmat.mT + viewed.translation[:, None]
        assert float((model(after).vertices - expected).abs().max()) < DUET_VIEW_M


def test_hands_are_in_front_of_the_camera(pairs: DuetPairs, models: HandPair) -> None:
    viewed = view_pairs(pairs, models, _generator())
    assert float(models.left(viewed.pairs.left).vertices[..., 2].min()) > 0.1
    assert not max_depths(models, viewed.pairs.right, viewed.pairs.left).gt(1e-3).any()


def test_most_noise_penetrates_and_is_larger_along_the_rays(pairs: DuetPairs, models: HandPair) -> None:
    viewed = view_pairs(pairs, models, _generator())
    noisy = noisy_pairs(viewed, models, _generator())
    assert float(noisy.penetrates.float().mean()) > 0.7
    assert torch.equal(noisy.max_depth, max_depths(models, noisy.right, noisy.left))
    moved = models.right(noisy.right).joints - models.right(viewed.pairs.right).joints
    assert float(moved[..., 2].abs().mean()) > 1.5 * float(moved[..., :2].abs().mean())


def test_noise_is_the_same_for_one_generator_state(pairs: DuetPairs, models: HandPair) -> None:
    viewed = view_pairs(pairs, models, _generator())
    first, second = (noisy_pairs(viewed, models, _generator()) for _ in range(2))
    assert torch.equal(first.left.hand_pose, second.left.hand_pose)


@pytest.mark.slow
def test_fits_lie_near_the_truth_and_keep_their_evidence(pairs: DuetPairs, models: HandPair) -> None:
    viewed = view_pairs(pairs[:4], models, _generator())
    fitted = fitted_pairs(viewed, models, _generator())
    assert fitted.keypoints_2d.shape == (4, 2, 21, 2)
    assert float(fitted.confidence.min()) >= 0
    wrist = models.right(fitted.fits.right).joints[:, 0] - models.right(viewed.pairs.right).joints[:, 0]
    assert float(wrist[:, :2].abs().max()) < 0.1
    assert torch.isfinite(fitted.fits.left.hand_pose).all()
