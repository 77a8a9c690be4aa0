"""What the pytest-benchmark files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from a2p.native import core
from a2p.threads import one_torch_thread
from benchmarks.cases import Pairs, open_hand_pairs


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Holds PyTorch and a2p to one thread, where a benchmark asks for no other number."""
    before = core.thread_count()
    core.set_thread_count(1)
    with one_torch_thread():
        yield
    core.set_thread_count(before)


@pytest.fixture(scope="session")
def pairs() -> Pairs:
    """64 pairs of open hands that reach into each other."""
    return open_hand_pairs(64)
