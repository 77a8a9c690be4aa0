"""Runs every peer on the same pairs and gathers the rows of the table."""

from __future__ import annotations

from dataclasses import dataclass

from a2p.bench.timing import Timing, take_turns
from benchmarks.cases import Pairs
from benchmarks.peers.accuracy import Errors, errors_of, true_depths
from benchmarks.peers.peer import Peer, prepared, version_of


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int = 60
    budget_s: float = 6.0
    """For the timing of one peer on one kind of hands, and again for its errors."""
    vertex_count: int = 100_000
    """Vertices whose depths are compared with the reference, at least, for peers quick enough."""


@dataclass(frozen=True)
class Row:
    """One peer on one kind of hands; without figures where it cannot run."""

    hands: str
    name: str
    package: str
    gradient: str
    threads: str
    version: str | None = None
    timing: Timing | None = None
    ratio: float | None = None
    """Its time over a2p's native call's."""
    errors: Errors | None = None
    absent: str | None = None
    """Why it could not run."""


def measure_peers(hands: str, pairs: Pairs, peers: tuple[type[Peer], ...], effort: Effort) -> list[Row]:
    """Returns a row a peer; the first one is what the others are compared with.

    Caps count as surface, since no peer can tell them apart.
    """
    ready, absent = prepared(peers, pairs)
    truth = true_depths(pairs.first(effort.vertex_count // (pairs.vertices_a.shape[1] + pairs.vertices_b.shape[1]) + 1))
    errors = {peer.name: errors_of(peer, pairs, truth, budget_s=effort.budget_s) for peer in ready}
    functions = {peer.name: lambda turn, peer=peer: peer.evaluate(*pairs.arrays(turn)) for peer in ready}
    timings = take_turns(functions, rounds=effort.rounds, budget_s=effort.budget_s)
    reasons = {entry.peer.name: entry.reason for entry in absent}
    base = timings[peers[0].name].median_ms
    rows = []
    for peer in peers:
        timing = timings.get(peer.name)
        rows.append(
            Row(
                hands=hands,
                name=peer.name,
                package=peer.package,
                gradient=peer.gradient,
                threads=peer.threads,
                version=version_of(peer.package) if timing else None,
                timing=timing,
                ratio=timing.median_ms / base if timing else None,
                errors=errors.get(peer.name),
                absent=reasons.get(peer.name),
            )
        )
    return rows
