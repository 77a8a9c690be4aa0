"""The other operations, each against the peers that offer it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import torch

from a2p.bench.hands import ReachingHands
from a2p.bench.timing import take_turns
from a2p.native import core
from a2p.penetration.backends import reference
from a2p.penetration.volume import intersection_volume
from benchmarks.cases import Pairs
from benchmarks.fused_case import FusedCase
from benchmarks.peers.distance_libraries import LibiglPseudonormal, LibiglWinding, Open3D
from benchmarks.peers.measure import Effort
from benchmarks.peers.peer import prepared

CHECKED_PAIRS = 4
"""Pairs whose signed distances are all compared with the reference, which takes seconds for each."""
VOLUME_PAIRS = 32
LEAST_VOLUME_CM3 = 1.0
"""Pairs that share less are left out of the comparison of volumes: a share of nearly nothing says nothing."""
OVERLAP_SHARE = 3e-4
"""Of a hand's volume: what counts as overlapping itself, above the error of the lattice that sums volumes up."""


@dataclass(frozen=True)
class Comparison:
    """One operation of a2p and one peer's, timed in turns."""

    operation: str
    hands: str
    ours: str
    peer: str
    ours_ms: float | None = None
    peer_ms: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The peer's time over a2p's."""
        return None if self.ours_ms is None or self.peer_ms is None else self.peer_ms / self.ours_ms


def compare_threads(hands: str, pairs: Pairs, effort: Effort) -> Comparison:
    """Returns one thread against two on 64 pairs; to be called before the process is held to one core."""
    batch = pairs.first(64)
    a, b = batch.vertices_a.numpy(), batch.vertices_b.numpy()
    pair = core.PenetrationPair(*batch.native_topologies())
    functions = {str(threads): lambda _, threads=threads: pair(a, b, threads=threads) for threads in (1, 2)}
    times = take_turns(functions, rounds=effort.rounds, budget_s=effort.budget_s)
    return Comparison(
        "penetration of 64 pairs",
        hands,
        "2 threads",
        "1 thread",
        times["2"].median_ms,
        times["1"].median_ms,
        f"{len(os.sched_getaffinity(0))} cores" if hasattr(os, "sched_getaffinity") else "",
    )


def compare_signed_distance(hands: str, pairs: Pairs, effort: Effort) -> list[Comparison]:
    """Returns the signed distance of all vertices of both hands to the other hand, outside ones too."""
    topology_a, topology_b = pairs.native_topologies()
    field_a, field_b = core.DistanceField(topology_a), core.DistanceField(topology_b)

    def native(turn: int) -> tuple[np.ndarray, np.ndarray]:
        a, b = (vertices[None] for vertices in pairs.arrays(turn))
        return field_b(a, b, threads=1)[0][0], field_a(b, a, threads=1)[0][0]

    kinds = (LibiglPseudonormal, LibiglWinding, Open3D)
    ready, absent = prepared(kinds, pairs)
    functions: dict[str, Callable[[int], object]] = {"a2p": native}
    functions |= {peer.name: lambda turn, peer=peer: peer.evaluate(*pairs.arrays(turn)) for peer in ready}
    times = take_turns(functions, rounds=effort.rounds, budget_s=effort.budget_s)
    note = f"a2p is off by at most {_worst_distance_mm(native, pairs):.1e} mm on {CHECKED_PAIRS} pairs"
    operation, ours = "signed distance of all vertices", "a2p, native call"
    found = [
        Comparison(operation, hands, ours, peer.name, times["a2p"].median_ms, times[peer.name].median_ms, note)
        for peer in ready
    ]
    return found + [
        Comparison(operation, hands, ours, entry.peer.name, times["a2p"].median_ms, note=f"absent: {entry.reason}")
        for entry in absent
    ]


def _worst_distance_mm(evaluate: Callable[[int], tuple[np.ndarray, np.ndarray]], pairs: Pairs) -> float:
    """Returns the worst error of a signed distance against the reference, sign included."""
    worst = 0.0
    surface_a, surface_b = pairs.surfaces()
    for index in range(CHECKED_PAIRS):
        a, b = (torch.from_numpy(vertices) for vertices in pairs.arrays(index))
        sides = ((a, b, surface_b), (b, a, surface_a))
        for actual, (points, vertices, surface) in zip(evaluate(index), sides, strict=True):
            true = reference.signed_distance(points, vertices, surface.faces, surface.is_cap).numpy()
            worst = max(worst, float(np.abs(actual - true).max()))
    return 1e3 * worst


def compare_fused_step(name: str, hands: ReachingHands, effort: Effort) -> list[Comparison]:
    """Returns parameters to gradient, a2p's two calls against PyTorch skinning and the paper's criterion."""
    case = FusedCase(hands)
    functions = {"a2p, native call": case.native, "a2p FusedPenetration": case.fused, "torch": case.torch_criterion}
    times = {
        key: timing.median_ms
        for key, timing in take_turns(functions, rounds=effort.rounds, budget_s=effort.budget_s).items()
    }
    return [
        Comparison(
            "fused step, batch 1", name, ours, "PyTorch LBS + the paper's criterion", times[ours], times["torch"]
        )
        for ours in ("a2p, native call", "a2p FusedPenetration")
    ]


def compare_volume(hands: str, pairs: Pairs, effort: Effort) -> Comparison:
    """Returns the volume that two closed meshes share against manifold3d's boolean."""
    operation, ours, peer = "volume shared (PenVol)", "a2p intersection_volume", "manifold3d"
    try:
        manifold3d = import_module("manifold3d")
    except ImportError:
        return Comparison(operation, hands, ours, peer, note="absent: not installed")
    faces = [topology.faces for topology in (pairs.topology_a, pairs.topology_b)]
    plain = [each.numpy().astype(np.uint32) for each in faces]

    def by_boolean(turn: int) -> float:
        solids = [
            manifold3d.Manifold(manifold3d.Mesh(vertices, each))
            for vertices, each in zip(pairs.arrays(turn), plain, strict=True)
        ]
        return 1e6 * (solids[0] ^ solids[1]).volume()

    def by_a2p(turn: int) -> float:
        a, b = (torch.from_numpy(vertices) for vertices in pairs.arrays(turn))
        return 1e6 * float(intersection_volume(a, b, *faces))

    times = take_turns({"ours": by_a2p, "peer": by_boolean}, rounds=effort.rounds, budget_s=effort.budget_s)
    apart: dict[bool, list[float]] = {False: [], True: []}
    for index in range(VOLUME_PAIRS):
        theirs = by_boolean(index)
        if theirs > LEAST_VOLUME_CM3:
            overlaps = any(map(overlaps_itself, pairs.arrays(index), faces))
            apart[overlaps].append(abs(by_a2p(index) - theirs) / theirs)
    kinds = {False: "hands that do not overlap themselves", True: "hands that do"}
    note = f"pairs that share {LEAST_VOLUME_CM3:g} cm3 or more differ by " + "; ".join(
        f"{100 * float(np.median(shares)):.2g} % (median), at most {100 * max(shares):.2g} %, on {len(shares)} pairs "
        f"of {kinds[overlaps]}"
        for overlaps, shares in apart.items()
        if shares
    )
    return Comparison(operation, hands, ours, peer, times["ours"].median_ms, times["peer"].median_ms, note)


def overlaps_itself(vertices: np.ndarray, faces: torch.Tensor) -> bool:
    """Returns whether a closed mesh winds about some points more than once: they count twice in its signed volume."""
    positions = torch.from_numpy(vertices)
    a, b, c = (positions.double() - positions.double().mean(dim=0))[faces].unbind(dim=1)
    signed = float((a * torch.linalg.cross(b, c)).sum()) / 6
    return signed - float(intersection_volume(positions, positions, faces, faces)) > OVERLAP_SHARE * signed
