"""Who computes next: one line for all streams and calls, a few worker threads, batches within a time budget."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from a2p.errors import A2PError, AbandonedError
from a2p.result import Reconstruction
from a2p.service.backend import Backend, Outcome, Work
from a2p.service.metrics import Metrics


@dataclass(frozen=True, kw_only=True)
class Order:
    """A picture that somebody waits for."""

    take: Callable[[], Work]
    """Returns the work; called in the event loop once a worker is free, so that a stream can give its newest frame."""
    encode: Callable[[Reconstruction], bytes]
    """Returns the answer of a result; called by the thread that reconstructed it."""


class Answer(NamedTuple):
    """What an order has led to."""

    data: bytes
    timings_ms: Mapping[str, float]
    """Time of each stage, and before them, as `queue`, of waiting for a worker."""


@dataclass(eq=False)
class _Job:
    order: Order
    done: asyncio.Future[Answer]
    abandoned: threading.Event = field(default_factory=threading.Event)
    queued_s: float = field(default_factory=time.perf_counter)

    def work(self) -> Work:
        return replace(self.order.take(), is_abandoned=self.abandoned.is_set)


class Scheduler:
    """Hands work to the backend, first come, first served. It belongs to one event loop.

    A stream has one frame at a time in here, so no stream is served twice before the others that wait.
    """

    def __init__(self, backend: Backend, metrics: Metrics, *, workers: int, max_batch: int, budget_s: float) -> None:
        self._backend = backend
        self._metrics = metrics
        self._max_batch = max_batch
        self._budget_s = budget_s
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Job] = deque()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="a2p-serve")
        self._idle_count = workers
        self._until_budget: asyncio.TimerHandle | None = None

    async def reconstruct(self, order: Order) -> Answer:
        """Returns the answer.

        A cancelled caller leaves at once: work that has not begun never does, work under way stops after its stage.
        """
        job = _Job(order, self._loop.create_future())
        self._waiting.append(job)
        self._dispatch()
        try:
            return await job.done
        except asyncio.CancelledError:
            job.abandoned.set()
            with contextlib.suppress(ValueError):  # where it is in work already
                self._waiting.remove(job)
            raise

    def close(self) -> None:
        """Takes no more work; what waits is cancelled."""
        self._idle_count = 0
        while self._waiting:
            self._waiting.popleft().done.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _dispatch(self) -> None:
        """Gives idle workers what waits, in full batches or once the budget is spent."""
        while self._idle_count and self._waiting:
            left_s = self._waiting[0].queued_s + self._budget_s - time.perf_counter()
            if len(self._waiting) < self._max_batch and left_s > 0:
                if self._until_budget is not None:
                    self._until_budget.cancel()
                self._until_budget = self._loop.call_later(left_s, self._dispatch)
                break
            jobs = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
            self._idle_count -= 1
            self._metrics.batch_size.observe(len(jobs))
            self._threads.submit(self._compute, jobs, [job.work() for job in jobs])
        self._metrics.waiting.set(len(self._waiting))

    def _compute(self, jobs: Sequence[_Job], works: Sequence[Work]) -> None:
        """Computes a batch; runs in a worker thread."""
        begun_s = time.perf_counter()
        outcomes = self._backend.reconstruct(works)
        answers = [
            _answered(job, outcome, 1e3 * (begun_s - job.queued_s)) for job, outcome in zip(jobs, outcomes, strict=True)
        ]
        self._loop.call_soon_threadsafe(self._finish, jobs, answers)

    def _finish(self, jobs: Sequence[_Job], answers: Sequence[Answer | BaseException]) -> None:
        for job, answer in zip(jobs, answers, strict=True):
            if job.done.done():
                continue
            if isinstance(answer, Answer):
                job.done.set_result(answer)
            elif isinstance(answer, AbandonedError):
                job.done.cancel()
            else:
                job.done.set_exception(answer)
        self._idle_count += 1
        self._dispatch()


def _answered(job: _Job, outcome: Outcome, waited_ms: float) -> Answer | BaseException:
    if isinstance(outcome, A2PError):
        # A traceback holds the frames, those hold the stream's state, and both would wait for the garbage collector.
        outcome.__traceback__ = None
    if not isinstance(outcome, Reconstruction):
        return outcome
    timings_ms = {"queue": waited_ms, **outcome.timings_ms}
    try:
        return Answer(job.order.encode(replace(outcome, timings_ms=timings_ms)), timings_ms)
    except Exception as error:
        return error
