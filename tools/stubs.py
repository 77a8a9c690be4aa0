"""Writes python/a2p/_core.pyi from the built extension, or checks that it is not stale (--check)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

STUB = Path(__file__).resolve().parents[1] / "python" / "a2p" / "_core.pyi"


def generated_stub() -> str:
    """Returns the stub that pybind11-stubgen makes of the installed extension."""
    with tempfile.TemporaryDirectory() as folder:
        stubgen = Path(sys.executable).with_name("pybind11-stubgen")
        done = subprocess.run(
            [str(stubgen), "a2p._core", "--output-dir", folder], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"pybind11-stubgen failed:\n{done.stdout}{done.stderr}")
        return (Path(folder) / "a2p" / "_core.pyi").read_text()


def main(arguments: list[str]) -> int:
    """Returns 0, or 1 where --check finds a stale stub."""
    stub = generated_stub()
    if "--check" not in arguments:
        STUB.write_text(stub)
        return 0
    if STUB.read_text() == stub:
        return 0
    print(f"{STUB.name} does not match the built extension; run `make format` and commit it.")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
