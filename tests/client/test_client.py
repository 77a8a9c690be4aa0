"""The Python clients against a live server: the same results and errors as in process."""

from __future__ import annotations

import asyncio
import io
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import a2p
from a2p.client import AsyncClient, Client, Retry, StreamedFrame, StreamSettings, Tls
from a2p.client.codec import Ledger
from a2p.errors import (
    AuthenticationError,
    BoxError,
    ConfigError,
    DeadlineError,
    ImageError,
    ServiceError,
    UnavailableError,
)
from tests.client.certificates import Authority
from tests.service.fakes import FakeBackend, Running, example_jpeg, fake_result, running, until
from tests.wire.results import differences

ROOT = Path(__file__).resolve().parents[2]
NO_RETRY = Retry(attempts=1)


def _image(value: int) -> np.ndarray:
    return np.full((24, 32, 3), value, np.uint8)


def _without_queue(result: a2p.Reconstruction) -> a2p.Reconstruction:
    timings = {stage: took for stage, took in result.timings_ms.items() if stage != "queue"}
    return a2p.Reconstruction(**{**vars(result), "timings_ms": timings})


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as up:
        yield up


def _forms(folder: Path) -> list[Any]:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    tiff = folder / "picture.tiff"
    Image.fromarray(pixels).save(tiff)
    return [pixels, png.getvalue(), Image.fromarray(pixels), tiff, str(tiff)]


def test_every_form_of_picture_gives_the_result_of_the_process_itself(server: Running, tmp_path: Path) -> None:
    with a2p.client.Client(server.address) as client:  # type: ignore[attr-defined]
        for source in _forms(tmp_path):
            assert differences(fake_result(source, None), _without_queue(client(source))) == []
        camera = a2p.Camera(500.0, 501.0, 10.0, 11.0)
        assert client(_image(3), camera=camera).camera == camera
        assert [result.warnings for result in client.batch([_image(1), _image(2)])] == [("seed 1",), ("seed 2",)]


def test_faces_travel_once(server: Running) -> None:
    with Client(server.address) as client:
        first, second = client(_image(1)), client(_image(2))
        assert first.hands[0].faces is second.hands[0].faces


def test_quantised_vertices_are_within_the_stated_error(server: Running) -> None:
    with Client(server.address, vertices="quantized") as client:
        exact, near = fake_result(_image(5), None), client(_image(5))
    for mine, theirs in zip(exact.hands, near.hands, strict=True):
        extent = float((mine.vertices.amax(0) - mine.vertices.amin(0)).max())
        assert float((mine.vertices - theirs.vertices).abs().max()) <= 0.6 * extent / 65535 + 1e-6 * extent


def test_a_stream_yields_every_frame_in_order(server: Running) -> None:
    with Client(server.address) as client:
        results = list(client.stream(_image(k) for k in range(40)))
    assert [result.warnings[0] for result in results] == [f"seed {k}" for k in range(40)]
    assert [result.hands[0].track_id for result in results] == list(range(1, 41))
    assert np.array_equal(results[7].image, _image(7))


def test_the_asyncio_client_does_the_same(server: Running) -> None:
    async def frames() -> AsyncIterator[np.ndarray]:
        for k in range(20):
            yield _image(k)

    async def talk() -> tuple[Any, ...]:
        async with AsyncClient(server.address) as client:
            info = await client.server_info()
            one = await client(_image(3))
            many = await client.batch([_image(k) for k in range(5)])
            streamed = [result async for result in client.stream(frames())]
            also = [result async for result in client.stream([_image(9)])]
            return info, one, many, streamed, also

    info, one, many, streamed, also = asyncio.run(talk())
    assert info.max_hand_count == 2
    assert differences(fake_result(_image(3), None), _without_queue(one)) == []
    assert [result.warnings[0] for result in many] == [f"seed {k}" for k in range(5)]
    assert [result.warnings[0] for result in streamed] == [f"seed {k}" for k in range(20)]
    assert also[0].warnings == ("seed 9",)


def test_errors_are_those_of_the_reconstructor() -> None:
    with running(FakeBackend(error=BoxError("boxes[0] must overlap the image"))) as up, Client(up.address) as client:
        with pytest.raises(BoxError, match="overlap"):
            client(_image(0), boxes=[("left", (0.0, 0.0, 5.0, 5.0))])
        with pytest.raises(ConfigError, match="'left' or 'right'"):
            client(_image(0), boxes=[("port", (0.0, 0.0, 5.0, 5.0))])
        with pytest.raises(ImageError, match="at least"):
            client(_image(0)[:4, :4])
    with (
        running(FakeBackend(error=KeyError("secret"))) as up,
        Client(up.address) as client,
        pytest.raises(ServiceError, match="request id"),
    ):
        client(_image(0))


def test_a_frame_that_fails_is_told_and_the_others_come(server: Running) -> None:
    truncated = example_jpeg()[:3000]
    with Client(server.address) as client:
        settled = list(client.follow([_image(1), truncated, _image(2)]))
        assert [(one.frame_id, one.missing) for one in settled] == [(0, None), (1, "failed"), (2, None)]
        assert isinstance(settled[1].error, ImageError)
        with pytest.raises(ImageError):
            list(client.stream([_image(1), truncated]))


def test_an_error_of_the_callers_own_frames_comes_after_the_results_before_it(server: Running) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield _image(1)
        raise KeyError("the camera is gone")

    with Client(server.address) as client:
        results = client.stream(broken())
        assert next(results).warnings == ("seed 1",)
        with pytest.raises(KeyError, match="camera is gone"):
            next(results)


def test_live_frames_that_come_too_fast_are_dropped_and_every_one_is_accounted_for() -> None:
    gate = threading.Event()

    def camera(up: Running) -> Iterator[np.ndarray]:
        yield from (_image(k) for k in range(60))
        until(lambda: up.metric("a2p_queue_depth_count") == 60)
        gate.set()

    with running(FakeBackend(gate=gate), workers=1) as up, Client(up.address) as client:
        settled = list(client.follow(camera(up), settings=StreamSettings(policy="drop_oldest")))
    assert sorted(one.frame_id for one in settled) == list(range(60))
    assert {one.missing for one in settled} == {None, "dropped"}
    results = [one.frame_id for one in settled if one.missing is None]
    assert results == sorted(results)
    assert results[-1] == 59


def test_a_late_result_and_an_absent_server_have_names_of_their_own() -> None:
    with (
        running(FakeBackend(delay_s=2.0)) as up,
        Client(up.address, timeout_s=0.3) as client,
        pytest.raises(DeadlineError),
    ):
        client(_image(0))
    unreachable = pytest.raises(UnavailableError, match="a2p serve")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with Client(f"127.0.0.1:{taken.getsockname()[1]}", retry=NO_RETRY) as client, unreachable:
            client(_image(0))


def test_a_server_that_comes_late_is_waited_for() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    results: list[a2p.Reconstruction] = []

    def ask() -> None:
        with Client(f"localhost:{port}", retry=Retry(attempts=40, longest_s=0.5)) as client:
            results.append(client(_image(4)))

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    with running(port=port):
        asking.join(20)
    assert results[0].warnings == ("seed 4",)


def test_tokens_open_the_door_and_their_absence_closes_it(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("first\nsecond\n")
    with running(token_file=tmp_path / "tokens") as up:
        for token in ("first", "second"):
            with Client(up.address, token=token) as client:
                assert client(_image(1)).warnings == ("seed 1",)
                assert len(list(client.stream([_image(1)]))) == 1
        for wrong in (None, "", "fir", "third"):
            with Client(up.address, token=wrong) as client:
                with pytest.raises(AuthenticationError, match="Bearer"):
                    client(_image(1))
                with pytest.raises(AuthenticationError, match="Bearer"):
                    list(client.stream([_image(1)]))


def test_tls_and_mutual_tls_let_in_whom_they_should(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    mine, yours = authority.pair("server"), authority.pair("client")
    old, foreign = authority.pair("old", expired=True), stranger.pair("foreign")
    settings = {"tls_certificate": mine.certificate, "tls_key": mine.key}
    with running(**settings) as up, Client(up.address, tls=Tls(authorities=authority.certificate)) as client:
        assert client(_image(1)).warnings == ("seed 1",)
    with running(**settings, tls_client_ca=authority.certificate) as up:
        good = Tls(authorities=authority.certificate, certificate=yours.certificate, key=yours.key)
        with Client(up.address, tls=good) as client:
            assert client(_image(1)).warnings == ("seed 1",)
        for tls in (
            None,
            Tls(authorities=authority.certificate),
            Tls(authorities=authority.certificate, certificate=old.certificate, key=old.key),
            Tls(authorities=authority.certificate, certificate=foreign.certificate, key=foreign.key),
            Tls(authorities=stranger.certificate, certificate=yours.certificate, key=yours.key),
        ):
            with (
                Client(up.address, tls=tls, retry=NO_RETRY, timeout_s=5.0) as client,
                pytest.raises(UnavailableError),
            ):
                client(_image(1))
        with Client(up.address, tls=good) as client:
            assert client(_image(1)).warnings == ("seed 1",)
    with running(tls_certificate=old.certificate, tls_key=old.key) as up:
        tls = Tls(authorities=authority.certificate)
        with Client(up.address, tls=tls, retry=NO_RETRY) as client, pytest.raises(UnavailableError):
            client(_image(1))


class _Process:
    """A server of fake results in a process of its own."""

    def __init__(self, port: int = 0, delay_s: float = 0.02) -> None:
        command = [sys.executable, "-m", "tests.service.serve_fake", str(port), str(delay_s)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()


@pytest.mark.slow
def test_a_stream_survives_a_killed_server_and_says_which_frames_were_lost() -> None:
    first = _Process()
    second: list[_Process] = []
    settled: list[StreamedFrame] = []

    def frames() -> Iterator[np.ndarray]:
        for k in range(120):
            if k == 60:
                first.end(signal.SIGKILL)
                second.append(_Process(port=first.port))
            yield _image(k)

    retry = Retry(attempts=200, longest_s=0.5)
    try:
        with Client(f"localhost:{first.port}", retry=retry) as client:
            settled.extend(client.follow(frames()))
    finally:
        for process in second:
            process.end(signal.SIGTERM)
    assert sorted(one.frame_id for one in settled) == list(range(120))
    lost = [one.frame_id for one in settled if one.missing == "lost"]
    assert 0 < len(lost) <= 16
    assert lost == list(range(lost[0], lost[-1] + 1))
    assert all(one.missing in (None, "lost") for one in settled)
    assert settled[-1].reconstruction is not None
    assert settled[-1].reconstruction.warnings == ("seed 119",)


def test_the_asyncio_stream_goes_on_over_a_new_connection() -> None:
    async def follow(up: Running, stack: ExitStack) -> list[StreamedFrame]:
        def restart() -> None:
            up.stop()
            stack.enter_context(running(port=up.port))

        async def frames() -> AsyncIterator[np.ndarray]:
            for k in range(40):
                if k == 20:
                    await asyncio.to_thread(restart)
                yield _image(k)

        retry = Retry(attempts=50, first_s=0.05, longest_s=0.2)
        async with AsyncClient(up.address, retry=retry) as client:
            return [one async for one in client.follow(frames())]

    with ExitStack() as stack, running(FakeBackend(delay_s=0.01)) as up:
        settled = asyncio.run(follow(up, stack))
    assert [one.frame_id for one in settled] == list(range(40))
    assert [one.missing for one in settled[20:]] == [None] * 20


def test_frames_under_way_when_a_stream_is_refused_say_why() -> None:
    """The refusal may come before or after the first frame has left: either way its reason is what is raised."""
    ledger = Ledger(None)
    ledger.frame(_image(1))
    refused = AuthenticationError("a token is required.")
    (lost,) = ledger.lost(refused)
    assert (lost.frame_id, lost.missing, lost.error) == (0, "lost", refused)
    assert not ledger.lost(refused)
