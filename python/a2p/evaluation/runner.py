"""Runs a predictor over a data set: several processes, resumable, broken samples counted or fatal."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import torch

from a2p.data.reading import LoadedSample, SampleReader
from a2p.data.sample import HandDataset
from a2p.errors import BackendError, DataError
from a2p.evaluation.prediction import Predictor
from a2p.evaluation.regression import JointRegressor
from a2p.evaluation.results_file import ResultsFile, RunInfo, Scored
from a2p.evaluation.scoring import Scorer

_CHUNK = 8


@dataclass(frozen=True)
class EvaluationJob:
    """What one process needs to score samples; can be sent to worker processes."""

    dataset: HandDataset
    make_predictor: Callable[[], Predictor]
    regressor: JointRegressor
    skip_broken: bool = False


class _Worker:
    """Scores samples one after another."""

    def __init__(self, job: EvaluationJob) -> None:
        self._reader = SampleReader(job.dataset, skip_broken=job.skip_broken)
        self._predictor = job.make_predictor()
        self._scorer = Scorer(self._predictor.models, job.regressor)

    def score(self, position: int) -> Scored:
        loaded = self._reader.load(position)
        if not isinstance(loaded, LoadedSample):
            return Scored(position, str(position), None, loaded.reason)
        try:
            prediction = self._predictor(loaded.sample, loaded.pixels)
            return Scored(position, loaded.sample.id, self._scorer(loaded.sample, prediction).tobytes())
        except DataError as error:
            if not self._reader.skip_broken:
                raise
            return Scored(position, loaded.sample.id, None, str(error))


def evaluate(
    job: EvaluationJob,
    info: RunInfo,
    results: ResultsFile,
    *,
    positions: Sequence[int] | None = None,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Scores those of the positions (all by default) that the results lack; returns how many it scored.

    What has been scored is on disk at once, so that a run may be stopped at any time and goes on where it was.

    Raises:
        DataError: A sample is broken and the job does not skip those.
        BackendError: A worker process died; what was scored before is kept.
    """
    done = results.begin(info)
    wanted = range(len(job.dataset)) if positions is None else positions
    missing = [position for position in wanted if position not in done]
    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    for outcomes in _outcomes(job, chunks, workers):
        results.add(info, outcomes)
        progress(len(outcomes))
    return len(missing)


def _outcomes(job: EvaluationJob, chunks: list[list[int]], workers: int) -> Iterator[list[Scored]]:
    if not chunks:
        return
    if workers <= 1:
        worker = _Worker(job)
        for chunk in chunks:
            yield [worker.score(position) for position in chunk]
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(job,)) as pool:
        try:
            yield from pool.map(_score_chunk, chunks)
        except BrokenProcessPool as error:
            raise BackendError(
                "an evaluating process died, perhaps for want of memory. Start again with fewer workers: the run goes "
                "on where it stopped."
            ) from error


_worker: _Worker | None = None


def _start(job: EvaluationJob) -> None:
    """Prepares a worker process."""
    global _worker  # noqa: PLW0603 - the one state of a worker process
    torch.set_num_threads(1)
    _worker = _Worker(job)


def _score_chunk(positions: list[int]) -> list[Scored]:
    assert _worker is not None
    return [_worker.score(position) for position in positions]
