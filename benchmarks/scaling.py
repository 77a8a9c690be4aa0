"""How the time of penetration and its gradient grows with the batch, the threads and the vertices of a hand.

    python -m benchmarks.scaling --out out/scaling

writes scaling.json and scaling.png. The vertices grow by splitting every face in four; the surface stays as it is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import trimesh

from a2p.bench.machine import Machine
from a2p.bench.timing import take_turns
from a2p.hand.topology import Topology
from a2p.native import core
from benchmarks.cases import Pairs, open_hand_pairs, stored_folder, stored_pairs

BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
THREADS = (1, 2)
MOST_VERTICES = 30_000
PAIR_COUNT = 64
"""Different pairs; a larger batch holds them over again."""


@dataclass(frozen=True)
class Point:
    """One measured point of a curve."""

    vertices: int
    """Of one hand."""
    batch: int
    threads: int
    ms_a_pair: float | None = None


def split(pairs: Pairs) -> Pairs:
    """Returns the same surfaces with every face split in four at the middles of its edges."""
    sides = []
    for vertices, topology in ((pairs.vertices_a, pairs.topology_a), (pairs.vertices_b, pairs.topology_b)):
        faces = topology.faces.numpy()
        halves = [trimesh.remesh.subdivide(pose.numpy(), faces) for pose in vertices]
        positions = torch.from_numpy(np.stack([pose for pose, _ in halves])).float()
        sides.append((positions, Topology(halves[0][1])))
    return Pairs(sides[0][0], sides[1][0], sides[0][1], sides[1][1])


def sizes(count: int) -> list[Pairs]:
    """Returns hands of growing numbers of vertices, each the pairs of one kind of hand."""
    found = [open_hand_pairs(count).closed()]
    folder = stored_folder()
    if folder is not None:
        found.append(stored_pairs(folder).first(count).closed())
    for pairs in found:  # grows as it goes
        if 4 * pairs.vertices_a.shape[1] < MOST_VERTICES:
            found.append(split(pairs))
    return sorted(found, key=lambda pairs: pairs.vertices_a.shape[1])


def parts(pairs: Pairs, batch: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns all pairs in batches of one size, so that small batches meet the same pairs as large ones."""
    count = max(1, len(pairs.vertices_a) // batch)
    all_pairs = pairs.first(count * batch)
    a, b = (vertices.numpy() for vertices in (all_pairs.vertices_a, all_pairs.vertices_b))
    return list(zip(np.split(a, count), np.split(b, count), strict=True))


def evaluate_part(
    evaluate: core.PenetrationPair, batches: list[tuple[np.ndarray, np.ndarray]], threads: int, turn: int
) -> object:
    """Evaluates the batch whose turn it is."""
    a, b = batches[turn % len(batches)]
    return evaluate(a, b, threads=threads)


def measure(cases: Sequence[tuple[Point, Pairs]], *, budget_s: float) -> list[Point]:
    """Returns the points with their times; the cases take turns."""
    functions = {}
    topologies = {id(pairs): pairs.native_topologies() for _, pairs in cases}
    for index, (point, pairs) in enumerate(cases):
        evaluate = core.PenetrationPair(*topologies[id(pairs)])
        functions[str(index)] = partial(evaluate_part, evaluate, parts(pairs, point.batch), point.threads)
    timings = take_turns(functions, rounds=50, budget_s=budget_s)
    return [
        replace(point, ms_a_pair=timing.median_ms / point.batch)
        for (point, _), timing in zip(cases, timings.values(), strict=True)
    ]


def draw(machine: Machine, by_batch: Sequence[Point], by_vertices: Sequence[Point], path: Path) -> None:
    """Draws both curves, a line a number of threads."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    panels = (
        (axes[0], by_batch, "batch", f"{by_batch[0].vertices:,} vertices a hand"),
        (axes[1], by_vertices, "vertices", f"batch of {by_vertices[0].batch}"),
    )
    for axis, points, what, title in panels:
        for threads in THREADS:
            curve = [point for point in points if point.threads == threads]
            x, y = [getattr(point, what) for point in curve], [point.ms_a_pair for point in curve]
            axis.plot(x, y, marker="o", label=f"{threads} thread{'s' if threads > 1 else ''}")
        axis.set(xscale="log", yscale="log", xlabel=what, ylabel="ms a pair", title=title)
        axis.grid(visible=True, which="both", alpha=0.2)
        axis.legend(frameon=False)
    figure.suptitle(f"penetration and its gradient, {machine.processor}, {machine.instruction_set}", fontsize=10)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Reads the arguments, measures, writes and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description="Time against size.")
    parser.add_argument("--out", type=Path, default=Path("out/scaling"), help="folder for scaling.json and scaling.png")
    parser.add_argument("--budget-s", type=float, default=1.0, help="time for each point")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    machine = Machine.here()
    hands = open_hand_pairs(PAIR_COUNT).closed()
    count = hands.vertices_a.shape[1]
    batches = [(Point(count, batch, threads), hands) for batch in BATCHES for threads in THREADS]
    by_batch = measure(batches, budget_s=arguments.budget_s)
    grown = [(Point(pairs.vertices_a.shape[1], 16, threads), pairs) for pairs in sizes(16) for threads in THREADS]
    by_vertices = measure(grown, budget_s=arguments.budget_s)
    content = {
        "machine": asdict(machine),
        "by_batch": [asdict(point) for point in by_batch],
        "by_vertices": [asdict(point) for point in by_vertices],
    }
    (arguments.out / "scaling.json").write_text(json.dumps(content, indent=1) + "\n")
    draw(machine, by_batch, by_vertices, arguments.out / "scaling.png")
    print("| vertices | batch | threads | ms a pair |\n|---|---|---|---|")
    for point in (*by_batch, *by_vertices):
        print(f"| {point.vertices:,} | {point.batch:,} | {point.threads} | {point.ms_a_pair:.3g} |")


if __name__ == "__main__":
    main()
