"""What serving costs, over loopback, with a client made of grpcio alone.

    python -m benchmarks.bench_serving overhead streams flood start

overhead: one stream's round trip minus the time that the server's reconstructor reports for the frame.
streams: frames a second of 8 streams at once, over those of the same reconstructor called in process.
flood: a client that sends at 10 times the rate under drop_oldest; the server's memory, and the latency of results in
    units of the time that a frame takes in process. --seconds 600 for the long version, --cameras 8 for 8 streams.
start: from the command to the first SERVING.

overhead and streams use the real reconstructor (`a2p serve`), flood a fake one that decodes, sleeps 30 ms and makes up
a result.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import grpc
import numpy as np
import tyro
from grpc_health.v1 import health_pb2, health_pb2_grpc

from a2p.wire._generated import reconstruction_service_pb2 as pb

ROOT = Path(__file__).resolve().parents[1]
STREAM = "/a2p.v1.ReconstructionService/StreamReconstruct"
REAL = ("-c", "import sys; from a2p.cli import main; sys.exit(main(['serve', '--port', '0']))")
FAKE_SLEEP_S = 0.03
FAKE = ("-m", "tests.service.serve_fake", "0", str(FAKE_SLEEP_S))
Case = Literal["overhead", "streams", "flood", "start"]


@dataclass(frozen=True)
class Options:
    """What to measure."""

    cases: tyro.conf.Positional[tuple[Case, ...]] = ("overhead", "streams", "flood", "start")
    """Which figures."""
    frames: int = 40
    """Frames a stream."""
    seconds: float = 20.0
    """Length of the flood."""
    cameras: int = 1
    """Streams of the flood."""


def example() -> bytes:
    """Returns the packaged example image's file."""
    return (resources.files("a2p") / "assets" / "example.jpg").read_bytes()


@contextmanager
def server(command: tuple[str, ...]) -> Iterator[tuple[grpc.Channel, int]]:
    """Runs a server in a process of its own; yields a channel to it and its process id."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    port = process.stdout.readline().rsplit(":", 1)[-1].strip()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def stream(channel: grpc.Channel, requests: Iterator[pb.StreamReconstructRequest]) -> Iterator[pb.FrameResult]:
    """Yields the results of one stream."""
    call = channel.stream_stream(
        STREAM, pb.StreamReconstructRequest.SerializeToString, pb.StreamReconstructResponse.FromString
    )
    for response in call(requests):
        if response.HasField("result"):
            yield response.result


def one_by_one(count: int, answered: threading.Semaphore) -> Iterator[pb.StreamReconstructRequest]:
    """Yields frames, each after the answer to the last."""
    image = pb.Image(encoded=example())
    yield pb.StreamReconstructRequest(config=pb.StreamConfig())
    for frame_id in range(count):
        answered.acquire()
        now_us = time.perf_counter_ns() // 1000
        yield pb.StreamReconstructRequest(frame=pb.Frame(frame_id=frame_id, timestamp_us=now_us, image=image))


def computed_ms(result: pb.FrameResult) -> float:
    """Returns the time that the reconstructor says it took."""
    return sum(timing.duration_ms for timing in result.reconstruction.timings if timing.stage != "queue")


def overhead(options: Options) -> dict[str, object]:
    """Measures what a frame costs beside its reconstruction."""
    over, total = [], []
    with server(REAL) as (channel, _):
        answered = threading.Semaphore(1)
        for result in stream(channel, one_by_one(options.frames, answered)):
            took_ms = 1e-3 * (time.perf_counter_ns() // 1000 - result.timestamp_us)
            if result.frame_id >= 5:
                over.append(took_ms - computed_ms(result))
                total.append(took_ms)
            answered.release()
    return {
        "overhead_median_ms": round(statistics.median(over), 2),
        "overhead_p99_ms": round(float(np.percentile(over, 99)), 2),
        "round_trip_median_ms": round(statistics.median(total), 1),
    }


def streams(options: Options) -> dict[str, object]:
    """Measures 8 streams at once against the same number of threads in process."""
    import a2p
    from a2p.pipeline import HandStream

    reconstructor = a2p.Reconstructor()
    rounds = max(options.frames // 10, 2)

    def in_process() -> float:
        follow = [HandStream(reconstructor) for _ in range(8)]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda one: one(example()), follow))
            begun_s = time.perf_counter()
            for _ in range(rounds):
                list(pool.map(lambda one: one(example()), follow))
        return 8 * rounds / (time.perf_counter() - begun_s)

    def served(channel: grpc.Channel, count: int) -> float:
        barrier = threading.Barrier(count + 1)

        def follow() -> None:
            answered = threading.Semaphore(1)
            for result in stream(channel, one_by_one(rounds + 1, answered)):
                if result.frame_id == 0:
                    barrier.wait()
                answered.release()

        threads = [threading.Thread(target=follow) for _ in range(count)]
        for thread in threads:
            thread.start()
        barrier.wait()
        begun_s = time.perf_counter()
        for thread in threads:
            thread.join()
        return count * rounds / (time.perf_counter() - begun_s)

    ratios, eight, one = [], [], []
    with server(REAL) as (channel, _):
        for _ in range(3):
            before = in_process()
            eight.append(served(channel, 8))
            one.append(served(channel, 1))
            ratios.append(2 * eight[-1] / (before + in_process()))
    return {
        "streams_8_fps": round(statistics.median(eight), 2),
        "streams_1_fps": round(statistics.median(one), 2),
        "streams_8_over_in_process": round(statistics.median(ratios), 3),
    }


def flood(options: Options) -> dict[str, object]:
    """Measures a server whose clients send ten times too fast."""
    frame_s = _fake_frame_s()
    memory: list[float] = []
    done = threading.Event()
    with server(FAKE) as (channel, pid), ThreadPoolExecutor(options.cameras) as pool:
        watch = threading.Thread(target=lambda: _watch(pid, memory, done))
        watch.start()
        cameras = [pool.submit(_flooded, channel, 0.1 * frame_s, options.seconds) for _ in range(options.cameras)]
        latencies_s = [latency_s for camera in cameras for latency_s in camera.result()]
        done.set()
        watch.join()
    settled = memory[max(len(memory) // 10, 1) :]
    return {
        "seconds": options.seconds,
        "cameras": options.cameras,
        "frame_ms": round(1e3 * frame_s, 1),
        "frames_answered": len(latencies_s),
        "latency_median_frames": round(statistics.median(latencies_s) / frame_s, 2),
        "latency_p99_frames": round(float(np.percentile(latencies_s, 99)) / frame_s, 2),
        "memory_mb": [round(settled[k * (len(settled) - 1) // 9], 1) for k in range(10)],
        "memory_growth_percent": round(100 * (max(settled) / settled[0] - 1), 2),
    }


def _flooded(channel: grpc.Channel, period_s: float, seconds: float) -> list[float]:
    """Returns the latency, s, of each result of a camera that sends a frame every `period_s`."""
    image = pb.Image(encoded=example())

    def requests() -> Iterator[pb.StreamReconstructRequest]:
        yield pb.StreamReconstructRequest(config=pb.StreamConfig(queue_policy=pb.QUEUE_POLICY_DROP_OLDEST))
        begun_s = time.perf_counter()
        frame_id = 0
        while time.perf_counter() < begun_s + seconds:
            time.sleep(max(begun_s + frame_id * period_s - time.perf_counter(), 0.0))
            now_us = time.perf_counter_ns() // 1000
            yield pb.StreamReconstructRequest(frame=pb.Frame(frame_id=frame_id, timestamp_us=now_us, image=image))
            frame_id += 1

    return [1e-6 * (time.perf_counter_ns() // 1000 - result.timestamp_us) for result in stream(channel, requests())]


def _fake_frame_s() -> float:
    """Returns what a frame takes the fake reconstructor in process, s."""
    from tests.service.fakes import FakeBackend

    from a2p.service.backend import Work

    backend = FakeBackend(delay_s=FAKE_SLEEP_S)
    took_s = []
    for _ in range(30):
        begun_s = time.perf_counter()
        backend.reconstruct([Work(load=example)])
        took_s.append(time.perf_counter() - begun_s)
    return statistics.median(took_s)


def _watch(pid: int, memory: list[float], done: threading.Event) -> None:
    while not done.wait(0.5):
        memory.append(_resident_mb(pid))


def start(options: Options) -> dict[str, object]:  # noqa: ARG001
    """Measures how long a server takes from its command to SERVING."""
    begun_s = time.perf_counter()
    with server(REAL) as (channel, _):
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
        took_s = time.perf_counter() - begun_s
    return {"start_s": round(took_s, 2), "serving": answer.status == health_pb2.HealthCheckResponse.SERVING}


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(options: Options) -> None:
    """Prints one JSON row a case."""
    cases = {"overhead": overhead, "streams": streams, "flood": flood, "start": start}
    for case in options.cases:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(json.dumps({"case": case, **cases[case](options), "machine": machine}), flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
