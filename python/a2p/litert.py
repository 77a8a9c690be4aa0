"""One TensorFlow Lite model, loaded once and run on one picture after the other, on several threads if need be."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from a2p.crew import is_member

_LOADING = threading.Lock()


@contextlib.contextmanager
def _without_native_greeting() -> Iterator[None]:
    """Keeps the line that the runtime writes to file descriptor 2 at the first load out of the caller's terminal.

    The runtime (ai-edge-litert 2.1) offers no setting for it. Python's own stderr is flushed before and is not lost.
    """
    with _LOADING:
        try:
            sys.stderr.flush()
            saved = os.dup(2)
        except (OSError, ValueError, AttributeError):  # no stderr, as under pythonw
            yield
            return
        sink = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(sink, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(sink)


class LiteRtModel:
    """A TensorFlow Lite model with one array in and several out.

    One interpreter holds one set of buffers. Calls take turns at an interpreter that uses several cores; members of a
    `Crew` have interpreters of one core each, one a member.
    """

    def __init__(self, content: bytes, *, threads: int, members: int) -> None:
        """Loads a .tflite file's content, for calls on `threads` cores and for a crew's members."""
        from ai_edge_litert.interpreter import Interpreter

        def load(cores: int) -> Any:
            interpreter = Interpreter(model_content=content, num_threads=cores)
            interpreter.allocate_tensors()
            return interpreter

        self._members: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._alone: queue.SimpleQueue[Any] = self._members if threads == 1 else queue.SimpleQueue()
        with _without_native_greeting():
            one = load(threads)
            self._alone.put(one)
            for _ in range(members - 1 if threads == 1 else members):
                self._members.put(load(1))
        self._input = one.get_input_details()[0]["index"]
        self._outputs = [detail["index"] for detail in one.get_output_details()]

    def __call__(self, array: Float[np.ndarray, ...]) -> list[np.ndarray]:
        """Returns the outputs, each without its batch dimension; so is the input."""
        idle = self._members if is_member() else self._alone
        interpreter = idle.get()
        try:
            interpreter.set_tensor(self._input, array[None])
            interpreter.invoke()
            return [interpreter.get_tensor(index)[0] for index in self._outputs]
        finally:
            idle.put(interpreter)
