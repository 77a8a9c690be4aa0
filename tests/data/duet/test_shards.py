"""Pairs on disk: what was written comes back, a stopped run goes on, damaged files are named."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from a2p.cli.data import DuetReport
from a2p.data.duet import DuetPairs, load_shards, write_shards
from a2p.data.duet import shards as module
from a2p.errors import ConfigError, DataError


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, pairs: DuetPairs) -> list[int]:
    """Lets shards of 16 pairs be cut from the ready block; returns the first index of each that was made."""
    calls: list[int] = []

    def cut(count: int, seed: int, *, first: int = 0) -> DuetPairs:
        assert seed == pairs.seed
        calls.append(first)
        return pairs[first : first + count]

    monkeypatch.setattr(module, "SHARD", 16)
    monkeypatch.setattr(module, "sample_pairs", cut)
    return calls


def test_what_was_written_comes_back(tmp_path: Path, made: list[int], pairs: DuetPairs) -> None:
    write_shards(tmp_path, 40)
    loaded = load_shards(tmp_path)
    assert made == [0, 16, 32]
    assert torch.equal(loaded.left.hand_pose, pairs.left.hand_pose[:40])
    assert torch.equal(loaded.family, pairs.family[:40])
    assert loaded.index.tolist() == list(range(40))


def test_a_stopped_run_keeps_what_it_finished(tmp_path: Path, made: list[int]) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path, 48, progress=stop)
    assert not (tmp_path / "manifest.json").exists()
    write_shards(tmp_path, 48)
    assert made == [0, 16, 32]
    assert json.loads((tmp_path / "manifest.json").read_text())["count"] == 48


def test_a_cut_file_is_made_again(tmp_path: Path, made: list[int]) -> None:
    write_shards(tmp_path, 32)
    broken = sorted(tmp_path.glob("duet-*.npz"))[1]
    broken.write_bytes(broken.read_bytes()[:1000])
    with pytest.raises(DataError, match="sha256"):
        load_shards(tmp_path)
    write_shards(tmp_path, 32)
    assert made == [0, 16, 16]
    assert len(load_shards(tmp_path)) == 32


def _damaged(path: Path, **changes: np.ndarray) -> None:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **{**arrays, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": np.array(99)}, "version must be"),
        ({"right_betas": np.zeros((16, 3), np.float32)}, "right_betas must have shape"),
        ({"left_transl": np.full((16, 3), np.nan, np.float32)}, "left_transl must be finite"),
        ({"family": np.array(["x"] * 16, dtype=object)}, "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, made: list[int], changes: dict[str, np.ndarray], message: str) -> None:
    write_shards(tmp_path, 16)
    assert made == [0]
    (tmp_path / "manifest.json").unlink()
    _damaged(next(tmp_path.glob("duet-*.npz")), **changes)
    with pytest.raises(DataError, match=message):
        load_shards(tmp_path)


def test_an_empty_folder_and_a_broken_manifest_are_named(tmp_path: Path, made: list[int]) -> None:
    with pytest.raises(DataError, match="it holds none"):
        load_shards(tmp_path)
    write_shards(tmp_path, 16)
    assert made == [0]
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="manifest"):
        load_shards(tmp_path)


def _touch(folder: Path, shard: module.ShardName) -> None:
    (folder / shard.file).write_text(str(shard.first))


def test_several_workers_do_every_shard_once(tmp_path: Path) -> None:
    told: list[int] = []
    shards = module.plan(5 * module.SHARD + 3, 0)
    module.run_shards(shards, partial(_touch, tmp_path), workers=2, progress=told.append)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(shard.file for shard in shards)
    assert sorted(told) == [3] + 5 * [module.SHARD]


def test_a_worker_count_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers must be at least 1"):
        module.run_shards(module.plan(1, 0), partial(_touch, tmp_path), workers=0, progress=None)


def test_the_report_says_what_a_folder_holds(
    tmp_path: Path, made: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    write_shards(tmp_path, 32)
    assert made == [0, 16]
    sheet = tmp_path / "sheets" / "duet.png"
    assert DuetReport(folder=tmp_path, limit=24, sheet=sheet).run() == 0
    with Image.open(sheet) as picture:
        assert picture.size == (8 * 150, 12 * 150)
        assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 100
    said = capsys.readouterr().out
    assert said.startswith("24 pairs\n")
    assert "penetrating (1 mm)      0.00 %" in said
    assert "InterHand2.6M" in said
