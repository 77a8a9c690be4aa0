"""How much noise each timestep of the diffusion holds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from a2p.errors import ConfigError

NOISING_STEPS = 1000
"""Steps from a clean sample to noise, as in the paper."""
_MAX_BETA = 0.999
_OFFSET = 0.008


@dataclass(frozen=True)
class NoiseSchedule:
    """The share of the clean sample's variance that is left at every timestep: x_t = sqrt(a) x_0 + sqrt(1 - a) noise.

    `alpha_bar` in the words of DDIM (Song et al., ICLR 2021).
    """

    alpha_bar: Float[Tensor, " t"]

    @classmethod
    def cosine(cls, steps: int = NOISING_STEPS) -> NoiseSchedule:
        """Returns the cosine schedule (Nichol and Dhariwal, ICML 2021, eq. 17), float64."""
        if steps < 1:
            raise ConfigError(f"steps must be at least 1; got {steps}. The paper has {NOISING_STEPS}.")
        time = torch.arange(steps + 1, dtype=torch.float64) / steps
        level = ((time + _OFFSET) / (1 + _OFFSET) * math.pi / 2).cos().square()
        betas = (1 - level[1:] / level[:-1]).clamp(max=_MAX_BETA)
        return cls((1 - betas).cumprod(0))

    def at(self, t: Int[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """Returns `alpha_bar` at timesteps t; one, a clean sample, where t is -1."""
        return self.alpha_bar[t.clamp(min=0)].masked_fill(t < 0, 1.0)

    def noised(
        self, x_0: Float[Tensor, "b n"], noise: Float[Tensor, "b n"], t: Int[Tensor, " b"]
    ) -> Float[Tensor, "b n"]:
        """Returns x_t: the sample x_0 with as much of the noise as timestep t has."""
        alpha_bar = self.at(t).to(x_0)[:, None]
        return alpha_bar.sqrt() * x_0 + (1 - alpha_bar).sqrt() * noise

    def timesteps(self, steps: int, *, start_t: int | None = None) -> list[int]:
        """Returns `steps` timesteps at equal distances down from `start_t`, by default the noisiest, to zero's side.

        The spacing is the one that diffusers calls `trailing`: the first step is always taken where the noise starts.
        """
        first = len(self.alpha_bar) - 1 if start_t is None else start_t
        if not 0 <= first < len(self.alpha_bar):
            raise ConfigError(f"start_t must lie in 0 to {len(self.alpha_bar) - 1}; got {first}.")
        if not 1 <= steps <= first + 1:
            raise ConfigError(f"steps must lie in 1 to start_t + 1 = {first + 1}; got {steps}.")
        return [round((first + 1) * (steps - k) / steps) - 1 for k in range(steps)]
