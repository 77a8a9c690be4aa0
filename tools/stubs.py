"""Writes the stubs of the built extension modules, or checks that they are not stale (--check).

`_cuda` is checked only where it was built.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "python" / "a2p"
MODULES = ("_core", "_cuda")


def generated_stub(module: str) -> str:
    """Returns the stub that pybind11-stubgen makes of an installed extension module."""
    with tempfile.TemporaryDirectory() as folder:
        stubgen = Path(sys.executable).with_name("pybind11-stubgen")
        command = [str(stubgen), f"a2p.{module}", "--output-dir", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"pybind11-stubgen failed:\n{done.stdout}{done.stderr}")
        return (Path(folder) / "a2p" / f"{module}.pyi").read_text()


def main(arguments: list[str]) -> int:
    """Returns 0, or 1 where --check finds a stale stub."""
    stale = 0
    for module in MODULES:
        if find_spec(f"a2p.{module}") is None:
            continue
        path, stub = PACKAGE / f"{module}.pyi", generated_stub(module)
        if "--check" not in arguments:
            path.write_text(stub)
        elif path.read_text() != stub:
            print(f"{path.name} does not match the built extension; run `make format` and commit it.")
            stale = 1
    return stale


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
