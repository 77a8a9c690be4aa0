"""Health: the port that probes may ask, and the command that containers run."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from a2p.cli import main
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.methods import SERVICE
from tests.service.fakes import FakeBackend, Running, frames, picture, raw_client, running, until


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


@pytest.fixture
def guarded(port: int, tmp_path: Path) -> Iterator[Running]:
    """A server that wants a token, with a port for health checks."""
    (tmp_path / "tokens").write_text("secret\n")
    with running(health_port=port, token_file=tmp_path / "tokens") as up:
        yield up


@pytest.mark.usefixtures("guarded")
def test_the_health_port_tells_the_health_and_nothing_else(port: int) -> None:
    for arguments in ([], ["--service", SERVICE]):
        assert main(["health", f"127.0.0.1:{port}", *arguments]) == 0
    with raw_client(f"127.0.0.1:{port}") as client, pytest.raises(grpc.RpcError) as caught:
        client.unary(pb.ReconstructRequest(image=picture()), timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_unknown_service_is_not_healthy(guarded: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", guarded.address, "--service", "a2p.v2.Other"]) == 1
    assert "NOT_FOUND" in capsys.readouterr().out


def test_where_nothing_listens_there_is_no_health(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", f"127.0.0.1:{port}", "--timeout-s", "1"]) == 1
    assert "127.0.0.1" in capsys.readouterr().out


def test_a_draining_server_is_not_serving_while_its_streams_finish(
    port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = FakeBackend(gate=threading.Event())
    address = f"127.0.0.1:{port}"
    with running(backend, health_port=port, drain_s=10.0) as up, raw_client(up.address) as client:
        call = client.stream(frames(1), timeout=30)
        until(lambda: up.metric("a2p_frames_in_flight") == 1)
        stopping = threading.Thread(target=up.stop)
        stopping.start()
        until(lambda: main(["health", address]) == 1)
        assert "NOT_SERVING" in capsys.readouterr().out
        assert backend.gate is not None
        backend.gate.set()
        assert next(call).HasField("started")
        assert next(call).HasField("result")
        with pytest.raises(grpc.RpcError):
            next(call)
        stopping.join(20)
        assert main(["health", address, "--timeout-s", "1"]) == 1
        assert "UNAVAILABLE" in capsys.readouterr().out
