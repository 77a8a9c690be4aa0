"""How hands are commonly posed: fingers move together, and a few synergies explain most of it.

Santello, Flanders and Soechting (J. Neurosci. 1998) found that two to three principal components describe how people
shape their hands. The sampler here is built the same way: one curl shared by all fingers, interphalangeal joints that
follow it, a drift from finger to finger that neighbours share, and a thumb that opposes as the fingers curl. The
distal joint of a finger follows the middle one at about two thirds of its angle, as the tendons make it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import ConfigError
from a2p.hand.anatomy import DOFS, Angles, HandAnatomy, HandPose

DIP_PER_PIP = 0.67
"""Flexion of the distal interphalangeal joint per flexion of the proximal one."""
STATISTICS_POSES = 50_000
"""Poses that mean, deviations and components are measured on."""
_SPREAD = {"index": 1.0, "middle": 0.1, "ring": -0.6, "pinky": -1.2}
"""How far each finger moves towards the thumb's side when the fingers spread, relative to the index finger."""


class PoseStatistics(NamedTuple):
    """Mean and principal components of poses, in any coordinates of n numbers."""

    mean: Float[Tensor, " n"]
    components: Float[Tensor, "n n"]
    """Rows: orthonormal directions, the one of greatest variance first; the largest entry of each is positive."""
    deviations: Float[Tensor, " n"]
    """Standard deviation along each component."""

    @property
    def explained(self) -> Float[Tensor, " n"]:
        """The share of the variance that the first 1, 2, ... components hold."""
        variance = self.deviations.square()
        return variance.cumsum(0) / variance.sum()


@dataclass(frozen=True)
class PosePrior:
    """Common poses of one hand, all within the limits of its anatomy."""

    anatomy: HandAnatomy

    def sample_angles(self, count: int, *, generator: torch.Generator) -> Angles:
        """Returns `count` poses as anatomical angles, within the limits, rad."""
        if count < 0:
            raise ConfigError(f"count must be at least 0; got {count}.")
        latent = _Latent.draw(count, generator)
        names = [dof.name for dof in DOFS]
        angles_deg = {**_finger_angles(latent, generator), **_thumb_angles(latent, generator)}
        angles = torch.stack([angles_deg[name] for name in names], dim=-1) * (math.pi / 180)
        return self.anatomy.clamp(angles.to(self.anatomy.proximal))

    def sample(self, count: int, *, generator: torch.Generator) -> HandPose:
        """Returns `count` poses as axis-angle, rad; draws of one generator state are always the same."""
        return self.anatomy.hand_pose(self.sample_angles(count, generator=generator))

    @cached_property
    def angle_statistics(self) -> PoseStatistics:
        """Mean and components of the anatomical angles (22 numbers), the same for every hand model."""
        return _statistics(self.sample_angles(STATISTICS_POSES, generator=torch.Generator().manual_seed(0)))

    @cached_property
    def pose_statistics(self) -> PoseStatistics:
        """Mean and components of `hand_pose`, flattened (45 numbers)."""
        return _statistics(self.sample(STATISTICS_POSES, generator=torch.Generator().manual_seed(0)).flatten(1))


class _Latent(NamedTuple):
    """What the joints of one hand have in common."""

    curl: Float[Tensor, " b"]
    """0 open, 1 a fist."""
    bend: Float[Tensor, " b"]
    """The same of the interphalangeal joints alone."""
    spread: Float[Tensor, " b"]

    @classmethod
    def draw(cls, count: int, generator: torch.Generator) -> _Latent:
        # Kumaraswamy's distribution: nearly Beta(0.9, 1.1), with an inverse in closed form.
        uniform = torch.rand(count, generator=generator, dtype=torch.float64)
        curl = (1 - uniform.pow(1 / 1.1)).pow(1 / 0.9)
        return cls(
            curl=curl,
            bend=(curl + 0.17 * _normal(count, generator)).clamp(0, 1),
            spread=3 + 4 * _normal(count, generator),
        )


def _finger_angles(latent: _Latent, generator: torch.Generator) -> dict[str, Float[Tensor, " b"]]:
    """The four fingers' angles, degrees, not clamped, by name."""
    count = len(latent.curl)
    angles: dict[str, Tensor] = {}
    drift = torch.zeros_like(latent.curl)
    for finger, spread in _SPREAD.items():
        drift = 0.7 * drift + 0.5 * _normal(count, generator)
        mcp = -15 + 95 * (latent.curl + 0.12 * drift)
        pip = (105 * (latent.bend + 0.10 * drift)).clamp(0, 105)
        # A bent knuckle tightens the collateral ligaments: fingers of a fist cannot spread.
        looseness = 1 - mcp.clamp(0, 90) / 100
        angles[f"{finger}_mcp_flexion"] = mcp
        angles[f"{finger}_mcp_abduction"] = looseness * latent.spread * spread + 2 * _normal(count, generator)
        angles[f"{finger}_pip_flexion"] = pip
        angles[f"{finger}_dip_flexion"] = DIP_PER_PIP * pip - 5 + 6 * _normal(count, generator)
    return angles


def _thumb_angles(latent: _Latent, generator: torch.Generator) -> dict[str, Float[Tensor, " b"]]:
    """The thumb's angles, degrees, not clamped, by name: from beside the palm to across it."""
    count = len(latent.curl)
    opposition = (0.15 + 0.6 * latent.curl + 0.25 * _normal(count, generator)).clamp(-0.2, 1.1)
    return {
        "thumb_cmc_radial": 46 - 38 * opposition + 4 * _normal(count, generator),
        "thumb_cmc_palmar": 21 + 21 * opposition + 4 * _normal(count, generator),
        "thumb_cmc_twist": 20 * opposition + 3 * _normal(count, generator),
        "thumb_mcp_flexion": 40 * opposition + 9 * _normal(count, generator),
        "thumb_mcp_abduction": 3 * _normal(count, generator),
        "thumb_ip_flexion": 45 * opposition + 10 * _normal(count, generator),
    }


def _normal(count: int, generator: torch.Generator) -> Float[Tensor, " b"]:
    return torch.randn(count, generator=generator, dtype=torch.float64)


def _statistics(samples: Float[Tensor, "b n"]) -> PoseStatistics:
    mean = samples.mean(0)
    centred = (samples - mean).double()
    variances, vectors = torch.linalg.eigh(centred.mT @ centred / (len(samples) - 1))
    components = vectors.mT.flip(0)
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))
    return PoseStatistics(
        mean=mean,
        components=(components * largest.sign()).to(samples),
        deviations=variances.flip(0).clamp(min=0).sqrt().to(samples),
    )
