"""One TensorFlow Lite model, loaded once and run on pictures."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Iterator
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from jaxtyping import Float

from a2p.perception.crew import is_member

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


class TfliteModel:
    """A packaged .tflite model with one picture in and several arrays out.

    One interpreter holds one set of buffers. Calls take turns at an interpreter that uses several cores; members of a
    `Crew` have interpreters of one core each, one a member.
    """

    def __init__(self, name: str, *, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        def load(cores: int) -> Any:
            interpreter = Interpreter(model_path=str(path), num_threads=cores)
            interpreter.allocate_tensors()
            return interpreter

        self._alone: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._members: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with as_file(files("a2p.perception") / "assets" / name) as path, _without_native_greeting():
            one = load(threads)
            self._alone.put(one)
            for _ in range(threads if threads > 1 else 0):
                self._members.put(load(1))
        self._input = one.get_input_details()[0]["index"]
        self._outputs = [detail["index"] for detail in one.get_output_details()]

    def __call__(self, picture: Float[np.ndarray, "h w 3"]) -> list[np.ndarray]:
        """Returns the outputs, each without its batch dimension. `picture` is RGB in [0, 1]."""
        idle = self._members if is_member() else self._alone
        interpreter = idle.get()
        try:
            interpreter.set_tensor(self._input, picture[None])
            interpreter.invoke()
            return [interpreter.get_tensor(index)[0] for index in self._outputs]
        finally:
            idle.put(interpreter)
