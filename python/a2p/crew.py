"""A few threads that look at several windows of an image at once."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_here = threading.local()


def default_threads() -> int:
    """Returns how many threads look at pictures unless told otherwise: one a core, four at most.

    OMP_NUM_THREADS, by which users and worker processes limit the libraries below, is a limit here, too.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return min(os.cpu_count() or 1, 4, max(int(limit), 1) if limit.isdecimal() else 4)


def is_member() -> bool:
    """Says whether this thread belongs to a crew, whose other members keep the other cores busy."""
    return bool(getattr(_here, "is_member", False))


def _enlist() -> None:
    _here.is_member = True


class Crew:
    """Runs a function on several items at once.

    A model alone on two cores is less than twice as fast as on one, and what lies around it does not share at all; two
    models on two windows, each on a core of its own, are.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="a2p-crew", initializer=_enlist) if size > 1 else None

    def map(self, function: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
        """Returns the results in the order of the items. A single item, and a member's own call, run in place."""
        if self._pool is None or len(items) < 2 or is_member():
            return [function(item) for item in items]
        return list(self._pool.map(function, items))

    def stream(self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
        """Yields the results in the order of the items, of which a few more are taken than were yielded.

        A single item, and a member's own call, run in place. What an item raises is raised in its turn; items that
        have not begun by then are dropped.
        """
        rest = iter(items)
        first = list(islice(rest, 2))
        if self._pool is None or len(first) < 2 or is_member():
            yield from map(function, chain(first, rest))
            return
        coming: deque[Future[ResultT]] = deque()
        try:
            for item in chain(first, rest):
                coming.append(self._pool.submit(function, item))
                if len(coming) > self.size:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()
