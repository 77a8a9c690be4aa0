from __future__ import annotations

import pytest
import torch

from a2p.errors import ConfigError
from a2p.plausibility.denoiser import Denoiser, DenoiserConfig, Normalisation
from a2p.plausibility.pair_numbers import PairCondition, swapped_condition
from a2p.plausibility.schedule import NoiseSchedule

SMALL = DenoiserConfig(width=16, layers=2, heads=2)


def _normalisation(error_deviation: float = 0.5) -> Normalisation:
    generator = torch.Generator().manual_seed(1)
    mean, error_mean = (0.1 * torch.randn(215, generator=generator) for _ in range(2))
    return Normalisation(mean, torch.full((215,), 2.0), error_mean, torch.full((215,), error_deviation))


def _condition(count: int, seed: int = 0) -> PairCondition:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((count, 215), (count, 2, 16, 13), (count, 6))
    return PairCondition(*(torch.randn(shape, generator=generator) for shape in shapes))


def _woken(config: DenoiserConfig) -> Denoiser:
    """A denoiser whose heads say something."""
    torch.manual_seed(0)
    denoiser = Denoiser(config, _normalisation())
    for head in (denoiser.read_joints, denoiser.read_wrists, denoiser.read_pair):
        torch.nn.init.normal_(head.weight, std=0.1)
    return denoiser.eval()


def test_before_training_it_is_the_gaussian_posterior() -> None:
    denoiser, condition = Denoiser(SMALL, _normalisation()), _condition(4)
    x_t, t = torch.randn(4, 215, generator=torch.Generator().manual_seed(2)), torch.tensor([0, 300, 700, 999])
    alpha = NoiseSchedule.cosine().alpha_bar[t].float()[:, None]
    expected = denoiser.normalised(condition.numbers) + denoiser.error_mean
    variance = 0.25
    posterior = (expected / variance + alpha.sqrt() * x_t / (1 - alpha)) / (1 / variance + alpha / (1 - alpha))
    torch.testing.assert_close(denoiser(x_t, t, condition), posterior, rtol=1e-4, atol=1e-4)


def test_numbers_come_back_from_normalised_ones() -> None:
    denoiser, numbers = Denoiser(SMALL, _normalisation()), _condition(3).numbers
    torch.testing.assert_close(denoiser.restored(denoiser.normalised(numbers)), numbers, rtol=0, atol=1e-6)


@pytest.mark.parametrize("joints_per_token", [1, 3])
def test_every_number_of_input_and_output_takes_part(joints_per_token: int) -> None:
    denoiser, condition = (
        _woken(DenoiserConfig(width=16, layers=2, heads=2, joints_per_token=joints_per_token)),
        _condition(1),
    )
    tensors = [tensor.requires_grad_() for tensor in (condition.numbers, condition.joints, condition.pair)]
    x_t = torch.randn(1, 215, generator=torch.Generator().manual_seed(3)).requires_grad_()
    out = denoiser(x_t, torch.tensor([500]), condition)
    rest = out - denoiser.normalised(condition.numbers)
    for tensor, gradient in zip(
        [x_t, *tensors], torch.autograd.grad(rest.square().sum(), [x_t, *tensors]), strict=True
    ):
        assert (gradient != 0).all(), tensor.shape
    assert not torch.equal(out, denoiser(x_t, torch.tensor([100]), condition))


def test_a_pair_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    denoiser, condition = _woken(SMALL), _condition(5)
    x_t, t = torch.randn(5, 215, generator=torch.Generator().manual_seed(3)), torch.full((5,), 400)
    alone = denoiser(x_t[2:3], t[2:3], condition[slice(2, 3)])
    torch.testing.assert_close(denoiser(x_t, t, condition)[2:3], alone, rtol=1e-5, atol=1e-5)


def test_the_paper_size_is_the_papers() -> None:
    with torch.device("meta"):
        denoiser = Denoiser(DenoiserConfig.paper(), _normalisation())
    assert sum(p.numel() for p in denoiser.parameters()) == pytest.approx(22e6, rel=0.05)


def test_impossible_sizes_are_errors() -> None:
    with pytest.raises(ConfigError, match="joints_per_token must be 1 or 3; got 2"):
        DenoiserConfig(joints_per_token=2)
    with pytest.raises(ConfigError, match="width must be a multiple of twice the heads"):
        DenoiserConfig(width=100, heads=8)


def test_a_mirrored_condition_mirrored_again_is_the_condition() -> None:
    condition = _condition(3)
    twice = swapped_condition(swapped_condition(condition))
    for name in ("numbers", "joints", "pair"):
        assert torch.equal(getattr(twice, name), getattr(condition, name))
