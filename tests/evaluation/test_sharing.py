"""Methods of equal stage 1 share it: every picture is aligned once for them, and nothing they score changes by that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from a2p.data import Duet, InterHand26M, Sample
from a2p.data.duet.shards import arrays_of, save_arrays
from a2p.evaluation.methods import Method, parse_method
from a2p.evaluation.prediction import Prediction, Predictor, Stage2
from a2p.evaluation.regression import JointRegressor
from a2p.evaluation.results_file import ResultsFile, RunInfo, RunResults
from a2p.evaluation.runner import EvaluationJob, Run, evaluate
from a2p.evaluation.scatter import in_processes
from a2p.hand import HandPair
from tests.data.duet_images.scenery import stacked_pairs
from tests.data.interhand_folder import annotations, write_interhand
from tests.data.scenes import models
from tests.evaluation.predictors import TruthFactory

INFO = RunInfo("duet", "test", "full", "open", "0" * 64, "0", 4)
TIMES = ("seconds", "stage_seconds")
METHODS = ("fit=keypoints", "aligned", "descent", "diffusion", "net=network", "drawn=network:diffusion")
POSITIONS = (0, 1, 5)
"""Of duet's samples: hands apart, a hand alone, and hands that stage 2 parts."""


@dataclass(frozen=True)
class Watched:
    """Makes a predictor that tells the truth and writes down what it was asked."""

    made_of: TruthFactory = field(default_factory=TruthFactory)
    asked: list[tuple[str, tuple[Stage2, ...]]] = field(default_factory=list, compare=False)

    def __call__(self) -> Predictor:
        return WatchedPredictor(self)


class WatchedPredictor:
    models: HandPair

    def __init__(self, maker: Watched) -> None:
        self.maker, self.tell = maker, maker.made_of()
        self.models = self.tell.models

    def __call__(self, sample: Sample, pixels: np.ndarray, stage2s: Sequence[Stage2]) -> list[Prediction]:
        self.maker.asked.append((sample.id, tuple(stage2s)))
        return self.tell(sample, pixels, stage2s)


@pytest.fixture(scope="module")
def duet(tmp_path_factory: pytest.TempPathFactory) -> Duet:
    folder = tmp_path_factory.mktemp("pairs")
    save_arrays(folder / "duet-0-000000000-16.npz", arrays_of(stacked_pairs(16)))
    return Duet(folder)


def named(name: str) -> RunInfo:
    return replace(INFO, method=name)


def job_of(dataset: Duet | InterHand26M, *runs: Run) -> EvaluationJob:
    return EvaluationJob(dataset, runs, JointRegressor.of_model("open"), skip_broken=True)


def run_of(method: Method) -> Run:
    return Run(named(method.name), method.stage1, method.stage2)


def without_times(found: RunResults) -> list[bytes]:
    names = [name for name in found.records.dtype.names or () if name not in TIMES]
    return [found.records[name].tobytes() for name in names]


def test_a_picture_is_aligned_once_for_all_runs_of_equal_stage_1(dataset: InterHand26M, results: ResultsFile) -> None:
    watched, other = Watched(), Watched(TruthFactory(move_left_m=5e-3))
    runs = (
        Run(named("aligned"), watched, "none"),
        Run(named("full"), Watched(asked=watched.asked), "descent"),
        Run(named("descent"), watched, "descent"),
        Run(named("aside"), other, "none"),
    )
    assert evaluate(job_of(dataset, *runs), results) == 16
    assert [sample for sample, _ in watched.asked] == ["100", "101", "102", "103"]
    assert {stage2s for _, stage2s in watched.asked} == {("none", "descent")}
    assert {stage2s for _, stage2s in other.asked} == {("none",)}
    found = {run.info.method: results.read(run.info.name) for run in runs}
    assert found["full"].ids == found["aside"].ids == ("100", "101", "102", "103")
    assert found["full"].records.tobytes() == found["descent"].records.tobytes()
    aside = np.nanmax(found["aside"].records["relative_root_mm"])
    assert aside == pytest.approx(5.0, abs=1e-3)
    assert np.nanmax(found["full"].records["relative_root_mm"]) == pytest.approx(0.0, abs=1e-3)


def test_only_the_runs_that_lack_a_sample_are_asked_for_it(dataset: InterHand26M, results: ResultsFile) -> None:
    watched = Watched()
    first, later = Run(named("aligned"), watched, "none"), Run(named("full"), watched, "descent")
    assert evaluate(job_of(dataset, first), results, positions=[0, 2]) == 2
    assert evaluate(job_of(dataset, later), results, positions=[2]) == 1
    watched.asked.clear()
    assert evaluate(job_of(dataset, first, later), results) == 5
    assert watched.asked == [("100", ("descent",)), ("101", ("none", "descent")), ("103", ("none", "descent"))]
    assert evaluate(job_of(dataset, first, later), results) == 0
    assert results.read(first.info.name).records.tobytes() == results.read(later.info.name).records.tobytes()


def test_a_broken_sample_is_counted_in_every_run(tmp_path: Path, results: ResultsFile) -> None:
    content = annotations()
    content["joint_3d"]["5"]["1001"]["world_coord"][3][0] = float("nan")
    root = write_interhand(tmp_path / "ih", content)
    dataset = InterHand26M(root, models=models(), index_folder=tmp_path / "index")
    runs = (Run(named("aligned"), TruthFactory()), Run(named("aside"), TruthFactory(move_left_m=5e-3)))
    assert evaluate(job_of(dataset, *runs), results) == 8
    for run in runs:
        found = results.read(run.info.name)
        assert len(found.records) == 3
        assert len(found.problems) == 1
        assert "world_coord" in found.problems[0][1]


@pytest.mark.slow
def test_all_methods_together_in_two_processes_score_to_the_bit_what_each_scores_alone(
    duet: Duet, tmp_path: Path
) -> None:
    runs = [run_of(parse_method(text)) for text in METHODS]
    with ResultsFile(tmp_path / "together.sqlite") as together, ResultsFile(tmp_path / "alone.sqlite") as alone:
        scatter = partial(in_processes, workers=2)
        assert evaluate(job_of(duet, *runs), together, positions=POSITIONS, scatter=scatter) == 3 * len(runs)
        changed = 0
        for run in runs:
            assert evaluate(job_of(duet, run), alone, positions=POSITIONS) == 3
            found, expected = together.read(run.info.name), alone.read(run.info.name)
            assert found.ids == expected.ids
            assert without_times(found) == without_times(expected)
            assert np.isfinite(found.records["stage_seconds"]).all()
            plain = together.read(named("aligned").name)
            changed += without_times(found) != without_times(plain)
        assert changed >= len(runs) - 2, "methods differ, so that mixing them up would show"
