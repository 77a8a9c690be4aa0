"""Runs predictors over a data set: several processes or a cluster, resumable, broken samples counted or fatal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from a2p.data.reading import LoadedSample, SampleReader
from a2p.data.sample import HandDataset
from a2p.errors import DataError
from a2p.evaluation.prediction import Predictor, Stage2
from a2p.evaluation.provenance import teachers_loaded
from a2p.evaluation.regression import JointRegressor
from a2p.evaluation.results_file import ResultsFile, RunInfo, Scored
from a2p.evaluation.scatter import Scatter, in_processes
from a2p.evaluation.scoring import Scorer

_CHUNK = 4


@dataclass(frozen=True)
class Run:
    """One row of tables to be: what is told of it, and what predicts."""

    info: RunInfo
    stage1: Callable[[], Predictor]
    """Makes the predictor. Runs whose makers are equal share it, and with it each picture's stage 1."""
    stage2: Stage2 = "none"


class Task(NamedTuple):
    """One sample and the runs that lack it."""

    position: int
    runs: tuple[str, ...]


@dataclass(frozen=True)
class EvaluationJob:
    """What one process needs to score samples; can be sent to worker processes."""

    dataset: HandDataset
    runs: tuple[Run, ...]
    regressor: JointRegressor
    skip_broken: bool = False

    def start(self) -> Callable[[Task], list[Scored]]:
        """Returns what scores a sample for the runs that lack it, all models loaded."""
        return _Worker(self).score


class _Worker:
    """Scores samples one after another: each is read once, and aligned once for all runs of equal stage 1."""

    def __init__(self, job: EvaluationJob) -> None:
        self._reader = SampleReader(job.dataset, skip_broken=job.skip_broken)
        self._groups: dict[Callable[[], Predictor], list[Run]] = {}
        for run in job.runs:
            self._groups.setdefault(run.stage1, []).append(run)
        self._predictors = {stage1: stage1() for stage1 in self._groups}
        self._scorers = {
            stage1: Scorer(predictor.models, job.regressor) for stage1, predictor in self._predictors.items()
        }
        self._teachers = teachers_loaded()

    def score(self, task: Task) -> list[Scored]:
        loaded = self._reader.load(task.position)
        if not isinstance(loaded, LoadedSample):
            return [Scored(run, task.position, str(task.position), None, loaded.reason) for run in task.runs]
        made = []
        for stage1, runs in self._groups.items():
            wanted = [run for run in runs if run.info.name in task.runs]
            if wanted:
                made += self._scored(loaded, stage1, wanted)
        return made

    def _scored(self, loaded: LoadedSample, stage1: Callable[[], Predictor], runs: Sequence[Run]) -> list[Scored]:
        """Returns the outcomes of runs that share stage 1."""
        sample, stage2s = loaded.sample, list(dict.fromkeys(run.stage2 for run in runs))
        try:
            predictions = self._predictors[stage1](sample, loaded.pixels, stage2s)
            records = [self._scorers[stage1](sample, prediction) for prediction in predictions]
        except DataError as error:
            if not self._reader.skip_broken:
                raise
            return [Scored(run.info.name, loaded.index, sample.id, None, str(error)) for run in runs]
        for record in records:
            record["teachers"] = self._teachers
        found = dict(zip(stage2s, records, strict=True))
        return [Scored(run.info.name, loaded.index, sample.id, found[run.stage2].tobytes()) for run in runs]


def evaluate(
    job: EvaluationJob,
    results: ResultsFile,
    *,
    positions: Sequence[int] | None = None,
    scatter: Scatter = in_processes,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Scores those of the positions (all by default) that a run of the results lacks; returns how many it scored.

    A sample counts once for each run. What has been scored is on disk at once, so that it may be stopped at any time
    and goes on where it was. `scatter` says who does it: `in_processes`, with workers or alone, or `on_ray(...)`.

    Raises:
        DataError: A sample is broken and the job does not skip those.
        BackendError: A worker process died; what was scored before is kept.
    """
    done = {run.info.name: results.begin(run.info) for run in job.runs}
    wanted = range(len(job.dataset)) if positions is None else positions
    tasks = [Task(position, tuple(run for run in done if position not in done[run])) for position in wanted]
    missing = [task for task in tasks if task.runs]
    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    for made in scatter(job, chunks):
        outcomes = [outcome for sample in made for outcome in sample]
        results.add(outcomes)
        progress(len(outcomes))
    return sum(len(task.runs) for task in missing)
