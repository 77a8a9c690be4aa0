"""Hands in random poses, for tests."""

from __future__ import annotations

import torch

from a2p.hand import HandParameters


def random_parameters(*batch: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> HandParameters:
    """Any orientation, a pose of about 30 degrees a joint, two sigma of shape, within a metre of the origin."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*batch, *shape, generator=generator, dtype=torch.float64).to(dtype)

    return HandParameters(
        global_orient=normal(3), hand_pose=0.3 * normal(15, 3), betas=normal(10), transl=0.3 * normal(3)
    )
