"""Checks a2p on this machine's GPU and writes what it found; it builds and installs nothing.

    pip install --no-build-isolation --no-deps . -C cmake.define.CMAKE_CUDA_ARCHITECTURES=native
    python -m tools.gpu_check --out FOLDER

Needs numpy, torch with CUDA, jaxtyping and pytest; runs in under nine minutes. Each step writes its own file as soon as
it is done, and the next one runs whatever became of it:

    machine.json    device, versions
    errors.json     worst errors observed, to set CUDA_* of tests/tolerances.py by
    tests.log       the tests that need a GPU
    speed.json      milliseconds a call and pairs a second, by batch; where the time of a fused step goes
    sanitizer.log   compute-sanitizer's word, where it is installed
    summary.json    all but the logs

The exit status is 0 if every step succeeded.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tools.gpu_check import accuracy, speed

from a2p.penetration import runnable_backends

_ROOT = Path(__file__).resolve().parents[2]
_TESTS = ("tests/penetration/test_cuda.py", "tests/test_interchange.py")
# Run-time type checks and warnings as errors ask for packages and versions that this machine may not have.
_PYTEST = ("-o", "addopts=", "-o", "filterwarnings=default", "-p", "no:cacheprovider", "-rs", "-q")


@dataclass(frozen=True)
class Plan:
    """What to do, and how much of it."""

    out: Path
    device: str
    batches: tuple[int, ...]
    repeats: int
    pairs: int
    stored: Path | None
    started: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Returns how long the check has been running."""
        return time.monotonic() - self.started


class StepError(RuntimeError):
    """A step failed in part; what it found is kept."""

    def __init__(self, message: str, found: dict[str, object]) -> None:
        super().__init__(message)
        self.found = found


def machine(plan: Plan) -> object:
    """Returns what runs where."""
    found: dict[str, object] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "backends": runnable_backends(plan.device),
    }
    if torch.device(plan.device).type == "cuda":
        device = torch.cuda.get_device_properties(plan.device)
        found.update(device=device.name, multiprocessors=device.multi_processor_count, cuda=torch.version.cuda)
        if "cuda" not in runnable_backends(plan.device):
            raise RuntimeError("backend 'cuda' does not run here; is a2p built with it?")
    return found


def errors(plan: Plan) -> object:
    """Returns the worst errors observed; a comparison that fails does not keep the others from being made."""
    observed: dict[str, object] = {"pairs": plan.pairs}
    failed: list[str] = []
    for comparison, compare in accuracy.observe(plan.device, pairs=plan.pairs):
        print(f"  {comparison}")
        try:
            worst = compare()
        except Exception:
            failed.append(comparison)
            observed[comparison] = {"failed": traceback.format_exc()}
            traceback.print_exc()
            continue
        observed[comparison] = worst
        for name, value in worst.items():
            print(f"    {name:43} {value:.3g}")
    if failed:
        raise StepError(f"no errors of {', '.join(failed)}", observed)
    return observed


def tests(plan: Plan) -> object:
    """Runs the tests that need a GPU."""
    command = [sys.executable, "-m", "pytest", *_PYTEST, *_TESTS]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=150, check=False)
    (plan.out / "tests.log").write_text(done.stdout + done.stderr)
    print(done.stdout[-3000:])
    if done.returncode != 0:
        raise RuntimeError(f"pytest returned {done.returncode}; see tests.log")
    return {"summary": done.stdout.strip().splitlines()[-1]}


def speeds(plan: Plan) -> object:
    """Times every case, smaller batches first, and names the kernels of a fused step."""
    rows: list[dict[str, object]] = []
    for row in speed.measure(plan.device, batches=plan.batches, repeats=plan.repeats, stored=plan.stored):
        rows.append(row)
        print("  {hands:28} {case:50} {batch:6} {in_a_row_ms:9.3f} ms {pairs_a_second:12,.0f} pairs/s".format(**row))
        (plan.out / "speed.json").write_text(json.dumps({"rows": rows}, indent=2))
    kernels = speed.kernels(plan.device, batch=max(b for b in plan.batches if b <= 1024))
    for kernel in kernels:
        print(f"  {kernel['us_a_step']:10.1f} us a step  {kernel['kernel']}")
    return {"rows": rows, "kernels": kernels}


def sanitizer(plan: Plan) -> object:
    """Runs the memory and race checks on a few pairs."""
    tool = shutil.which("compute-sanitizer")
    if tool is None or torch.device(plan.device).type != "cuda":
        return {"skipped": "compute-sanitizer is not installed, or there is no GPU"}
    log, found = [], {}
    for check in ("memcheck", "racecheck", "synccheck"):
        command = [tool, "--tool", check, "--error-exitcode", "9", sys.executable, "-m", "tools.gpu_check.few_pairs"]
        try:
            done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False)
            log.append(f"== {check}\n{done.stdout}{done.stderr}")
            found[check] = done.returncode
        except subprocess.TimeoutExpired:
            found[check] = "not done in 60 s"
    (plan.out / "sanitizer.log").write_text("\n".join(log))
    print(f"  {found}")
    if 9 in found.values():
        raise RuntimeError("compute-sanitizer found something; see sanitizer.log")
    return found


def main() -> int:
    """Runs every step and returns how many failed."""
    plan = _plan()
    plan.out.mkdir(parents=True, exist_ok=True)
    steps: dict[str, Callable[[Plan], object]] = {
        "machine": machine,
        "errors": errors,
        "tests": tests,
        "speed": speeds,
        "sanitizer": sanitizer,
    }
    summary: dict[str, object] = {}
    failures = 0
    for name, step in steps.items():
        print(f"== {name} ({plan.seconds():.0f} s)", flush=True)
        try:
            summary[name] = step(plan)
        except Exception as error:
            failures += 1
            found = error.found if isinstance(error, StepError) else {}
            summary[name] = {**found, "failed": traceback.format_exc()}
            traceback.print_exc()
        (plan.out / f"{name}.json").write_text(json.dumps(summary[name], indent=2))
        (plan.out / "summary.json").write_text(json.dumps(summary, indent=2))
    print(f"== done ({plan.seconds():.0f} s), {failures} of {len(steps)} steps failed")
    return failures


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for what is found")
    parser.add_argument("--device", default="cuda", help="'cpu' tries the check itself where there is no GPU")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64, 256, 1024, 4096])
    parser.add_argument("--repeats", type=int, default=20, help="calls timed of each case")
    parser.add_argument("--pairs", type=int, default=256, help="pairs whose errors are observed")
    parser.add_argument("--stored", type=Path, help="folder with pairs.npz and hand.npz of 778-vertex hands")
    given = parser.parse_args()
    return Plan(given.out, given.device, tuple(given.batches), given.repeats, given.pairs, given.stored)


if __name__ == "__main__":
    raise SystemExit(main())
