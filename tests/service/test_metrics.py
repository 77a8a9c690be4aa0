"""What Prometheus reads."""

from __future__ import annotations

import socket
import urllib.request

import pytest

from a2p.errors import ConfigError
from a2p.wire._generated import reconstruction_service_pb2 as pb
from tests.service.fakes import frames, picture, raw_client, running


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_metrics_count_calls_frames_and_stages() -> None:
    port = _free_port()
    with running(metrics_port=port) as up, raw_client(up.address) as client:
        client.unary(pb.ReconstructRequest(image=picture()), timeout=30)
        list(client.stream(frames(3), timeout=30))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
            text = page.read().decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(lines['a2p_calls_total{code="OK",method="Reconstruct"}']) == 1
    assert float(lines['a2p_calls_total{code="OK",method="StreamReconstruct"}']) == 1
    assert float(lines['a2p_frames_total{outcome="reconstructed"}']) == 4
    assert float(lines['a2p_stage_seconds_count{stage="queue"}']) == 4
    assert float(lines['a2p_stage_seconds_sum{stage="load"}']) == pytest.approx(0.002)
    assert float(lines["a2p_streams"]) == 0


@pytest.mark.parametrize("setting", ["port", "metrics_port"])
def test_a_port_that_is_taken_is_named(setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match=setting), running(**{setting: taken.getsockname()[1]}):
            pass
