"""Signed distance of all vertices of one hand to the other hand, on the CPU, by batch and threads.

python -m pytest benchmarks/bench_signed_distance.py
"""

from __future__ import annotations

from typing import Any

import pytest

from a2p.native import core
from benchmarks.cases import Pairs


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 64])
def test_signed_distance(benchmark: Any, pairs: Pairs, batch: int, threads: int) -> None:
    """Time of one native call on `batch` pairs."""
    field = core.DistanceField(pairs.native_topologies()[1])
    points, vertices = (positions.numpy()[:batch] for positions in (pairs.vertices_a, pairs.vertices_b))
    benchmark.extra_info.update(isa=core.isa(), pairs=batch, threads=threads)
    distance = benchmark(field, points, vertices, threads=threads)[0]
    assert (distance < 0).any()
