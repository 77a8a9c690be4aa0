"""Streamed JSON gives what json.load gives, whatever falls on a chunk's border, and says where a file breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2p.data import json_stream
from a2p.data.json_stream import read_json, stream_json
from a2p.errors import DataError

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


@settings(max_examples=60, deadline=None)
@given(content=st.dictionaries(st.text(max_size=5), st.lists(values, max_size=5), max_size=5), chunk=st.integers(1, 40))
def test_streaming_gives_what_json_gives(tmp_path_factory: pytest.TempPathFactory, content: object, chunk: int) -> None:
    path = tmp_path_factory.mktemp("json") / "file.json"
    path.write_text(json.dumps(content, indent=chunk % 3 or None, ensure_ascii=chunk % 2 == 0))
    expected = [((name, i), value) for name, row in content.items() for i, value in enumerate(row)]  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", chunk)
        assert list(stream_json(path, depth=2)) == expected
        assert read_json(path) == content


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": [1, 2', r'file.json: \["a"\]\[1\]'),
        ('{"a": [1, 2}', r'file.json: \["a"\]\[1\]'),
        ('{"a": [1, nil]}', r'file.json: \["a"\]\[1\]'),
        ('{"a": 5}', r'file.json: \["a"\] must be an object or a list'),
        ('{"a": [1], 5: [2]}', r"file.json has a key that is no string"),
        ("", r"file.json is where the file ends"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(DataError, match=where):
        list(stream_json(path, depth=2))


def test_a_missing_file_and_one_that_is_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.json cannot be read"):
        read_json(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b'{"a": "\xff\xfe"}')
    with pytest.raises(DataError, match=r"bytes.json is not UTF-8"):
        read_json(tmp_path / "bytes.json")


def test_damage_in_the_middle_is_found_without_reading_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text('{"a": [1, oops, ' + "2, " * 2_000_000 + "3]}")
    reads = []
    with pytest.MonkeyPatch.context() as patch:
        fill = json_stream._Reader._fill
        patch.setattr(json_stream._Reader, "_fill", lambda self: reads.append(1) or fill(self))
        with pytest.raises(DataError, match=r'\["a"\]\[1\]'):
            list(stream_json(path, depth=2))
    assert len(reads) <= 2
