"""Streams opened and cut at random points leave nothing behind.

In CI 120 streams; the long version is `A2P_SOAK_STREAMS=1000 pytest tests/service/test_soak.py`.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

from a2p.wire._generated import reconstruction_service_pb2 as pb
from tests.service.fakes import FakeBackend, RawClient, frame, frames, raw_client, running, until

STREAMS = int(os.environ.get("A2P_SOAK_STREAMS", "120"))


def _requests(draw: random.Random, stop: threading.Event) -> Iterator[pb.StreamReconstructRequest]:
    """Yields a configuration, or not, and frames until something ends the stream."""
    policy = draw.choice([pb.QUEUE_POLICY_BLOCK, pb.QUEUE_POLICY_DROP_OLDEST, pb.QUEUE_POLICY_REJECT])
    if draw.random() < 0.1:
        return
    yield pb.StreamReconstructRequest(config=pb.StreamConfig(queue_policy=policy, queue_count=draw.randint(0, 4)))
    for frame_id in range(draw.randint(0, 30)):
        if stop.is_set():
            return
        yield pb.StreamReconstructRequest(frame=frame(frame_id))
        if draw.random() < 0.2:
            time.sleep(draw.uniform(0.0, 0.01))
    if draw.random() < 0.3:
        stop.wait(0.5)


def _one_stream(client: RawClient, seed: int) -> str:
    """Opens a stream and ends it in one of the ways in which clients end; returns how."""
    draw = random.Random(seed)
    stop = threading.Event()
    how = draw.choice(["read all", "cut", "cut at once", "slow reader", "deadline"])
    timeout = draw.uniform(0.01, 0.3) if how == "deadline" else 60.0
    call = client.stream(_requests(draw, stop), timeout=timeout)
    limit = {"cut": draw.randint(0, 10), "cut at once": 0, "slow reader": draw.randint(1, 5)}.get(how)
    try:
        for count, _ in enumerate(call):
            if limit is not None and count >= limit:
                break
            if how == "slow reader":
                time.sleep(draw.uniform(0.0, 0.05))
    except grpc.RpcError as error:
        if error.code() not in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INVALID_ARGUMENT):
            raise
    finally:
        stop.set()
        call.cancel()
    return how


def test_streams_cut_at_random_points_leave_nothing_behind() -> None:
    backend = FakeBackend(delay_s=0.001)
    with running(backend, max_streams=2 * STREAMS) as up:
        with raw_client(up.address) as client, ThreadPoolExecutor(24) as pool:
            ends = set(pool.map(lambda seed: _one_stream(client, seed), range(STREAMS)))
        assert len(ends) == 5
        until(lambda: up.metric("a2p_streams") == 0)
        until(lambda: up.metric("a2p_frames_in_flight") == 0)
        until(lambda: up.metric("a2p_scheduler_waiting") == 0)
        until(lambda: not up.tasks())
        until(lambda: backend.open_streams == 0)
        with raw_client(up.address) as client:
            _, *rest = client.stream(frames(10), timeout=20)
        assert [answer.result.frame_id for answer in rest] == list(range(10))
        assert [answer.result.reconstruction.hands[0].track_id for answer in rest] == list(range(1, 11))
