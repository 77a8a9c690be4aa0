"""PyTorch held to one thread while it works on arrays too small to share.

A hand is some hundred numbers: starting PyTorch's other threads costs more than they save, they spin afterwards on the
cores that the next stage wants, and several processes on one machine slow each other down tenfold.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_depth = 0
_before = 0


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Holds PyTorch to one thread; the number from before returns when the last of concurrent holders leaves."""
    global _depth, _before  # noqa: PLW0603 - PyTorch's setting is the process's own
    with _lock:
        if _depth == 0:
            _before = torch.get_num_threads()
        _depth += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                torch.set_num_threads(_before)
