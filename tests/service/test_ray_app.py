"""A replica of the Ray Serve application, called as Ray calls it; test_ray.py has Ray itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from a2p.service.config import ServeConfig
from a2p.service.ray_app import Replica, add_service
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.methods import GET_SERVER_INFO, RECONSTRUCT, STREAM_RECONSTRUCT
from tests.service.fakes import FakeBackend, frames, picture


class Context:
    """What Ray gives a method."""

    def __init__(self) -> None:
        self.code: grpc.StatusCode | None = None
        self.details = ""
        self.trailing: list[tuple[str, Any]] = []

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return []

    def set_code(self, code: grpc.StatusCode) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        self.details = details

    def set_trailing_metadata(self, trailing_metadata: list[tuple[str, Any]]) -> None:
        self.trailing = trailing_metadata


def _replica(backend: FakeBackend) -> Replica:
    return Replica(ServeConfig(), lambda _: backend)


async def _requests(count: int) -> AsyncIterator[bytes]:
    for request in frames(count):
        yield request.SerializeToString()
        await asyncio.sleep(0)


def test_a_picture_is_answered_in_bytes() -> None:
    async def call() -> bytes:
        request = pb.ReconstructRequest(image=picture()).SerializeToString()
        return (await _replica(FakeBackend()).Reconstruct(request, Context())).SerializeToString()

    assert len(pb.ReconstructResponse.FromString(asyncio.run(call())).reconstruction.hands) == 2


def test_a_refusal_is_in_the_context_with_its_details() -> None:
    context = Context()

    async def call() -> bytes:
        small = picture()
        small.raw.width_px = 8
        request = pb.ReconstructRequest(image=small).SerializeToString()
        return (await _replica(FakeBackend()).Reconstruct(request, context)).SerializeToString()

    assert asyncio.run(call()) == b""
    assert context.code is grpc.StatusCode.INVALID_ARGUMENT
    (_, packed), *_ = context.trailing
    request = error_details_pb2.BadRequest()
    assert any(detail.Unpack(request) for detail in status_pb2.Status.FromString(packed).details)
    assert request.field_violations[0].field == "image"


def test_a_stream_is_answered_in_order_with_its_state() -> None:
    async def call() -> list[pb.StreamReconstructResponse]:
        answers = _replica(FakeBackend()).StreamReconstruct(_requests(6), Context())
        return [pb.StreamReconstructResponse.FromString(answer.SerializeToString()) async for answer in answers]

    started, *results = asyncio.run(call())
    assert started.HasField("started")
    assert [answer.result.reconstruction.hands[0].track_id for answer in results] == list(range(1, 7))


def test_a_stream_that_the_client_leaves_frees_its_state() -> None:
    backend = FakeBackend()

    async def call() -> None:
        replica = _replica(backend)
        answers = replica.StreamReconstruct(_requests(50), Context())
        await anext(answers)
        await anext(answers)
        assert backend.open_streams == 1
        await answers.aclose()  # type: ignore[attr-defined]
        for _ in range(500):
            if backend.open_streams == 0:
                break
            await asyncio.sleep(0.01)
        assert backend.open_streams == 0

    asyncio.run(call())


def test_a_stream_against_the_rules_ends_with_its_status() -> None:
    context = Context()

    async def call() -> None:
        async def nothing() -> AsyncIterator[bytes]:
            return
            yield b""

        async for _ in _replica(FakeBackend()).StreamReconstruct(nothing(), context):
            pass

    with pytest.raises(Exception, match="config"):
        asyncio.run(call())
    assert context.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "config" in context.details


def test_ray_is_told_of_every_method() -> None:
    class Servicer:
        Reconstruct = StreamReconstruct = GetServerInfo = staticmethod(print)

    class Server:
        handlers: tuple[Any, ...] = ()

        def add_generic_rpc_handlers(self, handlers: tuple[Any, ...]) -> None:
            self.handlers = handlers

    server = Server()
    add_service(Servicer(), server)
    names = set(server.handlers[0]._method_handlers)
    assert names == {RECONSTRUCT, STREAM_RECONSTRUCT, GET_SERVER_INFO}
