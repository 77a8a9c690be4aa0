"""The clients in other languages, built and run against a live server."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.fakes import Running, example_jpeg, models, running

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as up:
        yield up


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(example_jpeg())
    return path


def _require(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def _run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "A2P_PROTOS": str(ROOT / "protos")}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False)


def _check(server: Running, picture: Path, *program: str | Path) -> None:
    """Runs a client on one picture twice, and on a file that is none."""
    done = _run(*program, server.address, picture, picture, folder=picture.parent)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    count = len(models().right.v_template)
    for line, start in zip(lines, ("picture: ", "frame 0: ", "frame 1: "), strict=True):
        assert line.startswith(start)
        assert "right 0.50 wrist (" in line
        assert "left 0.50 wrist (" in line
        assert line.count(f"{count} vertices") == 2
    broken = picture.with_name("broken.jpg")
    broken.write_bytes(b"no picture")
    failed = _run(*program, server.address, broken, folder=picture.parent)
    assert failed.returncode == 1
    assert "JPEG, PNG, WEBP" in failed.stderr


@pytest.mark.slow
def test_the_typescript_client_talks_to_a_live_server(server: Running, picture: Path, tmp_path: Path) -> None:
    _require("node", "npm")
    folder = tmp_path / "node"
    source = ROOT / "examples" / "node"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules", "build"))
    installed = _run(
        "npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", folder=folder
    )
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install here: {installed.stderr.strip()[-200:]}")
    built = _run("npm", "run", "build", folder=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    _check(server, picture, "node", folder / "build" / "client.js")


@pytest.mark.slow
def test_the_cpp_client_talks_to_a_live_server(server: Running, picture: Path, tmp_path: Path) -> None:
    _require("cmake", "c++", "protoc", "grpc_cpp_plugin")
    build = tmp_path / "build"
    configured = _run("cmake", "-S", ROOT / "examples" / "cpp", "-B", build, folder=tmp_path)
    assert configured.returncode == 0, configured.stdout + configured.stderr
    built = _run("cmake", "--build", build, folder=tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    _check(server, picture, build / "a2p_client")


@pytest.mark.slow
def test_the_go_client_talks_to_a_live_server(server: Running, picture: Path, tmp_path: Path) -> None:
    _require("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc")
    if not Path("/usr/share/gocode/src/google.golang.org/grpc").is_dir():
        pytest.skip("needs Debian's golang-google-grpc-dev")
    built = _run(ROOT / "examples" / "go" / "build.sh", tmp_path / "build", folder=tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    _check(server, picture, tmp_path / "build" / "client")
