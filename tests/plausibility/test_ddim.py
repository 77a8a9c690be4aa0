from __future__ import annotations

import pytest
import torch

from a2p.errors import ConfigError
from a2p.plausibility.ddim import ddim_sample, ddim_step
from a2p.plausibility.schedule import NoiseSchedule
from tests.tolerances import DDIM_RELATIVE

SCHEDULE = NoiseSchedule.cosine()


def test_the_noise_grows_from_none_to_all() -> None:
    assert float(SCHEDULE.alpha_bar[0]) > 0.9999
    assert float(SCHEDULE.alpha_bar[-1]) < 1e-8
    assert (SCHEDULE.alpha_bar.diff() < 0).all()
    assert float(SCHEDULE.at(torch.tensor(-1))) == 1.0


def test_timesteps_start_at_the_noisiest_and_have_equal_distances() -> None:
    assert SCHEDULE.timesteps(1) == [999]
    assert SCHEDULE.timesteps(5) == [999, 799, 599, 399, 199]
    assert SCHEDULE.timesteps(4, start_t=399) == [399, 299, 199, 99]
    with pytest.raises(ConfigError, match="steps must lie in 1 to start_t"):
        SCHEDULE.timesteps(5, start_t=3)
    with pytest.raises(ConfigError, match="start_t must lie in 0 to 999"):
        SCHEDULE.timesteps(1, start_t=1000)


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 50])
@pytest.mark.parametrize("eta", [0.0, 0.5, 0.9])
def test_steps_are_those_of_diffusers(steps: int, eta: float) -> None:
    diffusers = pytest.importorskip("diffusers", reason="compares with diffusers.DDIMScheduler")
    theirs = diffusers.DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        clip_sample=False,
        timestep_spacing="trailing",
    )
    theirs.set_timesteps(steps)
    timesteps = SCHEDULE.timesteps(steps)
    assert timesteps == theirs.timesteps.tolist()
    generator = torch.Generator().manual_seed(steps)
    x = torch.randn(3, 7, generator=generator, dtype=torch.float64)
    for t, t_previous in zip(timesteps, [*timesteps[1:], -1], strict=True):
        x_0, noise = (torch.randn(3, 7, generator=generator, dtype=torch.float64) for _ in range(2))
        expected = theirs.step(x_0, t, x, eta=eta, variance_noise=noise).prev_sample
        x = ddim_step(SCHEDULE, x, x_0, t=t, t_previous=t_previous, eta=eta, noise=noise)
        torch.testing.assert_close(x, expected, rtol=DDIM_RELATIVE, atol=DDIM_RELATIVE)


def test_a_denoiser_that_knows_the_sample_is_believed() -> None:
    truth = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    for eta in (0.0, 1.0):
        found = ddim_sample(
            SCHEDULE, lambda *_: truth, torch.zeros(2, 5), SCHEDULE.timesteps(6), eta=eta, generator=torch.Generator()
        )
        assert torch.equal(found, truth)


def test_noise_that_is_missing_is_an_error() -> None:
    x = torch.zeros(1, 2)
    with pytest.raises(ConfigError, match=r"eta = 1\.0 draws noise"):
        ddim_step(SCHEDULE, x, x, t=500, t_previous=100, eta=1.0)


def test_every_estimate_is_guided() -> None:
    seen: list[int] = []

    def guide(x_0: torch.Tensor, t: int) -> torch.Tensor:
        seen.append(t)
        return x_0 + 1

    found = ddim_sample(SCHEDULE, lambda x, _: torch.zeros_like(x), torch.zeros(1, 3), [999, 499], guide=guide)
    assert seen == [999, 499]
    assert torch.equal(found, torch.ones(1, 3))
