"""The end of stage 2: pairs moved out of each other, batched, at the least cost and no farther than contact."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import ConfigError
from a2p.hand.parameters import HandParameters
from a2p.penetration import FusedPenetration
from a2p.plausibility.compliance import Collision, Compliance, moved


@dataclass(frozen=True, kw_only=True)
class ProjectionConfig:
    """How far and how long to project."""

    target_m: float = 0.4e-3
    """Depth of the deepest vertex at which a pair is left alone."""
    evaluations: int = 40
    """Poses that may be tried."""
    longest: float = 2.0
    """Length of one move at most, in standard deviations of the pose."""

    def __post_init__(self) -> None:
        if self.target_m <= 0 or self.evaluations < 1 or self.longest <= 0:
            raise ConfigError(
                f"target_m, evaluations and longest must be positive; got {self.target_m}, {self.evaluations} and "
                f"{self.longest}."
            )


@dataclass(frozen=True)
class Projected:
    """Where pairs ended."""

    right: HandParameters
    left: HandParameters
    max_depth: Float[Tensor, " b"]
    """Of the deepest vertex, m: the least that was seen."""


def project(
    step: FusedPenetration,
    compliance: Compliance,
    right: HandParameters,
    left: HandParameters,
    config: ProjectionConfig,
) -> Projected:
    """Returns each pair at the first pose on its way out that is no deeper than the target, or at the least deep one.

    Every move is Polyak's step in the geometry of the compliance; pairs that have arrived are evaluated no more.
    """
    best_right, best_left = right, left
    best_depth = torch.full_like(right.betas[:, 0], torch.inf)
    rows = torch.arange(len(best_depth))
    for evaluation in range(config.evaluations):
        collision = Collision.of(step, right, left)
        better = collision.max_depth < best_depth[rows]
        best_depth[rows[better]] = collision.max_depth[better]
        best_right = _replaced(best_right, rows[better], right[better])
        best_left = _replaced(best_left, rows[better], left[better])
        deep = collision.max_depth > config.target_m
        if evaluation == config.evaluations - 1 or not bool(deep.any()):
            break
        if not bool(deep.all()):
            rows, collision, compliance = rows[deep], collision[deep], compliance[deep]
            right, left = right[deep], left[deep]
        right, left = moved(right, left, compliance.resolving(collision, longest=config.longest))
    return Projected(best_right, best_left, best_depth)


def _replaced(hands: HandParameters, rows: Tensor, others: HandParameters) -> HandParameters:
    """Returns the hands with those of `rows` replaced."""
    return HandParameters(
        **{f.name: getattr(hands, f.name).index_copy(0, rows, getattr(others, f.name)) for f in fields(hands)}
    )
