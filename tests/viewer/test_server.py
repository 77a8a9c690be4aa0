"""The viewer's page: what it is told, who may ask, and what a browser draws of it."""

from __future__ import annotations

import base64
import dataclasses
import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from PIL import Image

from a2p.errors import ConfigError
from a2p.render.palette import LEFT_COLOUR, RIGHT_COLOUR
from a2p.result import Reconstruction
from a2p.viewer import ViewerServer
from tests.service.fakes import fake_result, models, until


@pytest.fixture
def viewer() -> Iterator[ViewerServer]:
    with ViewerServer() as up:
        yield up


def _result() -> Reconstruction:
    """Returns a right and a left hand side by side, half a metre away, in a grey picture."""
    found = fake_result(np.full((60, 80, 3), 128, np.uint8), None)
    hands = []
    for hand, model, x in zip(found.hands, models(), (-0.12, 0.12), strict=True):
        vertices = model.v_template.float() - model.v_template.float().mean(0) + torch.tensor([x, 0.0, 0.5])
        hands.append(dataclasses.replace(hand, vertices=vertices))
    return dataclasses.replace(found, hands=tuple(hands))


def _ask(viewer: ViewerServer, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(viewer.url).netloc, timeout=10)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def _event(answer: http.client.HTTPResponse) -> dict[str, object]:
    """Returns the next message of an event stream."""
    while True:
        line = answer.readline()
        if line.startswith(b"data: "):
            message: dict[str, object] = json.loads(line.removeprefix(b"data: "))
            return message


def test_a_frame_arrives_with_its_picture_meshes_and_numbers(viewer: ViewerServer) -> None:
    result = _result()
    viewer.show(result, frame_id=7, title="clip.mp4")
    with _ask(viewer, "/frames") as answer:
        message = _event(answer)
    assert (message["frame_id"], message["title"], message["width_px"], message["height_px"]) == (7, "clip.mp4", 80, 60)
    for hand, told in zip(result.hands, message["hands"], strict=True):  # type: ignore[call-overload]
        assert told["handedness"] == hand.handedness
        vertices = np.frombuffer(base64.b64decode(told["vertices"]), "<f4").reshape(-1, 3)
        np.testing.assert_array_equal(vertices, hand.vertices.numpy())
        with _ask(viewer, f"/faces/{hand.handedness}") as faces:
            np.testing.assert_array_equal(np.frombuffer(faces.read(), "<u4").reshape(-1, 3), hand.faces.numpy())
    assert str(message["picture"]).startswith("data:image/jpeg;base64,")


def test_a_slow_browser_misses_frames_and_gets_the_newest(viewer: ViewerServer) -> None:
    viewer.show(_result(), frame_id=0)
    with _ask(viewer, "/frames") as answer:
        assert _event(answer)["frame_id"] == 0
        for frame_id in range(1, 60):
            viewer.show(_result(), frame_id=frame_id)
        seen = [_event(answer)["frame_id"]]
        while seen[-1] != 59:
            seen.append(_event(answer)["frame_id"])
    assert seen == sorted(seen)  # type: ignore[type-var]


def test_a_closed_viewer_ends_the_stream_of_events() -> None:
    viewer = ViewerServer()
    answer = _ask(viewer, "/frames")
    viewer.close()
    assert b"event: end" in answer.read()
    with pytest.raises(ConnectionError):
        _ask(viewer, "/")


@pytest.mark.parametrize("host", ["pictures.example", "127.0.0.1.example:80", "192.0.2.1", ""])
def test_a_request_by_another_name_is_refused(viewer: ViewerServer, host: str) -> None:
    viewer.show(_result())
    for path in ("/", "/frames", "/faces/left"):
        assert _ask(viewer, path, Host=host).status == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1:80"])
def test_a_forwarded_port_may_have_another_number(viewer: ViewerServer, host: str) -> None:
    answer = _ask(viewer, "/", Host=host)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] is None
    assert "default-src 'none'" in str(answer.headers["Content-Security-Policy"])


@pytest.mark.parametrize("path", ["/faces/left", "/../server.py", "/faces/", "/favicon.ico"])
def test_there_is_nothing_else(viewer: ViewerServer, path: str) -> None:
    assert _ask(viewer, path).status == 404


def test_only_so_many_pages_may_be_open_at_once(viewer: ViewerServer) -> None:
    viewer.show(_result())
    answers = [_ask(viewer, "/frames") for _ in range(16)]
    assert {answer.status for answer in answers} == {200}
    assert _ask(viewer, "/frames").status == 503
    for answer in answers:
        answer.close()
    viewer.show(_result())
    until(lambda: _ask(viewer, "/frames").status == 200)


def test_a_port_in_use_is_an_error(viewer: ViewerServer) -> None:
    with pytest.raises(ConfigError, match="port must be free"):
        ViewerServer(port=int(urlsplit(viewer.url).port or 0))


@pytest.mark.slow
def test_a_browser_draws_both_hands_in_their_colours(viewer: ViewerServer, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    viewer.show(_result())
    for seconds in (6, 20, 60):  # a page that is fed for ever is never done: the time is what a machine may need
        pixels = _screenshot(chromium, viewer.url, tmp_path, seconds)
        picture, space = pixels[:, :490], pixels[:, 510:]
        if is_shown := bool(np.abs(picture[240, 100] - 128 / 255).max() < 0.02):
            break
    assert is_shown
    right, left = (_where(space, colour) for colour in (RIGHT_COLOUR, LEFT_COLOUR))
    assert min(right.sum(), left.sum()) > 3000
    assert np.nonzero(right)[1].mean() + 50 < np.nonzero(left)[1].mean()


def _screenshot(chromium: str, url: str, folder: Path, seconds: int) -> np.ndarray:
    """Returns the page below its title as a browser shows it after some seconds, in [0, 1]."""
    shot = folder / "page.png"
    arguments = ["--headless=new", "--no-sandbox", "--enable-unsafe-swiftshader", "--use-angle=swiftshader"]
    arguments += [f"--user-data-dir={folder / 'profile'}", "--window-size=1000,600", f"--timeout={1000 * seconds}"]
    subprocess.run(
        [chromium, *arguments, f"--screenshot={shot}", url], check=True, capture_output=True, timeout=120 + seconds
    )
    return np.asarray(Image.open(shot).convert("RGB"), np.float64)[60:540] / 255


def _where(pixels: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """Returns which pixels have a colour's hue, lit more or less; (h, w) bool."""
    shade = pixels / np.maximum(pixels.max(-1, keepdims=True), 1e-6)
    is_lit: np.ndarray = pixels.max(-1) > 0.3
    return is_lit & (np.abs(shade - np.array(colour) / max(colour)).max(-1) < 0.3)
