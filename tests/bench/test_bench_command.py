from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from a2p.bench.measurements import BATCHES, cpu_cases
from a2p.cli import main
from a2p.native import core


def test_bench_prints_the_machine_the_backend_and_a_row_a_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = core.thread_count()
    path = tmp_path / "bench.json"
    assert main(["bench", "--seconds", "1e-9", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "backend 'auto' chose: cpu" in printed
    assert f"{core.isa()}; GPU" in printed
    content = json.loads(path.read_text())
    rows = content["measurements"]
    operations = {row["operation"] for row in rows}
    assert len(operations) == 4
    assert {(row["operation"], row["batch"]) for row in rows} >= {
        (name, batch) for name in operations for batch in BATCHES
    }
    assert {row["threads"] for row in rows if row["backend"] == "cpu"} == {1, before}
    for row in rows:
        assert row["per_second"] == pytest.approx(1e3 * row["batch"] / row["median_ms"])
    assert content["machine"]["cores"] >= 1
    assert core.thread_count() == before


def test_every_case_runs_alone() -> None:
    for case in cpu_cases():
        if case.batch == 1:
            assert case.call() is not None


def test_time_that_is_not_positive_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--seconds", "0"]) == 2
    assert "seconds must be positive" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--json", str(tmp_path / "no_such_folder" / "bench.json")]) == 2
    assert "json must be a file that can be written" in capsys.readouterr().err


def test_bench_needs_nothing_from_the_repository(tmp_path: Path) -> None:
    code = "import sys, a2p.bench.measurements; print('benchmarks' in sys.modules, 'tests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
