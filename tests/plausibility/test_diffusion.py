from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from a2p.errors import ConfigError
from a2p.hand import HandModel, HandParameters, mirror_parameters
from a2p.plausibility.denoiser import Denoiser, DenoiserConfig, Normalisation
from a2p.plausibility.diffusion import DiffusionConfig, Evidence, PlausibilityDiffusion
from a2p.plausibility.projection import ProjectionConfig
from tests.plausibility.pairs import on_top_of_each_other, stacked, stacked_near_pairs
from tests.tolerances import MIRRORED_DIFFUSION_M

MODELS = HandModel.load_pair("open")
UNSEEN = Evidence(has_camera=True, weights=None)
NAMES = ("global_orient", "hand_pose", "betas", "transl")


def _denoiser(error_deviation: float = 0.05) -> Denoiser:
    """Knows nothing but how far estimates err: it returns the estimate, or near it."""
    torch.manual_seed(0)
    zeros, ones = torch.zeros(215), torch.ones(215)
    statistics = Normalisation(zeros, ones, zeros, torch.full((215,), error_deviation))
    return Denoiser(DenoiserConfig(width=16, layers=1, heads=2), statistics).eval().requires_grad_(False)


def _diffusion(config: DiffusionConfig, *, knows_shape: bool = True) -> PlausibilityDiffusion:
    return PlausibilityDiffusion(MODELS, _denoiser(), config, knows_shape=knows_shape)


@pytest.mark.parametrize("steps", [1, 4])
def test_hands_that_penetrate_come_out_in_contact(steps: int) -> None:
    right, left = stacked_near_pairs(MODELS, 8)
    found = _diffusion(DiffusionConfig(steps=steps))(right, left, UNSEEN)
    assert (found.max_depth <= 0.5e-3).float().mean() > 0.7
    assert all(torch.isfinite(getattr(hand, name)).all() for hand in (found.right, found.left) for name in NAMES)


def test_guidance_at_every_step_leaves_less_to_project() -> None:
    right, left = stacked_near_pairs(MODELS, 12)
    depths = {}
    for scale in (0.0, 1.0):
        config = DiffusionConfig(steps=4, guidance_scale=scale, projection=None)
        depths[scale] = _diffusion(config)(right, left, UNSEEN).max_depth.mean()
    assert depths[1.0] < 0.9 * depths[0.0]


def test_the_same_seed_gives_the_same_bits_and_another_seed_other_ones() -> None:
    right, left = stacked_near_pairs(MODELS, 2)
    diffusion = _diffusion(DiffusionConfig(steps=3, eta=1.0))
    first, second, other = (diffusion(right, left, UNSEEN, seed=seed) for seed in (5, 5, 6))
    for name in NAMES:
        assert torch.equal(getattr(first.left, name), getattr(second.left, name))
    assert not torch.equal(first.left.hand_pose, other.left.hand_pose)


def test_autograd_goes_on_from_what_was_drawn() -> None:
    right, left = stacked_near_pairs(MODELS, 2)
    found = _diffusion(DiffusionConfig())(right.map(lambda tensor: tensor.clone().requires_grad_()), left, UNSEEN)
    scale = torch.ones(1, requires_grad=True)
    (scale * found.right.hand_pose.square() * found.max_depth[:, None, None]).sum().backward()
    assert scale.grad is not None
    assert float(scale.grad) > 0


def test_a_pair_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    right, left = stacked_near_pairs(MODELS, 4)
    diffusion = _diffusion(DiffusionConfig(steps=2))
    together, alone = diffusion(right, left, UNSEEN), diffusion(right[2:3], left[2:3], UNSEEN)
    torch.testing.assert_close(together.left.transl[2], alone.left.transl[0], rtol=0, atol=1e-4)


def test_a_noised_estimate_can_be_the_start() -> None:
    right, left = stacked_near_pairs(MODELS, 2)
    config = DiffusionConfig(steps=3, guidance_scale=0.0, projection=None)
    near = _diffusion(replace(config, start_t=30))(right, left, UNSEEN)
    far = _diffusion(config)(right, left, UNSEEN)
    assert not torch.equal(near.left.hand_pose, far.left.hand_pose)
    for found in (near, far):
        assert (found.left.hand_pose - left.hand_pose).abs().mean() < 0.1


def test_keypoints_that_were_seen_are_held_in_the_image() -> None:
    right, left = stacked_near_pairs(MODELS, 8)
    seen = Evidence(has_camera=True, weights=torch.ones(8, 2, 21))
    moved = {}
    for scale in (0.0, 1.0):
        config = DiffusionConfig(steps=3, image_scale=scale, projection=None)
        diffusion = _diffusion(config)
        found = diffusion(right, left, seen)
        before, after = (diffusion._codec.points(*hands) for hands in ((right, left), (found.right, found.left)))
        moved[scale] = (after[..., :2] / after[..., 2:] - before[..., :2] / before[..., 2:]).abs().mean()
    assert moved[1.0] < 0.5 * moved[0.0]


def test_shapes_that_the_denoiser_does_not_know_stay() -> None:
    right, left = stacked_near_pairs(MODELS, 2)
    found = _diffusion(DiffusionConfig(), knows_shape=False)(right, left, UNSEEN)
    assert torch.equal(found.right.betas, right.betas)
    assert torch.equal(found.left.betas, left.betas)


@pytest.mark.parametrize("apart_m", [0.0, 5.0])
def test_hands_inside_one_another_and_hands_far_apart_give_finite_hands(apart_m: float) -> None:
    right, left = (stacked([hand]) for hand in on_top_of_each_other(MODELS))
    left = HandParameters(left.global_orient, left.hand_pose, left.betas, left.transl + apart_m)
    found = _diffusion(DiffusionConfig(steps=2))(right, left, UNSEEN)
    assert all(torch.isfinite(getattr(hand, name)).all() for hand in (found.right, found.left) for name in NAMES)


def test_impossible_settings_are_errors() -> None:
    with pytest.raises(ConfigError, match="must be at least 0"):
        DiffusionConfig(guidance_scale=-1.0)
    with pytest.raises(ConfigError, match="steps must lie in 1"):
        _diffusion(DiffusionConfig(steps=0))


def test_the_mirrored_pair_gives_the_mirrored_hands() -> None:
    # One move: later ones depend on which vertex is inside by a rounding error.
    config = DiffusionConfig(projection=ProjectionConfig(evaluations=2, bisections=0))
    right, left = stacked_near_pairs(MODELS, 12)
    found = _diffusion(config)(right, left, UNSEEN)
    mirrored = _diffusion(config)(mirror_parameters(left), mirror_parameters(right), UNSEEN)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    for own, other in ((found.right, mirrored.left), (found.left, mirrored.right)):
        side = (MODELS.right, MODELS.left) if own is found.right else (MODELS.left, MODELS.right)
        moved = side[0](own).vertices - side[1](other).vertices * flip
        assert float(moved.abs().max()) < MIRRORED_DIFFUSION_M
