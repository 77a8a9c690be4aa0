"""Work that stops between two stages once nobody waits for it: a deadline passed, a client hung up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from a2p.errors import AbandonedError

_here = threading.local()


@contextmanager
def abandoned_when(is_abandoned: Callable[[], bool]) -> Iterator[None]:
    """Lets `raise_if_abandoned` in this thread ask `is_abandoned`, inside this block."""
    before = getattr(_here, "is_abandoned", None)
    _here.is_abandoned = is_abandoned
    try:
        yield
    finally:
        _here.is_abandoned = before


def raise_if_abandoned() -> None:
    """Raises AbandonedError where the caller has hung up; stages call it before they start."""
    is_abandoned: Callable[[], bool] | None = getattr(_here, "is_abandoned", None)
    if is_abandoned is not None and is_abandoned():
        raise AbandonedError("the work was abandoned: nobody waits for it any more.")
