"""Denoising diffusion implicit models: from noise to a sample in a few steps.

Song, Meng, Ermon, "Denoising Diffusion Implicit Models", ICLR 2021, equations 12 and 16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import ConfigError
from a2p.plausibility.schedule import NoiseSchedule

Denoise: TypeAlias = Callable[[Tensor, int], Tensor]
"""From x_t (b, n) and t to the estimate of x_0 (b, n)."""
Guide: TypeAlias = Callable[[Tensor, int], Tensor]
"""From the estimate of x_0 (b, n) at t to a better one."""


def ddim_step(
    schedule: NoiseSchedule,
    x_t: Float[Tensor, "b n"],
    x_0: Float[Tensor, "b n"],
    *,
    t: int,
    t_previous: int,
    eta: float = 0.0,
    noise: Float[Tensor, "b n"] | None = None,
) -> Float[Tensor, "b n"]:
    """Returns x at `t_previous` (-1: clean), given x_t and the estimate of x_0; `noise` is needed where eta > 0."""
    now, then = (float(a) for a in schedule.at(torch.tensor([t, t_previous])))
    sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)) ** 0.5
    direction = (x_t - now**0.5 * x_0) / (1 - now) ** 0.5
    x: Tensor = then**0.5 * x_0 + max(0.0, 1 - then - sigma**2) ** 0.5 * direction
    if sigma == 0:
        return x
    if noise is None:
        raise ConfigError(f"eta = {eta} draws noise at every step; got none. Give noise, or eta = 0.")
    return x.add(noise, alpha=sigma)


def ddim_sample(
    schedule: NoiseSchedule,
    denoise: Denoise,
    x_start: Float[Tensor, "b n"],
    timesteps: list[int],
    *,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
    guide: Guide | None = None,
) -> Float[Tensor, "b n"]:
    """Returns the last estimate of x_0 on the way down from `x_start`, which has the noise of the first timestep.

    `guide` corrects each estimate of x_0 before the step is taken (Han et al., CVPR 2026, eq. 6).
    """
    x = x_0 = x_start
    for t, t_previous in zip(timesteps, [*timesteps[1:], -1], strict=True):
        x_0 = denoise(x, t)
        if guide is not None:
            x_0 = guide(x_0, t)
        if t_previous < 0:
            break
        # One draw for all: what a sample becomes does not depend on its neighbours in the batch.
        noise = torch.randn(1, x.shape[1], generator=generator, dtype=x.dtype).expand_as(x) if eta > 0 else None
        x = ddim_step(schedule, x, x_0, t=t, t_previous=t_previous, eta=eta, noise=noise)
    return x_0
