"""Guided descent: moves two hands apart at the least cost until they only touch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Penetration:
    """What a pose of the pair penetrates by."""

    loss: float
    """Half the sum of the squared depths, m^2."""
    gradient: Vector
    max_depth: float
    """Of the deepest vertex, m."""


@dataclass(frozen=True)
class Objective:
    """The cost of moving by x, and the penetration there."""

    precision: npt.NDArray[np.float64]
    """Moving costs x^T precision x / 2."""
    limits: Callable[[Vector], tuple[float, Vector]]
    """The cost of bending joints too far, and its gradient."""
    penetration: Callable[[Vector], Penetration]


@dataclass(frozen=True, kw_only=True)
class DescentConfig:
    """How far and how long to descend."""

    target_m: float = 0.9e-3
    """Depth at which the descent stops: contact stays contact."""
    evaluations: int = 40
    """Poses that may be tried on the way down."""
    settling: int = 30
    """Poses that may be tried on the way back from where the hands were parted."""
    scale_m: float = 1e-3
    """Depth that weighs as much as one standard deviation of the pose, at first."""
    growth: float = 4.0
    """Factor on the weight of penetration when the descent has settled deeper than allowed."""
    longest_step: float = 0.2
    """Length of a step, in standard deviations of the pose, beyond which the slope no longer tells what lies there."""
    bisections: int = 3
    """Poses tried between the last one that penetrates and the first one that does not, to keep contact."""


@dataclass(frozen=True)
class Descent:
    """Where a descent ended."""

    x: Vector
    max_depth: float
    cost: float
    """What the move costs, penetration not counted."""
    evaluations: int


def descend(objective: Objective, start: Vector, config: DescentConfig) -> Descent:
    """Returns the first pose on the way down that penetrates no deeper than the target, or the least deep one seen.

    Limited-memory BFGS (Nocedal, Math. Comp. 1980) in coordinates that make the cost of moving a sphere; the weight of
    penetration grows whenever the descent settles.
    """
    slopes = _Slopes(objective, config)
    y = slopes.root.T @ start
    point = slopes(y)
    memory = _Memory()
    while point.max_depth > config.target_m and slopes.used < config.evaluations:
        direction = memory.direction(point.slope)
        direction *= min(1.0, config.longest_step / max(float(np.linalg.norm(direction)), 1e-12))
        found = _line_search(slopes, point, direction)
        settled = found is None
        if found is not None:
            if found.max_depth <= config.target_m:
                _approach(slopes, point, found, config)
                break
            memory.add(found.y - point.y, found.slope - point.slope)
            settled = point.value - found.value < 0.02 * point.value
            point = found
        if settled:
            slopes.weight *= config.growth
            memory = _Memory()
            point = slopes(point.y)
    best = slopes.best
    return Descent(slopes.unwhiten @ best.y, best.max_depth, best.cost, slopes.used)


def settle(objective: Objective, start: Vector, config: DescentConfig) -> Descent:
    """Returns the cheapest pose on the way back from `start` that penetrates no deeper than the target.

    `start` must be such a pose. Penetration weighs so much that the way ends in contact.
    """
    slopes = _Slopes(objective, config)
    slopes.weight /= _SETTLING_DEPTH**2
    point = slopes(slopes.root.T @ start)
    memory = _Memory()
    while slopes.used < config.settling:
        direction = memory.direction(point.slope)
        direction *= min(1.0, config.longest_step / max(float(np.linalg.norm(direction)), 1e-12))
        found = _line_search(slopes, point, direction)
        if found is None and memory.is_empty:
            break
        if found is None:
            memory = _Memory()
            continue
        memory.add(found.y - point.y, found.slope - point.slope)
        point = found
    best = slopes.best
    return Descent(slopes.unwhiten @ best.y, best.max_depth, best.cost, slopes.used)


_SETTLING_DEPTH = 0.25
"""Depth that weighs as much as one standard deviation when settling, as a share of the descent's."""


@dataclass(frozen=True)
class _Point:
    """A pose that was tried: its value with its slope, the depth and the cost of the move."""

    y: Vector
    value: float
    slope: Vector
    max_depth: float
    cost: float


class _Slopes:
    """The value to descend and its slope, in coordinates that make the cost of moving a sphere."""

    def __init__(self, objective: Objective, config: DescentConfig) -> None:
        self.root: npt.NDArray[np.float64] = np.linalg.cholesky(objective.precision).astype(np.float64, copy=False)
        self.unwhiten = _inverse(self.root).T
        self.weight = 1 / config.scale_m**2
        self.used = 0
        self._objective = objective
        self._target = config.target_m
        self.best: _Point

    def __call__(self, y: Vector) -> _Point:
        """Returns what lies at y, and remembers the best point."""
        x = self.unwhiten @ y
        there = self._objective.penetration(x)
        limit, limit_gradient = self._objective.limits(x)
        cost = 0.5 * float(y @ y) + limit
        slope = y + self.unwhiten.T @ (limit_gradient + self.weight * there.gradient)
        point = _Point(y, cost + self.weight * there.loss, slope, there.max_depth, cost)
        self.used += 1
        if self.used == 1 or self._rank(point) < self._rank(self.best):
            self.best = point
        return point

    def _rank(self, point: _Point) -> tuple[float, float]:
        """The less deep the better, down to the target; from there on the cheaper the better."""
        return max(point.max_depth, self._target), point.cost


def _inverse(lower: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the inverse of a lower triangular matrix.

    By PyTorch, which callers hold to one thread: NumPy's wakes others for it, which spin on cores that have other work.
    """
    root = torch.from_numpy(lower)
    inverse = torch.linalg.solve_triangular(root, torch.eye(len(root), dtype=root.dtype), upper=False)
    inverted: npt.NDArray[np.float64] = inverse.numpy()
    return inverted


def _line_search(slopes: _Slopes, point: _Point, direction: Vector) -> _Point | None:
    """Returns the first point that descends enough (Armijo), shortening up to 6 times; None if there is none."""
    rate = float(point.slope @ direction)
    length = 1.0
    for _ in range(7):
        candidate = slopes(point.y + length * direction)
        if candidate.value <= point.value + 1e-4 * length * rate:
            return candidate
        length *= 0.4
    return None


def _approach(slopes: _Slopes, inside: _Point, outside: _Point, config: DescentConfig) -> None:
    """Tries poses between two, towards where the penetration is just not too deep."""
    for _ in range(config.bisections):
        middle = slopes((inside.y + outside.y) / 2)
        if middle.max_depth <= config.target_m:
            outside = middle
        else:
            inside = middle


class _Memory:
    """The last steps, which stand in for the curvature."""

    def __init__(self, length: int = 12) -> None:
        self._pairs: deque[tuple[Vector, Vector]] = deque(maxlen=length)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered."""
        return not self._pairs

    def add(self, step: Vector, change: Vector) -> None:
        """Remembers a step and the change of the gradient over it, if the curvature along it is positive."""
        if float(step @ change) > 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            self._pairs.append((step, change))

    def direction(self, slope: Vector) -> Vector:
        """Returns the descent direction; without memory, the steepest one, one standard deviation long at most."""
        if not self._pairs:
            return -slope / max(1.0, float(np.linalg.norm(slope)))
        direction = -slope
        shares = []
        for step, change in reversed(self._pairs):
            share = float(step @ direction) / float(step @ change)
            shares.append(share)
            direction = direction - share * change
        step, change = self._pairs[-1]
        direction = direction * (float(step @ change) / float(change @ change))
        for (step, change), share in zip(self._pairs, reversed(shares), strict=True):
            direction = direction + step * (share - float(change @ direction) / float(step @ change))
        return direction
