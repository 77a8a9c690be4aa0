"""Indices: built once, shared, rebuilt when and only when their sources change, by any number of processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from a2p.data.columns import ColumnWriter
from a2p.data.index import IndexRecipe, open_index
from a2p.errors import DataError


class CountedBuild:
    """Writes the source's numbers, and a mark for every time that it ran."""

    def __init__(self, source: Path, marks: Path, seconds: float = 0.0) -> None:
        self.source, self.marks, self.seconds = source, marks, seconds

    def __call__(self, out: ColumnWriter) -> None:
        self.marks.mkdir(exist_ok=True)
        (self.marks / f"{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(self.seconds)
        for word in self.source.read_text().split():
            out.append("numbers", int(word), dtype="i8")
            out.append_text("words", f"number {word}")


def recipe(folder: Path, seconds: float = 0.0) -> IndexRecipe:
    source = folder / "source.txt"
    if not source.exists():
        source.write_text("3 1 4 1 5 9 2 6")
    return IndexRecipe("counted", 1, (source,), CountedBuild(source, folder / "marks", seconds))


def builds(folder: Path) -> int:
    return len(list((folder / "marks").iterdir()))


def test_an_index_is_built_once_and_mapped_afterwards(tmp_path: Path) -> None:
    for _ in range(3):
        columns = open_index(recipe(tmp_path), folder=tmp_path / "index")
        assert columns["numbers"].tolist() == [3, 1, 4, 1, 5, 9, 2, 6]
        assert isinstance(columns["numbers"], np.memmap)
        assert columns.text("words", 0) == "number 3"
        assert columns.text("words", 5) == "number 9"
    assert builds(tmp_path) == 1


def test_a_changed_source_is_read_anew_and_the_old_columns_go(tmp_path: Path) -> None:
    old = open_index(recipe(tmp_path), folder=tmp_path / "index")
    held = old["numbers"]
    (tmp_path / "source.txt").write_text("8 8")
    assert open_index(recipe(tmp_path), folder=tmp_path / "index")["numbers"].tolist() == [8, 8]
    assert builds(tmp_path) == 2
    assert held.tolist()[:3] == [3, 1, 4], "who reads the old columns keeps them"
    assert len(list((tmp_path / "index").glob("*/columns-*"))) == 1


def test_a_touched_source_of_equal_content_builds_nothing(tmp_path: Path) -> None:
    open_index(recipe(tmp_path), folder=tmp_path / "index")
    os.utime(tmp_path / "source.txt", ns=(1, 1))
    open_index(recipe(tmp_path), folder=tmp_path / "index")
    assert builds(tmp_path) == 1


def test_verify_finds_a_change_that_hides_its_time(tmp_path: Path) -> None:
    source = recipe(tmp_path).sources[0]
    open_index(recipe(tmp_path), folder=tmp_path / "index")
    stat = source.stat()
    source.write_text("3 1 4 1 5 9 2 7")
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert open_index(recipe(tmp_path), folder=tmp_path / "index")["numbers"][-1] == 6
    assert open_index(recipe(tmp_path), folder=tmp_path / "index", verify=True)["numbers"][-1] == 7


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    made = recipe(tmp_path)
    made.sources[0].write_text("3 x")
    with pytest.raises(ValueError, match="invalid literal"):
        open_index(made, folder=tmp_path / "index")
    assert not list((tmp_path / "index").glob("*/columns-*"))
    made.sources[0].write_text("3")
    assert open_index(made, folder=tmp_path / "index")["numbers"].tolist() == [3]


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    made = IndexRecipe("counted", 1, (tmp_path / "nowhere.json",), CountedBuild(tmp_path, tmp_path))
    with pytest.raises(DataError, match=r"nowhere.json is needed and cannot be read"):
        open_index(made, folder=tmp_path / "index")


def test_a_damaged_column_says_what_to_delete(tmp_path: Path) -> None:
    columns = open_index(recipe(tmp_path), folder=tmp_path / "index")
    (columns.folder / "numbers.bin").write_bytes(b"short")
    with pytest.raises(DataError, match="it is built anew"):
        open_index(recipe(tmp_path), folder=tmp_path / "index")["numbers"]


def test_empty_columns_can_be_read(tmp_path: Path) -> None:
    with ColumnWriter(tmp_path) as writer:
        writer.whole("none", np.zeros((0, 3)))
        assert writer.read()["none"].shape == (0, 3)


def test_columns_travel_as_paths(tmp_path: Path) -> None:
    columns = open_index(recipe(tmp_path), folder=tmp_path / "index")
    assert columns["numbers"].sum() == 31
    assert len(pickle.dumps(columns)) < 1000
    assert pickle.loads(pickle.dumps(columns))["numbers"].sum() == 31


def _open(folder: Path) -> int:
    return int(open_index(recipe(folder, seconds=0.3), folder=folder / "index")["numbers"].sum())


def test_processes_that_start_at_once_build_one_index(tmp_path: Path) -> None:
    recipe(tmp_path)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(_open, [tmp_path] * 4, chunksize=1) == [31] * 4
    assert builds(tmp_path) == 1
