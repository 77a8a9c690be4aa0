"""Evaluations: a perfect predictor scores 0, a shifted one what it was shifted by; stopped and dying runs go on."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from a2p.cli import main
from a2p.data import Hic, InterHand26M
from a2p.errors import BackendError, ConfigError, DataError
from a2p.evaluation.bootstrap import paired_difference
from a2p.evaluation.metrics import metrics_of
from a2p.evaluation.regression import JointRegressor
from a2p.evaluation.results_file import ResultsFile, RunInfo, RunResults
from a2p.evaluation.runner import EvaluationJob, Run, evaluate
from a2p.evaluation.scatter import in_processes
from a2p.evaluation.tables import comparison, paper_table
from tests.data.folders import write_hic
from tests.data.interhand_folder import annotations, write_interhand
from tests.data.scenes import models
from tests.evaluation.predictors import TruthFactory

INFO = RunInfo("interhand2.6m", "test", "full", "open", "0" * 64, "0", 4, title="both stages")


def run(
    dataset: InterHand26M | Hic, results: ResultsFile, factory: TruthFactory, *, workers: int = 1, name: str = "full"
) -> RunResults:
    info = replace(INFO, method=name)
    job = EvaluationJob(dataset, (Run(info, factory),), JointRegressor.of_model("open"), skip_broken=True)
    evaluate(job, results, scatter=partial(in_processes, workers=workers))
    return results.read(info.name)


def figures(found: RunResults, protocol: str = "interwild") -> dict[str, float]:
    metrics = metrics_of(protocol)  # type: ignore[arg-type]
    return {name: metric(found.records) for name, metric in metrics.items()}


@pytest.mark.parametrize("protocol", ["interwild", "intaghand", "procrustes"])
def test_a_perfect_predictor_scores_zero(dataset: InterHand26M, results: ResultsFile, protocol: str) -> None:
    found = figures(run(dataset, results, TruthFactory()), protocol)
    for name, figure in found.items():
        if name.split("-")[0].split()[-1] in ("MPJPE", "MPVPE", "MRRPE", "RRVE"):
            assert figure == pytest.approx(0.0, abs=2e-4), name
    assert found["hands found"] == 1.0
    assert found["ms a picture"] == 250.0
    assert found["PenVol"] == 0.0


def test_a_left_hand_5_mm_aside_scores_5_relative_to_the_right_and_0_by_itself(
    dataset: InterHand26M, results: ResultsFile
) -> None:
    found = figures(run(dataset, results, TruthFactory(move_left_m=5e-3)))
    assert found["MRRPE"] == pytest.approx(5.0, abs=1e-3)
    assert found["RRVE"] == pytest.approx(2.5, abs=1e-3), "one of the two hands is 5 mm away"
    assert found["MPJPE"] == pytest.approx(0.0, abs=1e-3)
    assert found["MPVPE"] == pytest.approx(0.0, abs=1e-3)


def test_fingers_5_mm_deeper_score_5_at_every_joint_but_the_wrist(dataset: InterHand26M, results: ResultsFile) -> None:
    found = run(dataset, results, TruthFactory(move_fingers_m=5e-3))
    errors = found.records["joints_mm"][0, 0]
    assert errors[:, 1:] == pytest.approx(5.0, abs=1e-3)
    assert errors[:, 0] == pytest.approx(0.0, abs=1e-3)
    by_name = figures(found)
    assert by_name["MPJPE"] == by_name["MPJPE-Z"] == pytest.approx(5.0 * 20 / 21, abs=1e-3)
    assert by_name["IH MPJPE"] == pytest.approx(by_name["SH MPJPE"], abs=1e-3)
    assert by_name["MPJPE-XY"] == pytest.approx(0.0, abs=1e-3)


def wrist_at_the_first_vertex(path: Path) -> Path:
    """Writes a regressor whose keypoints are the first 21 vertices."""
    np.save(path, np.eye(models().right.topology.vertex_count)[:21])
    return path


def test_a_predictor_5_mm_off_prints_5_00_in_every_column_that_it_should(
    dataset: InterHand26M, results: ResultsFile, tmp_path: Path
) -> None:
    aside = paper_table(1, [run(dataset, results, TruthFactory(move_left_m=5e-3), name="aside")])
    regressor = JointRegressor.load(wrist_at_the_first_vertex(tmp_path / "regressor.npy"))
    info = replace(INFO, method="bent")
    evaluate(EvaluationJob(dataset, (Run(info, TruthFactory(move_mesh_m=5e-3)),), regressor), results)
    bent = paper_table(1, [results.read(info.name)])
    columns = ("MRRPE", "MPJPE", "MPVPE", "IH MPJPE", "IH MPVPE", "SH MPJPE", "SH MPVPE")
    assert aside.columns == bent.columns == columns
    assert aside.cells(aside.rows[-1])[1:8] == ["5.00", "0.00", "0.00", "0.00", "0.00", "0.00", "0.00"]
    joint = f"{5.0 * 20 / 21:.2f}"  # the wrist itself is where it should be
    assert bent.cells(bent.rows[-1])[1:8] == ["0.00", joint, "5.00", joint, "5.00", joint, "5.00"]
    assert figures(results.read(info.name))["RRVE"] == pytest.approx(5.0, rel=1e-3)
    assert "regressed from meshes" in bent.to_markdown()


def test_a_joint_regressor_of_another_form_is_refused(tmp_path: Path) -> None:
    for name, content in (("few.npy", np.eye(16)), ("flat.npy", np.zeros(21))):
        np.save(tmp_path / name, content)
        with pytest.raises(ConfigError, match=r"must have shape \(21, v\)"):
            JointRegressor.load(tmp_path / name)
    (tmp_path / "text.npy").write_text("no numbers")
    with pytest.raises(ConfigError, match=r"must be a \.npy file"):
        JointRegressor.load(tmp_path / "text.npy")


def test_hands_that_were_not_found_are_counted_and_have_no_errors(dataset: InterHand26M, results: ResultsFile) -> None:
    found = run(dataset, results, TruthFactory(forget_left=True))
    assert figures(found)["hands found"] == pytest.approx(3 / 6)
    assert not np.isfinite(found.records["joints_mm"][:, 0, 1]).any()
    assert np.isnan(figures(found)["MRRPE"])
    row = paper_table(1, [found]).rows[-1]
    assert row.missing_hands == 3
    assert "3 of 6 annotated hands not found" in paper_table(1, [found]).to_markdown()


def test_a_stopped_run_goes_on_where_it_was(dataset: InterHand26M, results: ResultsFile) -> None:
    job = EvaluationJob(dataset, (Run(INFO, TruthFactory()),), JointRegressor.of_model("open"))
    assert evaluate(job, results, positions=[2]) == 1
    assert evaluate(job, results) == 3
    assert evaluate(job, results) == 0
    assert results.read(INFO.name).ids == ("100", "101", "102", "103")


def test_a_run_does_not_go_on_with_other_weights(dataset: InterHand26M, results: ResultsFile) -> None:
    run(dataset, results, TruthFactory())
    with pytest.raises(ConfigError, match="with another weights_sha256"):
        results.begin(replace(INFO, weights_sha256="1" * 64))


@pytest.mark.slow
def test_several_processes_score_the_same_and_a_dead_one_loses_nothing(
    dataset: InterHand26M, results: ResultsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a2p.evaluation.runner._CHUNK", 1)
    expected = run(dataset, results, TruthFactory(move_fingers_m=5e-3))
    factory = TruthFactory(move_fingers_m=5e-3, die_at="103", mark=tmp_path / "died")
    with pytest.raises(BackendError, match="goes on where it stopped"):
        run(dataset, results, factory, workers=2, name="aligned")
    assert (tmp_path / "died").exists()
    found = run(dataset, results, factory, workers=2, name="aligned")
    assert found.ids == expected.ids
    assert found.records["joints_mm"].tobytes() == expected.records["joints_mm"].tobytes()


def test_broken_samples_stop_the_run_or_are_counted(tmp_path: Path, results: ResultsFile) -> None:
    content = annotations()
    content["joint_3d"]["5"]["1001"]["world_coord"][3][0] = float("nan")
    root = write_interhand(tmp_path / "ih", content)
    dataset = InterHand26M(root, models=models(), index_folder=tmp_path / "index")
    job = EvaluationJob(dataset, (Run(INFO, TruthFactory()),), JointRegressor.of_model("open"))
    with pytest.raises(DataError, match=r'\["1001"\]\["world_coord"\]\[3\]'):
        evaluate(job, results)
    found = run(dataset, results, TruthFactory())
    assert len(found.records) == 3
    assert "world_coord" in found.problems[0][1]


def test_truth_without_joints_is_regressed_from_its_meshes(tmp_path: Path, results: ResultsFile) -> None:
    regressor = JointRegressor(JointRegressor.of_model("open").weights[:, :778])
    info = replace(INFO, dataset="hic")
    dataset = Hic(write_hic(tmp_path), index_folder=tmp_path / "index")
    evaluate(EvaluationJob(dataset, (Run(info, TruthFactory()),), regressor), results, positions=[1])
    found = results.read(info.name)
    assert found.records["is_regressed"].all()
    assert figures(found)["SH MPJPE"] == pytest.approx(0.0, abs=1e-3)
    assert figures(found)["SH MPVPE"] == pytest.approx(0.0, abs=1e-3)
    assert "regressed from meshes" in paper_table(2, [found]).to_markdown()


def test_paired_differences_use_common_samples_and_collapse_for_constant_shifts(
    dataset: InterHand26M, results: ResultsFile
) -> None:
    one = run(dataset, results, TruthFactory(move_left_m=5e-3), name="aligned")
    other = run(dataset, results, TruthFactory())
    difference, count = paired_difference(metrics_of("interwild")["MRRPE"], one, other)
    assert count == 4
    assert (difference.value, difference.low, difference.high) == pytest.approx((5.0,) * 3, abs=1e-3)
    assert difference.is_clear
    text = comparison(one, other)
    assert "| MRRPE (mm) | +5.00 | +5.00 to +5.00 | worse |" in text
    alien = replace(other, ids=("a", "b", "c", "d"))
    with pytest.raises(ConfigError, match="no sample in common"):
        paired_difference(metrics_of("interwild")["MRRPE"], one, alien)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_tables_have_the_papers_rows_and_ours_as_markdown_and_json(
    dataset: InterHand26M, results: ResultsFile, number: int
) -> None:
    table = paper_table(number, [run(dataset, results, TruthFactory(move_left_m=5e-3))])
    lines = table.to_markdown().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1, "every row has every column"
    assert rows[-1].startswith("| **a2p, both stages (interhand2.6m, test)**")
    content = json.loads(table.to_json())
    assert content["rows"][-1]["samples"] == 4
    assert not content["rows"][0]["is_ours"]
    if number == 1:
        assert "| A2P (paper) | 21.60 | 5.36 | 5.58 | 5.93 | 5.87 | 4.84 | 4.86 |" in table.to_markdown()
        assert content["rows"][-1]["values"][0] == pytest.approx(5.0, abs=1e-3)
    if number == 5:
        assert "ProxRatio: share of samples whose surfaces come within 2 mm" in table.to_markdown()


def test_the_command_writes_tables_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("A2P_CACHE", str(tmp_path / "cache"))
    root = write_interhand(tmp_path / "ih")
    arguments = ["evaluate", f"interhand2.6m={root}", "--table", "1", "5", "-o", str(tmp_path / "out"), "--limit", "1"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert "interhand2.6m/test/full minus interhand2.6m/test/aligned" in first
    names = {path.name for path in (tmp_path / "out").iterdir()}
    files = {"results.sqlite", "table1.md", "table1.json", "table5.md", "tables.md"}
    assert files | {"report-interhand2.6m-test.html", "errors-interhand2.6m-test.svg"} <= names
    again = [*arguments[:-4], "-o", str(tmp_path / "again"), "--limit", "1", "--no-report"]
    assert main([*again, "--against", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "## interhand2.6m/test/full minus that of out" in printed
    assert "| MPJPE (mm) | +0.00 | +0.00 to +0.00 | no |" in printed
    assert main([*again, "--against", str(tmp_path / "nothing")]) == 2
    assert main([*arguments[:-2], "--hand-model", "nowhere"]) == 2
    assert main(["evaluate"]) == 2
    assert main(["evaluate", "hic"]) == 2
