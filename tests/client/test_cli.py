"""`a2p client` and `a2p stream` as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2p.cli import main
from a2p.cli.video import VideoReader, VideoResults, _VideoWriter
from a2p.errors import ImageError
from tests.service.fakes import Running, example_jpeg, fake_result, running


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as up:
        yield up


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    writer = _VideoWriter(path, 25.0)
    for k in range(6):
        writer.add(np.full((48, 65, 3), 40 * k, np.uint8))
    writer.close()
    return path


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_video_is_read_frame_by_frame_with_its_rate(video: Path) -> None:
    reader = VideoReader(video)
    frames = list(reader)
    assert reader.frame_rate_hz == 25.0
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 6
    assert [round(float(frame.mean()) / 40) for frame in frames] == list(range(6))


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(ImageError, match="FFmpeg"):
        VideoReader(tmp_path / "broken.mp4")


def test_a_picture_comes_back_as_files(server: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("RGB", (32, 24), (9, 9, 9)).save(good)
    bad.write_bytes(b"no picture")
    arguments = ["-s", server.address, "-o", str(tmp_path / "out"), "--formats", "npz", "json"]
    assert main(["client", str(good), *arguments]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good.json", "good.npz"]
    assert "right 0.50, left 0.50" in capsys.readouterr().out
    assert main(["client", str(bad), *arguments]) == 1


def test_a_video_comes_back_as_a_line_a_frame(server: Running, tmp_path: Path, video: Path) -> None:
    assert main(["client", str(video), "-s", server.address, "-o", str(tmp_path)]) == 0
    lines = _lines(tmp_path / "clip.jsonl")
    assert [line["frame"] for line in lines] == list(range(6))
    hand = lines[3]["hands"][0]  # type: ignore[index]
    assert hand["track_id"] == 4
    assert np.array(hand["joints_m"]).shape == (16, 3)


def test_results_of_a_video_that_breaks_off_do_not_take_the_place_of_whole_ones(tmp_path: Path) -> None:
    result = fake_result(np.full((48, 64, 3), 9, np.uint8), None)

    def write(frame_count: int, error: Exception | None) -> None:
        with VideoResults(tmp_path, "clip", frame_rate_hz=25.0, overlay=True) as results:
            for frame_id in range(frame_count):
                results.add(frame_id, result)
            if error is not None:
                raise error

    whole = {"clip.jsonl", "clip_overlay.mp4"}
    write(3, None)
    with pytest.raises(KeyError):
        write(0, KeyError("the server is gone"))
    assert {path.name for path in tmp_path.iterdir()} == whole
    with pytest.raises(KeyError):
        write(2, KeyError("the server is gone"))
    assert {path.name for path in tmp_path.iterdir()} == whole | {"clip.part.jsonl", "clip_overlay.part.mp4"}
    assert len(_lines(tmp_path / "clip.jsonl")) == 3
    assert len(_lines(tmp_path / "clip.part.jsonl")) == 2


@pytest.mark.slow
def test_stream_follows_the_hands_of_a_video_and_draws_them(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(example_jpeg())
    pixels = np.asarray(Image.open(tmp_path / "photo.jpg").convert("RGB"))
    writer = _VideoWriter(tmp_path / "still.mp4", 10.0)
    for _ in range(2):
        writer.add(pixels)
    writer.close()
    assert main(["stream", str(tmp_path / "still.mp4"), "-o", str(tmp_path / "out"), "--overlay"]) == 0
    lines = _lines(tmp_path / "out" / "still.jsonl")
    assert [sorted(hand["track_id"] for hand in line["hands"]) for line in lines] == [[1, 2], [1, 2]]  # type: ignore[attr-defined]
    drawn = list(VideoReader(tmp_path / "out" / "still_overlay.mp4"))
    assert [frame.shape for frame in drawn] == [pixels.shape] * 2
    assert float(np.abs(drawn[0].astype(float) - pixels).mean()) > 1.0
