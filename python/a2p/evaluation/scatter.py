"""Chunks of work done by one process, by several, or by a Ray cluster: the same worker code for all of them."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch

from a2p.errors import A2PError, BackendError
from a2p.extras import require_extra

Item = TypeVar("Item")
Made = TypeVar("Made")
_Item_contra = TypeVar("_Item_contra", contravariant=True)
_Made_co = TypeVar("_Made_co", covariant=True)
LOCAL = "local"
"""The address that stands for a Ray cluster on this machine alone, which lives as long as the work."""
_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_MOST_BLOCKS = 4096
"""Parts that Ray Data cuts the work into; what a dead worker loses is one of them, and it is done again."""


@runtime_checkable
class Job(Protocol[_Item_contra, _Made_co]):
    """Work that can be sent to another process. `start` prepares the process and returns what does one item."""

    def start(self) -> Callable[[_Item_contra], _Made_co]:
        """Returns what does one item."""


@runtime_checkable
class Scatter(Protocol):
    """Does chunks of items somewhere. Yields each chunk's results when they are there, in any order, each once."""

    def __call__(self, job: Job[Item, Made], chunks: Sequence[list[Item]]) -> Iterator[list[Made]]:
        """Yields a list a chunk, or several chunks' results in one list."""


def in_processes(job: Job[Item, Made], chunks: Sequence[list[Item]], *, workers: int = 1) -> Iterator[list[Made]]:
    """Yields what so many processes of this machine make of the chunks; one worker is this process itself."""
    if not chunks:
        return
    if workers <= 1:
        work = job.start()
        for chunk in chunks:
            yield [work(item) for item in chunk]
        return
    context = multiprocessing.get_context("spawn")
    with (
        _single_threaded(),
        ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(job,)) as pool,
    ):
        try:
            yield from pool.map(_do_chunk, chunks)
        except BrokenProcessPool as error:
            raise BackendError(
                "a worker process died, perhaps for want of memory. Start again with fewer workers: the run goes on "
                "where it stopped."
            ) from error


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Lets processes that are started meanwhile work in one thread each: the other cores are the other workers'.

    Libraries read these once, when they are loaded; threads of linear algebra that wait for a core spin on it.
    """
    before = {name: os.environ.get(name) for name in _THREAD_LIMITS}
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def on_ray(workers: int, address: str = LOCAL) -> Scatter:
    """Returns what scatters over a Ray cluster with Ray Data, so many workers of one core each.

    A worker that dies is started anew and its part of the work done again. Every machine of the cluster must have a2p
    and see the files at the same paths.
    """
    require_extra("ray", "ray", "pyarrow")
    return partial(_on_ray, workers=workers, address=address)


def _on_ray(job: Job[Item, Made], chunks: Sequence[list[Item]], *, workers: int, address: str) -> Iterator[list[Made]]:
    if not chunks:
        return
    with _cluster(workers, address):
        data: Any = import_module("ray.data")
        data.DataContext.get_current().enable_progress_bars = False
        rows = data.from_items(
            [{"chunk": pickle.dumps(chunk)} for chunk in chunks], override_num_blocks=min(len(chunks), _MOST_BLOCKS)
        )
        pool = data.ActorPoolStrategy(size=min(workers, len(chunks)))
        made = rows.map(_RayWorker, fn_constructor_args=(job,), compute=pool, num_cpus=1)
        for row in made.iter_rows():
            results = pickle.loads(row["made"])
            if isinstance(results, A2PError):
                raise results
            yield results


@contextmanager
def _cluster(workers: int, address: str) -> Iterator[None]:
    """Joins a cluster, or starts one for the time being."""
    ray: Any = import_module("ray")
    if ray.is_initialized():
        yield
        return
    paths = os.pathsep.join(path for path in sys.path if path)
    settings: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False} if address == LOCAL else {}
    ray.init(
        address=address,
        log_to_driver=False,
        logging_level="ERROR",
        runtime_env={"env_vars": {"PYTHONPATH": paths, **dict.fromkeys(_THREAD_LIMITS, "1")}},
        **settings,
    )
    try:
        yield
    finally:
        ray.shutdown()


class _RayWorker(Generic[Item, Made]):
    """One worker of a cluster; Ray starts another one where it dies."""

    def __init__(self, job: Job[Item, Made]) -> None:
        torch.set_num_threads(1)
        self._work = job.start()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            made: Any = [self._work(item) for item in pickle.loads(row["chunk"])]
        except A2PError as error:  # Ray would wrap it in its own
            made = error
        return {"made": pickle.dumps(made)}


_work: Callable[[Any], Any] | None = None


def _start(job: Job[Any, Any]) -> None:
    """Prepares a worker process."""
    global _work  # noqa: PLW0603 - the one state of a worker process
    torch.set_num_threads(1)
    _work = job.start()


def _do_chunk(chunk: list[Any]) -> list[Any]:
    assert _work is not None
    return [_work(item) for item in chunk]
