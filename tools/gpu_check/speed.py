"""How fast penetration, distance, the fused step, and PyTorch's way to the same run on a device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from benchmarks.cases import stored_pairs, stored_reaching_hands
from benchmarks.fused_case import tensors_of, torch_vertices, with_gradient

from a2p.bench.hands import ReachingHands, reaching_hands
from a2p.hand import HandModel
from a2p.penetration import FusedPenetration, penetration_depth, signed_distance
from a2p.penetration.backends.contract import Surface
from a2p.penetration.dispatch import backend_named, resolve
from a2p.penetration.loss import SQUARED
from a2p.penetration.vertex_criterion import vertex_collisions

_MOST_TORCH_PAIRS = 64
"""The vertex criterion in PyTorch holds a distance for every pair of vertices: a batch of 64 takes gigabytes."""


def measure(device: str, *, batches: tuple[int, ...], repeats: int, stored: Path | None) -> Iterator[dict[str, object]]:
    """Yields one row a case and batch size: milliseconds of a call (median, fastest), and pairs a second."""
    most = max(batches)
    hands = {"open hands, 1,630 vertices": reaching_hands(min(most, 256))}
    if stored is not None:
        hands["stored hands, 778 vertices"] = stored_reaching_hands(stored, min(most, 256))
    for name, some in hands.items():
        for batch in batches:
            for case, call in _cases(some, batch, device):
                yield {"hands": name, "case": case, "batch": batch, **_timed(call, device, repeats, batch)}
    if stored is not None:
        pairs = stored_pairs(stored).first(most)
        values = [v.to(device) for v in (pairs.vertices_a, pairs.vertices_b)]
        surfaces, backend = pairs.surfaces(), backend_named(resolve("auto", torch.device(device).type))
        row = _timed(lambda: backend.penetration(*values, *surfaces, SQUARED), device, repeats, most)
        yield {"hands": "stored pairs", "case": "penetration kernels", "batch": most, **row}


def _cases(hands: ReachingHands, batch: int, device: str) -> Iterator[tuple[str, Callable[[], object]]]:
    rows = torch.arange(batch) % len(hands.right.betas)
    a, b = (v[rows].to(device) for v in (hands.vertices_right, hands.vertices_left))
    right, left = (hand[rows].to(device=device) for hand in (hands.right, hands.left))
    models: list[HandModel] = [model.to(device) for model in hands.models]
    topologies = [model.topology for model in models]
    surfaces = [Surface(topology.faces, topology.is_cap) for topology in topologies]
    backend = backend_named(resolve("auto", torch.device(device).type))
    fused = FusedPenetration(models[0], models[1])
    yield "penetration kernels", lambda: backend.penetration(a, b, surfaces[0], surfaces[1], SQUARED)
    yield "penetration_depth", lambda: penetration_depth(a, b, topologies[0], topologies[1])
    yield "signed_distance of all vertices", lambda: signed_distance(a, b, topologies[1])
    yield "fused step", lambda: fused(right, left)
    if batch <= _MOST_TORCH_PAIRS:

        def in_torch() -> object:
            leaves = [with_gradient(hand) for hand in (right, left)]
            vertices = [torch_vertices(model, hand) for model, hand in zip(models, leaves, strict=True)]
            faces = [topology.faces.to(device) for topology in topologies]
            loss = vertex_collisions(vertices[0], vertices[1], faces[0], faces[1]).loss.sum()
            inputs = [*tensors_of(leaves[0]), *tensors_of(leaves[1])]
            return torch.autograd.grad(loss, inputs, allow_unused=True)

        yield "PyTorch skinning, the paper's criterion, autograd", in_torch


def _timed(call: Callable[[], object], device: str, repeats: int, batch: int) -> dict[str, float]:
    """Times calls one after the other and waited for, and then in a row, as a loop that reads no result has them."""
    wait: Callable[[], object] = torch.cuda.synchronize if torch.device(device).type == "cuda" else (lambda: None)
    for _ in range(3):
        call()
    wait()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    wait()
    in_a_row = (time.perf_counter() - start) / repeats
    return {
        "median_ms": 1e3 * statistics.median(times),
        "fastest_ms": 1e3 * min(times),
        "in_a_row_ms": 1e3 * in_a_row,
        "pairs_a_second": batch / in_a_row,
    }


def kernels(device: str, *, batch: int) -> list[dict[str, object]]:
    """Returns where the time of fused steps goes: one row a kernel, slowest first."""
    hands = reaching_hands(min(batch, 256))
    rows = torch.arange(batch) % len(hands.right.betas)
    models = [model.to(device) for model in hands.models]
    fused = FusedPenetration(models[0], models[1])
    right, left = (hand[rows].to(device=device) for hand in (hands.right, hands.left))
    fused(right, left)
    steps = 10
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.device(device).type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(steps):
            fused(right, left)
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()
    rows_of = [
        {"kernel": event.key[:90], "us_a_step": float(getattr(event, "self_device_time_total", 0.0)) / steps}
        for event in profile.key_averages()
    ]
    rows_of.sort(key=lambda row: -float(row["us_a_step"]))  # type: ignore[arg-type]
    return [row for row in rows_of[:12] if row["us_a_step"]]
