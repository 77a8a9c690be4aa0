"""The check that runs on a machine with a GPU, tried on the processor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tools.gpu_check import accuracy, speed
from tools.gpu_check.__main__ import Plan, StepError, errors, machine, main


def test_errors_of_the_processor_against_itself_are_none() -> None:
    cpu, reference, same, fused = (compare() for _, compare in accuracy.observe("cpu", pairs=1))
    assert cpu["gradient_rel"] == fused["CUDA_FUSED_REL"] == fused["bits_differ_between_runs"] == 0
    assert reference["sign_errors"] == 0
    assert 0 < reference["CUDA_DEPTH_M"] < 1e-7
    assert same == reference


def test_a_comparison_that_fails_leaves_the_errors_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def comparisons(_device: str, *, pairs: int) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
        yield "broken", lambda: {"error": 1 / 0}
        yield "whole", lambda: {"error": float(pairs)}

    monkeypatch.setattr(accuracy, "observe", comparisons)
    with pytest.raises(StepError, match="no errors of broken") as raised:
        errors(Plan(tmp_path, "cpu", (1,), 1, 3, None))
    assert raised.value.found["whole"] == {"error": 3.0}
    assert "ZeroDivisionError" in str(raised.value.found["broken"])


def test_every_case_is_timed_for_every_batch() -> None:
    rows = list(speed.measure("cpu", batches=(1, 2), repeats=1, stored=None))
    assert {row["batch"] for row in rows} == {1, 2}
    assert {row["case"] for row in rows} >= {"penetration kernels", "penetration_depth", "fused step"}
    assert all(float(str(row["pairs_a_second"])) > 0 for row in rows)


def test_a_step_that_fails_does_not_keep_the_others_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(plan: Plan) -> object:
        raise RuntimeError(f"no such thing on {plan.device}")

    for name in ("errors", "tests", "speeds"):
        monkeypatch.setattr(f"tools.gpu_check.__main__.{name}", broken)
    monkeypatch.setattr("sys.argv", ["gpu_check", "--out", str(tmp_path), "--device", "cpu"])
    assert main() == 3
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert "no such thing on cpu" in summary["tests"]["failed"]
    assert "cpu" in summary["machine"]["backends"]
    assert summary["sanitizer"]["skipped"]


def test_the_machine_is_described() -> None:
    found = machine(Plan(Path(), "cpu", (1,), 1, 1, None))
    assert isinstance(found, dict)
    assert {"python", "torch", "backends"} <= set(found)
