"""Work scattered over processes or over a Ray cluster: every item once, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from a2p.cli import main
from a2p.data import InterHand26M
from a2p.errors import ConfigError, DataError
from a2p.evaluation.labelling import LabellingJob, label, pictures_in
from a2p.evaluation.regression import JointRegressor
from a2p.evaluation.results_file import ResultsFile, RunInfo
from a2p.evaluation.runner import EvaluationJob, Run, evaluate
from a2p.evaluation.scatter import Scatter, in_processes, on_ray
from tests.data.interhand_folder import write_interhand
from tests.data.scenes import models
from tests.evaluation.predictors import TruthFactory

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray", "ignore::ResourceWarning"
)
EXAMPLE = Path(__file__).resolve().parents[2] / "python" / "a2p" / "assets" / "example.jpg"


@dataclass(frozen=True)
class Doubling:
    """Doubles numbers; dies once at one of them, and fails at another."""

    mark: Path
    die_at: int = -1
    fail_at: int = -1

    def start(self) -> Callable[[int], tuple[int, int, int]]:
        return self.double

    def double(self, number: int) -> tuple[int, int, int]:
        """The number, twice it, and the process that did it."""
        if number == self.die_at and not self.mark.exists():
            self.mark.touch()
            os._exit(9)
        if number == self.fail_at:
            raise DataError(f"number {number} is broken.")
        return number, 2 * number, os.getpid()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Scatter]:
    """Two workers, kept for the module; skips where Ray is not installed."""
    pytest.importorskip("ray", reason="needs the extra ray")
    import ray

    paths = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=128 * 2**20,
        runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}},
    )
    yield on_ray(2)
    ray.shutdown()


def test_one_process_keeps_the_order(tmp_path: Path) -> None:
    made = list(in_processes(Doubling(tmp_path / "mark"), [[3, 1], [2]]))
    assert [[item[1] for item in chunk] for chunk in made] == [[6, 2], [4]]
    assert list(in_processes(Doubling(tmp_path / "mark"), [], workers=2)) == []


@pytest.mark.slow
def test_a_worker_of_a_cluster_that_is_killed_loses_and_doubles_nothing(cluster: Scatter, tmp_path: Path) -> None:
    chunks = [list(range(start, start + 3)) for start in range(0, 60, 3)]
    job = Doubling(tmp_path / "mark", die_at=31)
    made = [item for chunk in cluster(job, chunks) for item in chunk]
    assert (tmp_path / "mark").exists(), "a worker died"
    assert sorted(item[:2] for item in made) == [(number, 2 * number) for number in range(60)]
    assert os.getpid() not in {item[2] for item in made}
    assert len({item[2] for item in made}) >= 2


@pytest.mark.slow
def test_an_error_of_ours_comes_back_from_a_cluster_as_itself(cluster: Scatter, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="number 4 is broken"):
        list(cluster(Doubling(tmp_path / "mark", fail_at=4), [[1, 2], [3, 4]]))


@pytest.mark.slow
def test_a_cluster_scores_to_the_bit_what_one_process_scores(
    cluster: Scatter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a2p.evaluation.runner._CHUNK", 1)
    dataset = InterHand26M(write_interhand(tmp_path / "ih"), models=models(), index_folder=tmp_path / "index")
    info = RunInfo("interhand2.6m", "test", "full", "open", "0" * 64, "0", 4)
    factory = TruthFactory(move_fingers_m=5e-3, die_at="102", mark=tmp_path / "died")
    found = []
    for name, scatter in (("ray", cluster), ("alone", in_processes)):
        with ResultsFile(tmp_path / f"{name}.sqlite") as results:
            job = EvaluationJob(dataset, (Run(info, factory),), JointRegressor.of_model("open"))
            assert evaluate(job, results, scatter=scatter) == 4
            assert evaluate(job, results, scatter=scatter) == 0
            found.append(results.read(info.name))
    assert (tmp_path / "died").exists(), "a worker died"
    assert found[0].ids == found[1].ids == ("100", "101", "102", "103")
    assert found[0].records.tobytes() == found[1].records.tobytes()


@pytest.mark.slow
def test_folders_are_labelled_where_labels_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cluster: Scatter
) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "labels"
    (pictures / "more").mkdir(parents=True)
    for name in ("a.jpg", "more/a.jpg"):
        shutil.copy(EXAMPLE, pictures / name)
    (pictures / "broken.png").write_bytes(b"no picture")
    (pictures / "notes.txt").write_text("no picture")
    assert pictures_in(pictures) == ["a.jpg", "broken.png", "more/a.jpg"]
    job = LabellingJob(pictures=pictures, out=out, refine=False)
    done = {item.name: item for item in label(job, scatter=cluster)}
    assert sorted(done) == ["a.jpg", "broken.png", "more/a.jpg"]
    assert done["broken.png"].problem is not None
    assert done["a.jpg"].hand_count == done["more/a.jpg"].hand_count >= 1
    labels = json.loads((out / "more" / "a.jpg.json").read_text())
    assert labels["schema"] == "a2p.reconstruction"
    before = (out / "a.jpg.json").stat().st_mtime_ns
    (out / "more" / "a.jpg.json").unlink()
    assert main(["data", "label", str(pictures), "-o", str(out), "--no-refine"]) == 1
    printed = capsys.readouterr().out
    assert "labelled 1 pictures" in printed
    assert "skipped broken.png" in printed
    assert (out / "a.jpg.json").stat().st_mtime_ns == before


def test_wrong_usage_is_told(tmp_path: Path) -> None:
    assert main(["data", "label", str(tmp_path / "none")]) == 2
    assert main(["data", "label", str(tmp_path), "--workers", "0"]) == 2
    with pytest.raises(ConfigError, match="a folder of pictures is needed"):
        pictures_in(EXAMPLE)


def test_several_processes_do_every_chunk(tmp_path: Path) -> None:
    scatter = partial(in_processes, workers=2)
    made = [item for chunk in scatter(Doubling(tmp_path / "mark"), [[1, 2], [3]]) for item in chunk]
    assert [item[:2] for item in made] == [(1, 2), (2, 4), (3, 6)]
