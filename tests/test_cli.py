"""The command line as a user meets it: files, table, JSON, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2p.cli import main

EXAMPLE = Path(str(resources.files("a2p") / "assets" / "example.jpg"))


def test_the_package_runs_as_the_command() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "a2p", "--help"], capture_output=True, text=True, timeout=120, check=True
    )
    assert "usage: a2p" in run.stdout


def test_reconstruct_writes_meshes_and_an_overlay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconstruct", str(EXAMPLE), "-o", str(tmp_path / "new" / "out")]) == 0
    names = sorted(path.name for path in (tmp_path / "new" / "out").iterdir())
    expected = ["example.glb", "example.json", "example.mtl", "example.npz", "example.obj", "example_overlay.png"]
    assert names == sorted(expected)
    printed = capsys.readouterr().out
    assert "right" in printed
    assert "example.glb" in printed


def test_json_prints_one_object_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    empty = tmp_path / "empty.png"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(empty)
    code = main(
        ["reconstruct", str(EXAMPLE), str(broken), str(empty), "-o", str(tmp_path), "--json", "--formats", "npz"]
    )
    good, bad, none = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert code == 1
    assert len(good["hands"]) == 2
    assert Path(good["written"][0]).is_file()
    assert "broken.jpg" in bad["image"]
    assert "image" in bad["error"]
    assert none["hands"] == []
    assert none["warnings"]


def test_an_image_without_hands_is_no_failure(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(empty)
    assert main(["reconstruct", str(empty), "-o", str(tmp_path / "out")]) == 0


def test_images_of_equal_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / folder / "same.png")
    images = [str(tmp_path / folder / "same.png") for folder in ("a", "b")]
    assert main(["reconstruct", *images, "-o", str(tmp_path / "out"), "--formats", "json"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["same.json", "same_2.json"]


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    assert main(["reconstruct", str(EXAMPLE), "-o", str(taken)]) == 2
    assert "Give another folder with -o" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert main(["reconstruct", str(EXAMPLE), "-o", str(tmp_path)]) == 2


def test_no_image_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconstruct"]) == 2
    assert "Example:" in capsys.readouterr().err


def test_a_hostile_pickle_is_refused_by_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trap = tmp_path / "sprung"
    hostile = tmp_path / "MANO_RIGHT.pkl"
    hostile.write_bytes(b"cos\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")
    assert main(["hand", "convert", str(hostile)]) == 2
    assert "system" in capsys.readouterr().err
    assert not trap.exists()


def test_info_tells_what_the_open_hand_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hand", "info"]) == 0
    assert "1630" in capsys.readouterr().out
