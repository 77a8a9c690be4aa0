"""Penetration of hand pairs on the CPU: depth, loss and gradient, by batch and threads, and through autograd.

python -m pytest benchmarks/bench_penetration.py
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from a2p.native import core
from a2p.penetration import penetration_depth
from benchmarks.cases import Pairs


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 64])
def test_penetration(benchmark: Any, pairs: Pairs, batch: int, threads: int) -> None:
    """Time of one native call on `batch` pairs."""
    evaluate = core.PenetrationPair(*pairs.native_topologies())
    a, b = (vertices.numpy()[:batch] for vertices in (pairs.vertices_a, pairs.vertices_b))
    benchmark.extra_info.update(isa=core.isa(), pairs=batch, threads=threads)
    loss = benchmark(evaluate, a, b, threads=threads)[0]
    assert (loss > 0).any()


@pytest.mark.parametrize("batch", [1, 64])
def test_penetration_with_autograd(benchmark: Any, pairs: Pairs, batch: int) -> None:
    """Time of a2p.penetration_depth and the backward pass."""
    a, b = (vertices[:batch].clone().requires_grad_() for vertices in (pairs.vertices_a, pairs.vertices_b))

    def forward_and_backward() -> tuple[Tensor, ...]:
        loss = penetration_depth(a, b, pairs.topology_a, pairs.topology_b).loss
        return torch.autograd.grad(loss.sum(), (a, b))

    benchmark.extra_info.update(isa=core.isa(), pairs=batch, threads=1)
    assert benchmark(forward_and_backward)[0].any()
