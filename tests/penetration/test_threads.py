"""The native threads: settable, shared by concurrent callers, usable after a fork and at exit."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from benchmarks.cases import Pairs, open_hand_pairs

from a2p.native import core

_PROGRAM = """
import threading
import numpy as np
from a2p.native import core

faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
topology = core.MeshTopology(faces, np.zeros(4, dtype=bool), vertices)
pair = core.PenetrationPair(topology, topology)
batch = np.repeat(vertices[None], 64, axis=0)

def evaluate():
    for _ in range(20):
        assert pair(batch, batch + np.float32(0.1), threads=4)[0].min() > 0

threading.Thread(target=evaluate).start()
evaluate()
print("done")
"""


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return open_hand_pairs(8)


def evaluate(pairs: Pairs, threads: int) -> list[np.ndarray]:
    return list(core.PenetrationPair(*pairs.native_topologies())(pairs.vertices_a, pairs.vertices_b, threads=threads))


def same(left: list[np.ndarray], right: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def test_every_number_of_threads_gives_the_same_bits(pairs: Pairs) -> None:
    alone = evaluate(pairs, 1)
    for threads in (2, 3, 16, 300):
        assert same(evaluate(pairs, threads), alone)


def test_concurrent_callers_share_the_threads(pairs: Pairs) -> None:
    alone = evaluate(pairs, 1)
    with ThreadPoolExecutor(4) as callers:
        assert all(same(result, alone) for result in callers.map(lambda _: evaluate(pairs, 3), range(12)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_computes_with_threads_of_its_own(pairs: Pairs) -> None:
    alone = evaluate(pairs, 2)
    torch.set_num_threads(1)
    child = os.fork()
    if child == 0:
        os._exit(0 if same(evaluate(pairs, 2), alone) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_process_that_computed_on_threads_ends_cleanly() -> None:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
