"""Who computes next: one line for all streams and calls, a few worker threads, batches within a time budget."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from a2p.errors import A2PError, AbandonedError
from a2p.result import Reconstruction
from a2p.service.backend import Backend, Outcome, Work
from a2p.service.metrics import Metrics


@dataclass(eq=False)
class _Job:
    work: Work
    done: asyncio.Future[Reconstruction]
    abandoned: threading.Event
    queued_s: float = field(default_factory=time.perf_counter)


class Scheduler:
    """Hands work to the backend, first come, first served.

    A stream has one frame at a time in here, so no stream is served twice before the others that wait.
    """

    def __init__(self, backend: Backend, metrics: Metrics, *, workers: int, max_batch: int, budget_s: float) -> None:
        self._backend = backend
        self._metrics = metrics
        self._max_batch = max_batch
        self._budget_s = budget_s
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="a2p-serve")
        self._workers = [asyncio.create_task(self._work(), name=f"a2p-worker-{index}") for index in range(workers)]

    async def reconstruct(self, work: Work) -> Reconstruction:
        """Returns the result; `timings_ms` begins with the time that the work waited.

        A cancelled caller leaves at once: work that has not begun never does, work under way stops after its stage.
        """
        abandoned = threading.Event()
        watched = replace(work, is_abandoned=abandoned.is_set)
        job = _Job(watched, asyncio.get_running_loop().create_future(), abandoned)
        self._jobs.put_nowait(job)
        self._metrics.waiting.set(self._jobs.qsize())
        try:
            return await job.done
        finally:
            abandoned.set()

    async def close(self) -> None:
        """Ends the workers; what waits is cancelled."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        while not self._jobs.empty():
            self._jobs.get_nowait().done.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while True:
            await self._serve_next()

    async def _serve_next(self) -> None:
        """Serves one batch; a method of its own, so that nothing of it is held while the worker waits for the next."""
        jobs = [job for job in await self._batch() if not job.abandoned.is_set()]
        if not jobs:
            return
        self._metrics.waiting.set(self._jobs.qsize())
        self._metrics.batch_size.observe(len(jobs))
        begun_s = time.perf_counter()
        loop, works = asyncio.get_running_loop(), [job.work for job in jobs]
        outcomes = await loop.run_in_executor(self._threads, self._backend.reconstruct, works)
        for job, outcome in zip(jobs, outcomes, strict=True):
            _finish(job, outcome, 1e3 * (begun_s - job.queued_s))

    async def _batch(self) -> list[_Job]:
        """Returns the next job, and those that join it within the budget."""
        jobs = [await self._jobs.get()]
        until_s = time.perf_counter() + self._budget_s
        while len(jobs) < self._max_batch:
            left_s = until_s - time.perf_counter()
            if left_s <= 0 and self._jobs.empty():
                break
            try:
                jobs.append(await asyncio.wait_for(self._jobs.get(), max(left_s, 0.0)))
            except asyncio.TimeoutError:
                break
        return jobs


def _finish(job: _Job, outcome: Outcome, waited_ms: float) -> None:
    if isinstance(outcome, A2PError):
        # A traceback holds the frames, those hold the stream's state, and both would wait for the garbage collector.
        outcome.__traceback__ = None
    if job.done.done():
        return
    if isinstance(outcome, Reconstruction):
        job.done.set_result(replace(outcome, timings_ms={"queue": waited_ms, **outcome.timings_ms}))
    elif isinstance(outcome, AbandonedError):
        job.done.cancel()
    else:
        job.done.set_exception(outcome)
