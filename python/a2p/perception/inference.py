"""One TensorFlow Lite model, loaded once and run on pictures."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from importlib.resources import as_file, files

import numpy as np
from jaxtyping import Float

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

    Calls from several threads are taken one after the other: one interpreter holds one set of buffers.
    """

    def __init__(self, name: str, *, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with as_file(files("a2p.perception") / "assets" / name) as path, _without_native_greeting():
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]
        self._lock = threading.Lock()

    def __call__(self, picture: Float[np.ndarray, "h w 3"]) -> list[np.ndarray]:
        """Returns the outputs, each without its batch dimension. `picture` is RGB in [0, 1]."""
        with self._lock:
            self._interpreter.set_tensor(self._input, picture[None])
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index)[0] for index in self._outputs]
