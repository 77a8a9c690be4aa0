"""A backend that is fast and countable, servers in a thread, and a client that is not ours."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from a2p.abandonment import abandoned_when, raise_if_abandoned
from a2p.camera import Camera
from a2p.hand import HandModel, HandPair
from a2p.penetration import PenetrationReport
from a2p.perception.image import ImageInput, load_image
from a2p.result import Reconstruction
from a2p.service.backend import Backend, Follow, Outcome, Work
from a2p.service.config import ServeConfig
from a2p.service.server import Server
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.methods import GET_SERVER_INFO, RECONSTRUCT, STREAM_RECONSTRUCT
from tests.wire.results import random_hand


@lru_cache(maxsize=1)
def models() -> HandPair:
    """The open hands."""
    return HandPair(*HandModel.load_pair("open"))


def picture(width: int = 32, height: int = 24, value: int = 100) -> pb.Image:
    """Returns a small raw picture."""
    pixels = bytes([value]) * (3 * width * height)
    raw = pb.RawImage(pixels=pixels, width_px=width, height_px=height, format=pb.PIXEL_FORMAT_RGB8)
    return pb.Image(raw=raw)


@dataclass
class FakeBackend:
    """Finds a right and a left hand of random numbers in every picture, after `delay_s` of two stages."""

    delay_s: float = 0.0
    gate: threading.Event | None = None
    """Work waits for it."""
    error: Exception | None = None
    calls: int = 0
    abandoned: int = 0
    batches: list[int] = field(default_factory=list)
    given_up: Callable[[], bool] = bool
    """Says whether nobody waits any more for the work that was handed over last."""
    open_streams: int = 0

    @property
    def models(self) -> HandPair:
        return models()

    def open_stream(self, camera: Camera | None) -> Follow:
        return _FakeStream(self, camera)

    def reconstruct(self, works: Sequence[Work]) -> list[Outcome]:
        self.batches.append(len(works))
        self.given_up = works[-1].is_abandoned
        return [self._outcome(work) for work in works]

    def _outcome(self, work: Work) -> Outcome:
        try:
            with abandoned_when(work.is_abandoned):
                image = work.load()
                return work.follow(image, work.time_s) if work.follow else self.result(image, work.camera, None)
        except Exception as error:
            return error

    def result(self, image: ImageInput, camera: Camera | None, track_id: int | None) -> Reconstruction:
        """Returns the result of one picture."""
        self.calls += 1
        try:
            for _ in range(2):
                raise_if_abandoned()
                if self.gate is not None:
                    self.gate.wait(20.0)
                time.sleep(self.delay_s / 2)
            raise_if_abandoned()
        except Exception:
            self.abandoned += 1
            raise
        if self.error is not None:
            raise self.error
        return fake_result(image, camera, track_id)


class _FakeStream:
    """One stream's state: how many frames it has seen."""

    def __init__(self, backend: FakeBackend, camera: Camera | None) -> None:
        self._backend = backend
        self._camera = camera
        self._frames = 0
        backend.open_streams += 1

    def __call__(self, image: ImageInput, time_s: float | None) -> Reconstruction:
        del time_s
        self._frames += 1
        return self._backend.result(image, self._camera, self._frames)

    def __del__(self) -> None:
        self._backend.open_streams -= 1


def fake_result(image: ImageInput, camera: Camera | None, track_id: int | None = None) -> Reconstruction:
    """Returns what the fake backend finds in a picture."""
    pixels = load_image(image).pixels
    seed = int(pixels[0, 0, 0])
    zeros = PenetrationReport(max_mm=0.0, mean_mm=0.0, volume_cm3=0.0, vertex_count=0)
    hands = []
    for model in models():
        hand = random_hand(seed, handedness=model.side, track_id=track_id, vertex_count=len(model.v_template))
        hands.append(type(hand)(**{**vars(hand), "faces": model.topology.faces}))
    return Reconstruction(
        hands=tuple(hands),
        camera=camera or Camera.from_fov(pixels.shape[1], pixels.shape[0], fov_deg=60.0),
        penetration_before=zeros,
        penetration=zeros,
        timings_ms={"load": 0.5, "meshes": 0.25},
        warnings=(f"seed {seed}",),
        image=np.ascontiguousarray(pixels),
    )


@dataclass
class Running:
    """A server in a thread of its own."""

    server: Server
    port: int
    loop: asyncio.AbstractEventLoop

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def stop(self) -> None:
        """Drains and stops the server."""
        asyncio.run_coroutine_threadsafe(self.server.stop(), self.loop).result(30)

    def tasks(self) -> set[str]:
        """Returns the names of the tasks that belong to streams."""

        async def names() -> set[str]:
            return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("a2p-read")}

        return asyncio.run_coroutine_threadsafe(names(), self.loop).result(10)

    def metric(self, name: str, **labels: str) -> float:
        """Returns a metric's value; 0 where it was never counted."""
        return self.server.metrics.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def running(backend: Backend | None = None, **settings: Any) -> Iterator[Running]:
    """Runs a server on a free port."""
    backend = backend or FakeBackend()
    server = Server(ServeConfig(**{"port": 0, "drain_s": 2.0, **settings}), backend)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server", daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
    try:
        yield Running(server, port, loop)
    finally:
        if isinstance(backend, FakeBackend) and backend.gate is not None:
            backend.gate.set()
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def until(condition: Any, *, seconds: float = 30.0) -> None:
    """Waits for a condition; fails where it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.01)


class RawClient:
    """The service through grpcio alone; bytes in where a test wants to send nonsense."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.unary = channel.unary_unary(RECONSTRUCT, _data, pb.ReconstructResponse.FromString)
        self.stream = channel.stream_stream(STREAM_RECONSTRUCT, _data, pb.StreamReconstructResponse.FromString)
        self.info = channel.unary_unary(GET_SERVER_INFO, _data, pb.GetServerInfoResponse.FromString)


@contextmanager
def raw_client(address: str) -> Iterator[RawClient]:
    """Connects without TLS."""
    with grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as channel:
        yield RawClient(channel)


def frames(
    count: int, *, config: pb.StreamConfig | None = None, first_id: int = 0
) -> Iterable[pb.StreamReconstructRequest]:
    """Yields a configuration and then frames."""
    yield pb.StreamReconstructRequest(config=config or pb.StreamConfig(omit_faces=True))
    for index in range(first_id, first_id + count):
        yield pb.StreamReconstructRequest(frame=frame(index))


def frame(frame_id: int) -> pb.Frame:
    """Returns a frame of a small picture."""
    return pb.Frame(frame_id=frame_id, timestamp_us=1000 * frame_id + 1, image=picture(value=frame_id % 256))


def example_jpeg() -> bytes:
    """Returns the packaged example image's file."""
    import a2p

    return (Path(a2p.__file__).parent / "assets" / "example.jpg").read_bytes()


def _data(message: Any) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
