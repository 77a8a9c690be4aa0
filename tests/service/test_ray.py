"""Two replicas under Ray Serve answer like `a2p serve`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

from a2p.client import Client
from a2p.errors import ImageError
from a2p.result import Reconstruction

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra ray")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as one, socket.socket() as other:
        ports = []
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
            ports.append(str(probe.getsockname()[1]))
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.service.serve_ray", *ports]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = list(takewhile(lambda line: line != "serving\n", process.stdout))
        if "ray\n" not in lines:
            pytest.skip("Ray itself does not start here within its own limits")
        assert process.poll() is None, lines
        yield f"127.0.0.1:{ports[0]}"
        process.communicate(timeout=120)


def _picture(value: int = 5) -> np.ndarray:
    return np.full((24, 32, 3), value, np.uint8)


def _process(result: Reconstruction) -> str:
    return result.warnings[0]


@pytest.mark.slow
def test_pictures_are_spread_over_both_replicas(address: str) -> None:
    with Client(address, timeout_s=60.0) as client, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(client, [_picture()] * 40))
        assert client.server_info().max_hand_count == 2
    assert {len(result.hands) for result in results} == {2}
    assert len({_process(result) for result in results}) == 2


@pytest.mark.slow
def test_a_stream_stays_with_the_replica_that_knows_its_hands(address: str) -> None:
    with Client(address, timeout_s=60.0) as client:
        results = list(client.stream([_picture(k) for k in range(20)]))
    assert [result.hands[0].track_id for result in results] == list(range(1, 21))
    assert len({_process(result) for result in results}) == 1


@pytest.mark.slow
def test_an_error_keeps_its_type_and_advice(address: str) -> None:
    broken = b"\xff\xd8\xff no picture"
    with Client(address, timeout_s=60.0) as client:
        with pytest.raises(ImageError, match="image"):
            client(broken)
        frames = list(client.follow([_picture(), broken, _picture()]))
    assert [frame.missing for frame in frames] == [None, "failed", None]
