"""Runs a predictor over a data set: several processes or a cluster, resumable, broken samples counted or fatal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from a2p.data.reading import LoadedSample, SampleReader
from a2p.data.sample import HandDataset
from a2p.errors import DataError
from a2p.evaluation.prediction import Predictor
from a2p.evaluation.provenance import teachers_loaded
from a2p.evaluation.regression import JointRegressor
from a2p.evaluation.results_file import ResultsFile, RunInfo, Scored
from a2p.evaluation.scatter import Scatter, in_processes
from a2p.evaluation.scoring import Scorer

_CHUNK = 8


@dataclass(frozen=True)
class EvaluationJob:
    """What one process needs to score samples; can be sent to worker processes."""

    dataset: HandDataset
    make_predictor: Callable[[], Predictor]
    regressor: JointRegressor
    skip_broken: bool = False

    def start(self) -> Callable[[int], Scored]:
        """Returns what scores the sample at a position, its models loaded."""
        return _Worker(self).score


class _Worker:
    """Scores samples one after another."""

    def __init__(self, job: EvaluationJob) -> None:
        self._reader = SampleReader(job.dataset, skip_broken=job.skip_broken)
        self._predictor = job.make_predictor()
        self._scorer = Scorer(self._predictor.models, job.regressor)
        self._teachers = teachers_loaded()

    def score(self, position: int) -> Scored:
        loaded = self._reader.load(position)
        if not isinstance(loaded, LoadedSample):
            return Scored(position, str(position), None, loaded.reason)
        try:
            prediction = self._predictor(loaded.sample, loaded.pixels)
            record = self._scorer(loaded.sample, prediction)
        except DataError as error:
            if not self._reader.skip_broken:
                raise
            return Scored(position, loaded.sample.id, None, str(error))
        record["teachers"] = self._teachers
        return Scored(position, loaded.sample.id, record.tobytes())


def evaluate(
    job: EvaluationJob,
    info: RunInfo,
    results: ResultsFile,
    *,
    positions: Sequence[int] | None = None,
    scatter: Scatter = in_processes,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Scores those of the positions (all by default) that the results lack; returns how many it scored.

    What has been scored is on disk at once, so that a run may be stopped at any time and goes on where it was.
    `scatter` says who does it: `in_processes`, with workers or alone, or `on_ray(...)`.

    Raises:
        DataError: A sample is broken and the job does not skip those.
        BackendError: A worker process died; what was scored before is kept.
    """
    done = results.begin(info)
    wanted = range(len(job.dataset)) if positions is None else positions
    missing = [position for position in wanted if position not in done]
    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    for outcomes in scatter(job, chunks):
        results.add(info, outcomes)
        progress(len(outcomes))
    return len(missing)
