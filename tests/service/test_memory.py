"""A client that sends ten times too fast leaves nothing in the server's memory, neither counted nor on the way."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from a2p.wire._generated import reconstruction_service_pb2 as pb
from tests.service.fakes import FakeBackend, example_jpeg, raw_client, running, until
from tests.tolerances import FLOOD_BYTES_A_FRAME

WARM_UP, FLOOD = 300, 1500


class Camera:
    """Sends frames as fast as they are taken, and counts them."""

    def __init__(self, count: int, file: bytes, *, pause_after: int | None = None) -> None:
        self.count = count
        self.pause_after = pause_after
        self.sent = 0
        self.go_on = threading.Event()
        self.stop = threading.Event()
        self._image = pb.Image(encoded=file)

    def requests(self, policy: pb.QueuePolicy) -> Iterator[pb.StreamReconstructRequest]:
        config = pb.StreamConfig(queue_policy=policy, omit_faces=True, vertex_encoding=pb.VERTEX_ENCODING_NONE)
        yield pb.StreamReconstructRequest(config=config)
        while self.sent < self.count and not self.stop.is_set():
            if self.sent == self.pause_after:
                self.go_on.wait(30)
            frame_id, self.sent = self.sent, self.sent + 1
            yield pb.StreamReconstructRequest(frame=pb.Frame(frame_id=frame_id, image=self._image))


@pytest.mark.parametrize("policy", [pb.QUEUE_POLICY_DROP_OLDEST, pb.QUEUE_POLICY_REJECT], ids=["drop_oldest", "reject"])
def test_a_frame_that_gives_way_leaves_no_byte_behind(policy: pb.QueuePolicy) -> None:
    camera = Camera(WARM_UP + FLOOD, example_jpeg(), pause_after=WARM_UP)
    settled = 0
    with running(FakeBackend(delay_s=0.03)) as up, raw_client(up.address) as client:
        try:
            for answer in client.stream(camera.requests(policy), timeout=60):
                settled += len(answer.dropped.frame_ids) + answer.HasField("failed") + answer.HasField("result")
                if settled == WARM_UP:
                    gc.collect()
                    tracemalloc.start()
                    camera.go_on.set()
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
    assert settled == camera.count
    assert grown / FLOOD < FLOOD_BYTES_A_FRAME


def test_a_busy_server_takes_in_no_more_than_a_few_receive_windows() -> None:
    """Measured: at most 7 files of 40 kB with 128 KiB, 71 to 139 with 4 MiB; the client itself holds one or two."""
    file = example_jpeg()
    camera = Camera(1_000_000, file)
    window = 128 * 1024
    with running(FakeBackend(delay_s=0.03), receive_window_bytes=window) as up, raw_client(up.address) as client:
        call = client.stream(camera.requests(pb.QUEUE_POLICY_DROP_OLDEST))
        until(lambda: camera.sent > 500, seconds=20)

        async def hold_up() -> int:
            """Holds the event loop up, as a machine does that has other things to do; returns what came in between."""
            begun = camera.sent
            time.sleep(1.0)
            return camera.sent - begun

        taken_in = asyncio.run_coroutine_threadsafe(hold_up(), up.loop).result(10)
        camera.stop.set()
        call.cancel()
    assert taken_in * len(file) <= 3 * window + 2 * len(file)
