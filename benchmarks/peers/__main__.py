"""`python -m benchmarks.peers`: runs everything and writes the tables, the figures and the plot."""

from __future__ import annotations

import os

for _name in ("OMP", "OPENBLAS", "MKL", "IGL", "TBB"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"  # read when a library is loaded, so set before the imports below

import argparse
import datetime
import subprocess
import sys
import time
from pathlib import Path

import torch

from a2p.bench.hands import ReachingHands, reaching_hands
from a2p.bench.machine import Machine
from a2p.native import core
from benchmarks.cases import Pairs, open_hand_pairs, stored_folder, stored_pairs, stored_reaching_hands
from benchmarks.peers.comparisons import compare_fused_step, compare_signed_distance, compare_threads, compare_volume
from benchmarks.peers.measure import Effort, measure_peers
from benchmarks.peers.plot import draw
from benchmarks.peers.registry import PEERS
from benchmarks.peers.report import Report, write_json, write_markdown

ROOT = Path(__file__).resolve().parents[2]
PAIR_COUNT = 256


def hands_to_measure() -> dict[str, tuple[Pairs, ReachingHands]]:
    """Returns the pairs, and hands in poses for the fused step, by the name of the hands."""
    found = {}
    folder = stored_folder()
    if folder is not None:
        found["778-vertex hands"] = (stored_pairs(folder), stored_reaching_hands(folder, 16))
    found["open hands, 1,630 vertices"] = (open_hand_pairs(PAIR_COUNT, natural=True), reaching_hands(16, natural=True))
    return found


def hold_to_one_core() -> None:
    """Lets this process, and the threads that libraries start from now on, run on one core only."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def commit() -> str:
    """Returns the commit of the working tree, and whether it has changes."""
    run = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return run.stdout.strip() or "unknown"


def measure(effort: Effort) -> Report:
    """Returns what one run finds."""
    torch.set_num_threads(1)
    machine = Machine.here()
    cases = hands_to_measure()
    comparisons = [compare_threads(name, pairs, effort) for name, (pairs, _) in cases.items()]
    hold_to_one_core()
    core.set_thread_count(1)
    rows = []
    for name, (pairs, hands) in cases.items():
        print(f"measuring {name}", file=sys.stderr, flush=True)
        closed = pairs.closed()
        rows += measure_peers(name, closed, PEERS, effort)
        comparisons += compare_signed_distance(name, closed, effort)
        comparisons += compare_fused_step(name, hands, effort)
        comparisons.append(compare_volume(name, pairs, effort))
    date = datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
    return Report(date, commit(), machine, rows, comparisons)


def main() -> None:
    """Reads the arguments, measures and writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="a2p against its peers.")
    parser.add_argument(
        "--out", type=Path, default=Path("out/peers"), help="folder for peers.md, peers.json, peers.png"
    )
    parser.add_argument("--quick", action="store_true", help="a few rounds only: to see that everything runs")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    report = measure(Effort(rounds=5, budget_s=0.5, vertex_count=4_000) if arguments.quick else Effort())
    picture = draw(report, arguments.out / "peers.png")
    write_json(report, arguments.out / "peers.json")
    written = write_markdown(report, arguments.out / "peers.md", picture=picture.name)
    print(written.read_text())
    print(f"wrote peers.md, peers.json and peers.png to {arguments.out} in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
