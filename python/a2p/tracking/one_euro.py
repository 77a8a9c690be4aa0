"""The One-Euro filter: heavy smoothing of what rests, little lag of what moves.

Casiez, Roussel, Vogel, "1 Euro filter: a simple speed-based low-pass filter for noisy input in interactive systems",
CHI 2012. For rotations the difference of two values is the logarithm of their relative rotation, so that the filter
knows no gimbal lock and no seam at pi.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import ConfigError
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat


@dataclass(frozen=True, kw_only=True)
class OneEuro:
    """How strongly a value is smoothed.

    A value that moves at a constant speed v comes out 1 / (2 pi (min_cutoff_hz + beta v)) seconds late.
    """

    min_cutoff_hz: float
    """Cutoff at rest: lower is steadier and later."""
    beta: float
    """How much the cutoff (Hz) rises with each unit a second of speed."""
    speed_cutoff_hz: float = 1.0
    """Cutoff of the filter on the speed itself."""

    def __post_init__(self) -> None:
        if not (self.min_cutoff_hz > 0 and self.beta >= 0 and self.speed_cutoff_hz > 0):
            raise ConfigError(
                "OneEuro needs min_cutoff_hz > 0, beta >= 0 and speed_cutoff_hz > 0; got "
                f"{self.min_cutoff_hz}, {self.beta} and {self.speed_cutoff_hz}. A high cutoff smooths little."
            )

    def gain(self, speed: Float[Tensor, " n"], dt_s: float) -> Float[Tensor, "n 1"]:
        """Returns the share of the difference that a filtered value follows within one time step."""
        cutoff = self.min_cutoff_hz + self.beta * speed
        share: Tensor = 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff * dt_s))
        return share[:, None]

    def speed_gain(self, dt_s: float) -> float:
        """Returns the same share for the speed."""
        return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * self.speed_cutoff_hz * dt_s))


class VectorFilter:
    """Smooths rows of numbers; each row has a speed of its own."""

    def __init__(self, config: OneEuro) -> None:
        self._config = config
        self._last: _Sample | None = None

    def __call__(self, value: Float[Tensor, "n d"], dt_s: float) -> Float[Tensor, "n d"]:
        """Returns the filtered value after the next sample, `dt_s` after the last; the first comes back as it is."""
        last = self._last or _Sample(value, value, torch.zeros_like(value))
        velocity = torch.lerp(last.velocity, (value - last.seen) / dt_s, self._config.speed_gain(dt_s))
        gain = self._config.gain(velocity.norm(dim=-1), dt_s)
        filtered: Tensor = last.filtered + gain * (value - last.filtered)
        self._last = _Sample(value, filtered, velocity)
        return filtered


class RotationFilter:
    """Smooths rotations, each by the angle to its last filtered value."""

    def __init__(self, config: OneEuro) -> None:
        self._config = config
        self._last: _Sample | None = None

    def __call__(self, rotmat: Float[Tensor, "n 3 3"], dt_s: float) -> Float[Tensor, "n 3 3"]:
        """Returns the filtered rotations after the next sample; the first come back as they are."""
        last = self._last or _Sample(rotmat, rotmat, torch.zeros_like(rotmat[..., 0]))
        turn, behind = rotvec_from_rotmat(torch.stack([rotmat @ last.seen.mT, rotmat @ last.filtered.mT]))
        velocity = torch.lerp(last.velocity, turn / dt_s, self._config.speed_gain(dt_s))
        gain = self._config.gain(velocity.norm(dim=-1), dt_s)
        filtered: Tensor = rotmat_from_rotvec(gain * behind) @ last.filtered
        self._last = _Sample(rotmat, filtered, velocity)
        return filtered


@dataclass(frozen=True)
class _Sample:
    """A filter's state after one sample."""

    seen: Tensor
    filtered: Tensor
    velocity: Tensor
    """Of the samples, smoothed."""
