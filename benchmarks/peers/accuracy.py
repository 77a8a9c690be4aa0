"""How often, and by how much, a peer is wrong, against the float64 reference."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from a2p.penetration.backends import reference
from a2p.penetration.loss import SQUARED
from benchmarks.cases import Pairs
from benchmarks.peers.peer import Depths, Peer


@dataclass(frozen=True)
class Errors:
    """Wrong signs, and the worst error of a depth (0 outside), over so many vertices."""

    sign_error_count: int
    vertex_count: int
    worst_depth_mm: float


def true_depths(pairs: Pairs) -> list[Depths]:
    """Returns every pair's depths by the reference."""
    values = reference.penetration(pairs.vertices_a, pairs.vertices_b, *pairs.surfaces(), SQUARED)
    return list(zip(values.depth_a.numpy(), values.depth_b.numpy(), strict=True))


def errors_of(peer: Peer, pairs: Pairs, truth: list[Depths], *, budget_s: float) -> Errors:
    """Returns the peer's errors on as many pairs as it can do within the budget, at least one."""
    signs, vertices, worst = 0, 0, 0.0
    start = time.perf_counter()
    for index, expected in enumerate(truth):
        if index > 0 and time.perf_counter() - start > budget_s:
            break
        for actual, true in zip(peer.depths(*pairs.arrays(index)), expected, strict=True):
            signs += int(((actual > 0) != (true > 0)).sum())
            vertices += len(true)
            worst = max(worst, float(np.abs(np.maximum(actual, 0) - true).max()))
    return Errors(signs, vertices, 1e3 * worst)
