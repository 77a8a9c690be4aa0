"""`a2p view` as a user meets it, with a server of fake results in the Reconstructor's place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from a2p.cli import main
from a2p.cli.video import VideoReader, _VideoWriter, newest
from a2p.viewer import ViewerServer
from tests.service.fakes import Running, running

QUIET = ["--no-open", "--no-stay", "--port", "0"]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as up:
        yield up


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str, int]]:
    """What the page was told: frame, title, hands."""
    shown: list[tuple[int, str, int]] = []
    show = ViewerServer.show

    def record(viewer: ViewerServer, result: Any, *, frame_id: int, title: str) -> None:
        shown.append((frame_id, title, len(result.hands)))
        show(viewer, result, frame_id=frame_id, title=title)

    monkeypatch.setattr(ViewerServer, "show", record)
    return shown


def test_a_folder_shows_its_pictures_and_passes_over_what_is_none(
    server: Running, tmp_path: Path, shown: list[tuple[int, str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b.png", "a.jpg"):
        Image.new("RGB", (32, 24), (9, 9, 9)).save(tmp_path / name)
    (tmp_path / "c.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no picture either")
    assert main(["view", str(tmp_path), "-s", server.address, "--interval-s", "0", *QUIET]) == 0
    assert shown == [(0, "a.jpg", 2), (1, "b.png", 2)]
    printed = capsys.readouterr().out
    assert "http://127.0.0.1:" in printed
    assert "c.png: " in printed


def test_a_video_shows_every_frame(server: Running, tmp_path: Path, shown: list[tuple[int, str, int]]) -> None:
    writer = _VideoWriter(tmp_path / "clip.mp4", 25.0)
    for k in range(4):
        writer.add(np.full((48, 64, 3), 40 * k, np.uint8))
    writer.close()
    assert main(["view", str(tmp_path / "clip.mp4"), "-s", server.address, *QUIET]) == 0
    assert shown == [(k, "clip.mp4", 2) for k in range(4)]


@pytest.mark.parametrize(("name", "match"), [("", "has none"), ("missing.mp4", "none of them"), ("x.mp4", "FFmpeg")])
def test_a_source_that_shows_nothing_is_refused(
    tmp_path: Path, name: str, match: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no video")
    assert main(["view", str(tmp_path / name), *QUIET]) == 2
    assert match in capsys.readouterr().err


def test_a_camera_is_a_device_of_ffmpeg() -> None:
    reader = VideoReader(Path("testsrc=size=64x48:rate=10:duration=0.5"), device="lavfi")
    assert reader.is_live
    assert [frame.shape for frame in reader] == [(48, 64, 3)] * 5


def test_of_a_camera_that_is_too_fast_the_newest_frame_is_shown() -> None:
    sent_all, go_on = threading.Event(), threading.Event()

    def camera() -> Iterator[np.ndarray]:
        yield np.full((1, 1, 3), 0, np.uint8)
        go_on.wait(10)
        for k in range(1, 6):
            yield np.full((1, 1, 3), k, np.uint8)
        sent_all.set()
        threading.Event().wait(0.2)

    seen = newest(camera())
    assert next(seen)[0, 0, 0] == 0
    go_on.set()
    sent_all.wait(10)
    assert [int(frame[0, 0, 0]) for frame in seen] == [5]
