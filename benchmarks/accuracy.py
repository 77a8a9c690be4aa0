"""Signs and depths of the native kernel against the float64 reference, on every instruction set that runs here.

python -m benchmarks.accuracy [--vertices 100000] [--stored FOLDER]

`--stored` names a folder with pairs.npz, pairs of 778-vertex hands. The reference takes seconds a pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro

from a2p.native import core
from a2p.penetration.loss import SQUARED
from benchmarks.cases import Pairs, open_hand_pairs, stored_pairs
from benchmarks.peers.accuracy import Errors, true_depths
from benchmarks.peers.peer import Depths

SIGN_LIMIT = 0
DEPTH_LIMIT_MM = 1e-4


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Compares the native kernel's signs and depths with the float64 reference's."""

    vertices: int = 100_000
    """Vertices to compare, at least, of each kind of hand."""
    stored: Path | None = None
    """Folder of stored pairs of 778-vertex hands; without it the open hand alone is compared."""


def native_errors(pairs: Pairs, truth: list[Depths], isa: str) -> Errors:
    """Returns the native kernel's errors with one instruction set."""
    core.set_isa(isa)
    try:
        evaluate = core.PenetrationPair(*pairs.native_topologies())
        _, *depths = evaluate(pairs.vertices_a.numpy(), pairs.vertices_b.numpy(), loss=SQUARED.kind)[:3]
    finally:
        core.set_isa(None)
    signs, vertices, worst = 0, 0, 0.0
    for index, expected in enumerate(truth):
        for actual, true in zip((depths[0][index], depths[1][index]), expected, strict=True):
            signs += int(((actual > 0) != (true > 0)).sum())
            vertices += len(true)
            worst = max(worst, float(np.abs(actual - true).max()))
    return Errors(signs, vertices, 1e3 * worst)


def main(arguments: Arguments) -> int:
    """Prints a line for each kind of hand and instruction set; fails where a limit is broken."""
    torch.set_num_threads(1)
    cases = {"open hand": open_hand_pairs}
    if arguments.stored is not None:
        stored = stored_pairs(arguments.stored)
        cases["stored hand"] = stored.first
    failed = False
    for name, make in cases.items():
        one = make(1)
        vertex_count = one.vertices_a.shape[1] + one.vertices_b.shape[1]
        pairs = make(-(-arguments.vertices // vertex_count))
        truth = true_depths(pairs)
        inside = sum(int((depth > 0).sum()) for both in truth for depth in both)
        for isa in core.runnable_isas():
            errors = native_errors(pairs, truth, isa)
            failed |= errors.sign_error_count > SIGN_LIMIT or errors.worst_depth_mm > DEPTH_LIMIT_MM
            print(
                f"{name}, {isa}: {errors.sign_error_count} sign errors, depths wrong by {errors.worst_depth_mm:.2g} mm "
                f"at most, on {errors.vertex_count} vertices, {inside} of them inside"
            )
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Arguments)))
