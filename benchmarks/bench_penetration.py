"""Penetration of hand pairs on the CPU: depth, loss and gradient, by batch and threads.

python -m pytest benchmarks/bench_penetration.py --benchmark-only
"""

from __future__ import annotations

import numpy as np
import pytest

from a2p.native import core
from benchmarks.cases import Pairs, open_hand_pairs


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Pairs of open hands that reach into each other."""
    return open_hand_pairs(64)


@pytest.fixture
def evaluate(pairs: Pairs) -> core.PenetrationPair:
    """The evaluation of such pairs, prepared."""
    topologies = [
        core.MeshTopology(topology.faces.numpy(), topology.is_cap.numpy(), vertices[0].numpy())
        for topology, vertices in ((pairs.topology_a, pairs.vertices_a), (pairs.topology_b, pairs.vertices_b))
    ]
    return core.PenetrationPair(*topologies)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 64])
def test_penetration(benchmark, pairs: Pairs, evaluate: core.PenetrationPair, batch: int, threads: int) -> None:
    """Time of one call on `batch` pairs."""
    a, b = (np.ascontiguousarray(v.numpy()[:batch]) for v in (pairs.vertices_a, pairs.vertices_b))
    benchmark.extra_info.update(isa=core.isa(), pairs=batch, threads=threads)
    loss = benchmark(evaluate, a, b, threads=threads)[0]
    assert (loss > 0).any()
