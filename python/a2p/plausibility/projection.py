"""The end of stage 2: pairs moved out of each other, batched, at the least cost and no farther than contact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.errors import ConfigError
from a2p.hand.parameters import HandParameters
from a2p.penetration import FusedPenetration
from a2p.plausibility.compliance import Collision, Compliance, SeenPoints, moved

Hands: TypeAlias = tuple[HandParameters, HandParameters]
"""Right and left hands of pairs."""


@dataclass(frozen=True, kw_only=True)
class ProjectionConfig:
    """How far and how long to project."""

    target_m: float = 0.4e-3
    """Depth of the deepest vertex at which a pair is left alone."""
    evaluations: int = 40
    """Poses that may be tried."""
    image_rounds: int = 3
    """First moves that also bring seen keypoints back to their viewing rays."""
    more_image_rounds: int = 3
    """Moves after them that do so where keypoints are still farther from their rays than `near_m`."""
    near_m: float = 1.5e-3
    """Mean distance of keypoints from their rays that is near enough."""
    bisections: int = 2
    """Poses tried between the last one that is too deep and the first one that is not, to keep contact."""
    longest: float = 3.0
    """Length of one move out of the collision at most, in standard deviations of the pose."""
    longest_return: float = 6.0
    """The same of a move back to the image."""

    def __post_init__(self) -> None:
        if self.target_m <= 0 or self.evaluations < 1 or min(self.longest, self.longest_return) <= 0:
            raise ConfigError(
                "target_m, evaluations, longest and longest_return must be positive; got "
                f"{self.target_m}, {self.evaluations}, {self.longest} and {self.longest_return}."
            )
        if min(self.image_rounds, self.more_image_rounds, self.near_m, self.bisections) < 0:
            raise ConfigError(
                "image_rounds, more_image_rounds, near_m and bisections must be at least 0; got "
                f"{self.image_rounds}, {self.more_image_rounds}, {self.near_m} and {self.bisections}."
            )


@dataclass(frozen=True)
class HeldImage:
    """What an image shows of pairs, and how to find their keypoints."""

    seen: SeenPoints
    points: Callable[[HandParameters, HandParameters], Float[Tensor, "b 2 21 3"]]
    is_seen: bool = True
    """Whether the keypoints were seen, not only estimated."""

    def __getitem__(self, rows: Tensor) -> HeldImage:
        """Returns what the image shows of some of the pairs."""
        return HeldImage(self.seen[rows], self.points, self.is_seen)

    def residual(self, hands: Hands) -> Float[Tensor, "b 2 21 2"]:
        """Returns how far the keypoints lie beside their viewing rays, m."""
        return self.seen.residual(self.points(*hands))

    def shift(self, hands: Hands) -> Float[Tensor, " b"]:
        """Returns the mean distance of the keypoints from their rays, each as sure as it is, m."""
        beside = self.residual(hands).square().sum(-1).sqrt() * self.seen.weights
        return beside.sum((1, 2)) / self.seen.weights.sum((1, 2)).clamp(min=1e-6)


@dataclass(frozen=True)
class Projected:
    """Where pairs ended."""

    right: HandParameters
    left: HandParameters
    max_depth: Float[Tensor, " b"]
    """Of the deepest vertex, m: the least that was seen."""


def project(
    step: FusedPenetration, compliance: Compliance, hands: Hands, config: ProjectionConfig, image: HeldImage | None
) -> Projected:
    """Returns each pair at the first pose on its way out that is no deeper than the target, or at the least deep one.

    Every move is Polyak's step in the geometry of the compliance. The first ones also go back to the image, collision
    or not. Pairs that have arrived are evaluated no more, but for the way back towards contact.
    """
    collision = Collision.of(step, *hands)
    best, before = _Poses.of(hands, collision), _Poses.of(hands, collision)
    rows = torch.arange(len(best.depth))
    for evaluation in range(1, config.evaluations):
        held = _still_held(hands, image, evaluation, config)
        active = held | (collision.max_depth > config.target_m)
        if not bool(active.all()):
            rows, collision, compliance, held = rows[active], collision[active], compliance[active], held[active]
            hands = (hands[0][active], hands[1][active])
            image = None if image is None else image[active]
        if len(rows) == 0:
            break
        back = None
        if image is not None and bool(held.any()):
            back = compliance.shortened(compliance.returning(image.residual(hands)), config.longest_return)
            back = back * held[:, None, None]
        move = compliance.resolving(collision, longest=config.longest, given=back)
        before = before.replaced(rows, _Poses(*hands, collision.max_depth))
        hands = moved(*hands, move if back is None else back + move)
        collision = Collision.of(step, *hands)
        better = (collision.max_depth < best.depth[rows]) | held
        best = best.improved(rows, _Poses(*hands, collision.max_depth), better)
    best = _approached(step, before, best, config)
    return Projected(best.right, best.left, best.depth)


def _still_held(hands: Hands, image: HeldImage | None, evaluation: int, config: ProjectionConfig) -> Bool[Tensor, " b"]:
    """Returns which pairs also go back to the image in this move."""
    count = len(hands[0].betas)
    if image is not None and evaluation <= config.image_rounds:
        return torch.ones(count, dtype=torch.bool)
    if image is None or not image.is_seen or evaluation > config.image_rounds + config.more_image_rounds:
        return torch.zeros(count, dtype=torch.bool)
    return image.shift(hands) > config.near_m


@dataclass(frozen=True)
class _Poses:
    """Pairs and how deep they lie in each other."""

    right: HandParameters
    left: HandParameters
    depth: Float[Tensor, " b"]

    @classmethod
    def of(cls, hands: Hands, collision: Collision) -> _Poses:
        return cls(*hands, collision.max_depth)

    def __getitem__(self, rows: Tensor) -> _Poses:
        return _Poses(self.right[rows], self.left[rows], self.depth[rows])

    def improved(self, rows: Tensor, others: _Poses, better: Bool[Tensor, " b"]) -> _Poses:
        """Returns the poses with those of `rows` replaced where the others are better."""
        if bool(better.all()):
            return self.replaced(rows, others)
        return self.replaced(rows[better], others[better])

    def replaced(self, rows: Tensor, others: _Poses) -> _Poses:
        """Returns the poses with those of `rows`, in order and without repeats, replaced."""
        if len(rows) == len(self.depth):
            return others
        right, left = _merged(self.right, others.right, rows), _merged(self.left, others.left, rows)
        return _Poses(right, left, self.depth.index_copy(0, rows, others.depth))


def _merged(hands: HandParameters, others: HandParameters, rows: Tensor) -> HandParameters:
    return HandParameters(
        **{f.name: getattr(hands, f.name).index_copy(0, rows, getattr(others, f.name)) for f in fields(hands)}
    )


def _approached(step: FusedPenetration, inside: _Poses, outside: _Poses, config: ProjectionConfig) -> _Poses:
    """Returns the pairs that went from too deep to not too deep in their last move taken back towards contact."""
    rows = ((inside.depth > config.target_m) & (outside.depth <= config.target_m)).nonzero()[:, 0]
    if len(rows) == 0:
        return outside
    near, far = inside[rows], outside[rows]
    low, high, found = torch.zeros(len(rows)), torch.ones(len(rows)), far
    for _ in range(config.bisections):
        share = (low + high) / 2
        hands = (_between(near.right, far.right, share), _between(near.left, far.left, share))
        tried = _Poses.of(hands, Collision.of(step, *hands))
        free = tried.depth <= config.target_m
        found = found.replaced(free.nonzero()[:, 0], tried[free])
        low, high = torch.where(free, low, share), torch.where(free, share, high)
    return outside.replaced(rows, found)


def _between(a: HandParameters, b: HandParameters, share: Float[Tensor, " b"]) -> HandParameters:
    return HandParameters(
        **{
            f.name: torch.lerp(
                getattr(a, f.name), getattr(b, f.name), share.reshape(-1, *[1] * (getattr(a, f.name).dim() - 1))
            )
            for f in fields(a)
        }
    )
