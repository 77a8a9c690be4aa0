"""Skinning and the fused step against PyTorch and smplx, one hand or pair, one thread, all in one run.

`python -m pytest benchmarks/bench_skinning.py` gives pytest-benchmark's table; `python -m
benchmarks.bench_skinning` prints the ratios.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from a2p.bench.hands import reaching_hands
from a2p.bench.timing import take_turns
from a2p.hand import HandModel, HandParameters
from a2p.native import core
from benchmarks.fused_case import FusedCase, tensors_of, torch_vertices, with_gradient

MANO_SIZE = 778


def make_model(vertex_count: int) -> HandModel:
    """Returns the open hand (1,630 vertices), or one as dense as MANO: blend shapes of every joint at every vertex."""
    model = HandModel.load("open")
    if vertex_count == len(model.v_template):
        return model
    generator = torch.Generator().manual_seed(0)
    for name in ("v_template", "shapedirs", "weights"):
        setattr(model, name, getattr(model, name)[:vertex_count].clone())
    model.posedirs = 1e-3 * torch.randn(vertex_count, 3, 135, generator=generator)
    return model


def draw(seed: int) -> HandParameters:
    """Returns one loosely closed hand."""
    generator = torch.Generator().manual_seed(seed)
    orient, pose, betas = (torch.randn(1, *shape, generator=generator) for shape in ((3,), (15, 3), (10,)))
    return HandParameters(0.3 * orient, 0.3 * pose, betas, torch.zeros(1, 3))


class SkinningCase:
    """What to time for a model of one size."""

    def __init__(self, vertex_count: int) -> None:
        self.model = make_model(vertex_count)
        native = self.model.native_skinning()
        assert native is not None
        self.native = native.native
        self.parameters = draw(1)
        self.leaves = with_gradient(self.parameters)
        self.arrays = [tensor.numpy() for tensor in tensors_of(self.parameters)]
        self.d_vertices = torch.randn(1, vertex_count, 3, generator=torch.Generator().manual_seed(2))

    def kernel_forward(self) -> object:
        """Native skinning of numpy arrays."""
        return self.native.forward(*self.arrays, threads=1)

    def kernel_backward(self) -> object:
        """The native vector-Jacobian product of numpy arrays."""
        return self.native.vjp(*self.arrays, self.d_vertices.numpy(), None, None, threads=1)

    def model_forward(self) -> object:
        """HandModel, as a user calls it."""
        return self.model(self.parameters)

    def torch_forward(self) -> object:
        """The PyTorch definition."""
        return torch_vertices(self.model, self.parameters)

    def backward_of(self, vertices: Tensor) -> Callable[[], object]:
        """Returns autograd from the vertices to the parameters."""
        return lambda: torch.autograd.grad(vertices, tensors_of(self.leaves), self.d_vertices, retain_graph=True)

    def model_backward(self) -> Callable[[], object]:
        """Returns the backward pass of HandModel."""
        return self.backward_of(self.model(self.leaves).vertices)

    def torch_backward(self) -> Callable[[], object]:
        """Returns the backward pass of the PyTorch definition."""
        return self.backward_of(torch_vertices(self.model, self.leaves))


@pytest.mark.parametrize("vertex_count", [MANO_SIZE, 1630])
@pytest.mark.parametrize("operation", ["kernel_forward", "kernel_backward", "model_forward", "torch_forward"])
def test_skinning(benchmark: Any, vertex_count: int, operation: str) -> None:
    """Times one operation."""
    benchmark(getattr(SkinningCase(vertex_count), operation))


@pytest.mark.parametrize("operation", ["native", "fused", "torch_criterion"])
def test_fused_step(benchmark: Any, operation: str) -> None:
    """Times one operation on a pair."""
    benchmark(getattr(FusedCase(reaching_hands(1)), operation))


def smplx_forward(vertex_count: int) -> Callable[[], object] | None:
    """Returns smplx's LBS of one hand with the same arrays, or None where smplx is not installed."""
    try:
        from smplx.lbs import lbs
    except ImportError:
        return None
    case = SkinningCase(vertex_count)
    model, parameters = case.model, case.parameters
    pose = torch.cat([parameters.global_orient[:, None], parameters.hand_pose], dim=1).reshape(1, 48)
    posedirs = model.posedirs.reshape(-1, 135).T.contiguous()
    regressor = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(vertex_count), 16).astype(np.float32))
    return lambda: lbs(
        parameters.betas, pose, model.v_template, model.shapedirs, posedirs, regressor, model.parents, model.weights
    )


def median_us(functions: Mapping[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """Returns each function's median time (us)."""
    return {name: 1e3 * timing.median_ms for name, timing in take_turns(functions, rounds=rounds).items()}


def main() -> None:
    """Prints one line a comparison."""
    torch.set_num_threads(1)
    core.set_thread_count(1)
    for vertex_count in (MANO_SIZE, 1630):
        case = SkinningCase(vertex_count)
        calls: dict[str, Callable[[], object]] = {
            "kernel forward": case.kernel_forward,
            "model forward": case.model_forward,
            "torch forward": case.torch_forward,
            "kernel backward": case.kernel_backward,
            "model backward": case.model_backward(),
            "torch backward": case.torch_backward(),
        }
        peer = smplx_forward(vertex_count)
        if peer is not None:
            calls["smplx forward"] = peer
        functions = {name: lambda _, call=call: call() for name, call in calls.items()}
        times = median_us(functions, rounds=200)
        for name, value in times.items():
            base = times["torch backward" if "backward" in name else "torch forward"]
            print(f"{vertex_count:5} vertices  {name:16} {value:9.1f} us  {base / value:7.1f} x")
    pair = FusedCase(reaching_hands(16))
    times = median_us(
        {"native": pair.native, "fused step": pair.fused, "torch LBS + criterion": pair.torch_criterion}, 32
    )
    for name, value in times.items():
        print(f"open hand pair  {name:22} {value:9.1f} us  {times['torch LBS + criterion'] / value:7.1f} x")
    print(f"instruction set {core.isa()}, torch {torch.__version__}, one thread")


if __name__ == "__main__":
    main()
