"""Writes the Python messages of protos/, or checks them (--check): lint, breaking changes, stale files.

The compiler is pinned to an old release, in an environment of its own under build/: code that protoc of major version N
generates runs with the protobuf package of N and N + 1, and never with an older one. `--release` makes the protos of
today the baseline that later changes are compared with.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROTOS = ROOT / "protos"
BASELINE = PROTOS / "baseline.txtpb"
GENERATED = ROOT / "python" / "a2p" / "wire" / "_generated"
COMPILER = ("grpcio-tools==1.72.2", "protobuf==6.30.2")
"""protoc 30: messages for protobuf 6.30 to 7."""


def compiler() -> Path:
    """Returns the Python whose environment holds the pinned compiler; made at the first call."""
    folder = ROOT / "build" / f"protos-{COMPILER[0].replace('==', '-')}"
    python = folder / "bin" / "python"
    made = folder / "made"
    if not made.is_file():
        venv.create(folder, clear=True, with_pip=True)
        _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *COMPILER)
        made.touch()
    return python


def generated_files() -> dict[str, str]:
    """Returns the text of every generated module by its name."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        outputs = (f"--python_out={folder}", f"--pyi_out={folder}")
        _run(compiler(), "-m", "grpc_tools.protoc", f"--proto_path={PROTOS}", *outputs, *sources)
        paths = sorted(path for path in (Path(folder) / "a2p" / "v1").iterdir() if path.suffix in (".py", ".pyi"))
        return {path.name: _at_home(path.read_text()) for path in paths}


def _at_home(text: str) -> str:
    """Returns generated code whose imports name the package that it lies in."""
    return text.replace("from a2p.v1 import ", "from a2p.wire._generated import ")


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=PROTOS, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{Path(command[0]).name} {' '.join(map(str, command[1:]))}:\n{done.stdout}{done.stderr}")


def _buf(*arguments: str | Path) -> None:
    _run(Path(sys.executable).with_name("buf"), *arguments)


def check(files: dict[str, str]) -> int:
    """Returns 0, or 1 where a generated file is stale; ends the program where buf finds fault."""
    _buf("lint")
    _buf("format", "--diff", "--exit-code")
    _buf("breaking", "--against", BASELINE)
    present = {path.name for path in GENERATED.iterdir() if path.suffix in (".py", ".pyi")} - {"__init__.py"}
    stale = [name for name, text in files.items() if name not in present or (GENERATED / name).read_text() != text]
    stale += sorted(present - files.keys())
    if stale:
        print(f"{', '.join(stale)}: not what protos/ generates; run `python tools/protos.py` and commit it.")
    return int(bool(stale))


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    if "--release" in arguments:
        _buf("build", "--exclude-source-info", "--output", BASELINE)
        return 0
    files = generated_files()
    if "--check" in arguments:
        return check(files)
    for name, text in files.items():
        (GENERATED / name).write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
