"""Whatever arrives, the answer says what to change, and the server lives.

CI feeds the decoder some hundred messages; `python -m tests.service.fuzz_decoder SECONDS` goes on for longer.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from a2p.service.config import ServeConfig
from a2p.service.decode import boxes_of, camera_of, parsed, policy_of, require_frame, vertices_of
from a2p.service.failures import Rejection
from a2p.wire._generated import hand_pb2
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.status import status_of
from tests.service.fakes import Running, example_jpeg, frame, frames, picture, raw_client, running
from tests.service.fuzz_decoder import fuzz

INVALID = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(max_pixels=1_000_000, max_message_bytes=2_000_000, max_queue=8) as up:
        yield up


@pytest.fixture(autouse=True)
def _lives(server: Running) -> Iterator[None]:
    yield
    with raw_client(server.address) as client:
        assert len(client.unary(pb.ReconstructRequest(image=picture()), timeout=30).reconstruction.hands) == 2
        assert len(list(client.stream(frames(2), timeout=30))) == 3
    assert server.metric("a2p_frames_in_flight") == 0


def _field(error: grpc.RpcError) -> str:
    found = status_of(error)
    assert found is not None
    request = error_details_pb2.BadRequest()
    assert any(detail.Unpack(request) for detail in found.details)
    return request.field_violations[0].field


def _huge_png() -> bytes:
    file = io.BytesIO()
    Image.new("1", (5000, 5000)).save(file, "PNG")
    return file.getvalue()


def _raw(**fields: Any) -> pb.Image:
    good: dict[str, Any] = {"pixels": bytes(3 * 32 * 24), "width_px": 32, "height_px": 24, "format": 1}
    return pb.Image(raw=pb.RawImage(**{**good, **fields}))


BAD_PICTURES = {
    "no image": (pb.Image(), "encoded or raw"),
    "no image file": (pb.Image(encoded=b"GIF89a nonsense"), "JPEG, PNG, WEBP"),
    "empty file": (pb.Image(encoded=b""), "JPEG, PNG, WEBP"),
    "header only": (pb.Image(encoded=b"\x89PNG\r\n\x1a\n"), "must be"),
    "cut file": (pb.Image(encoded=example_jpeg()[:4000]), "ended early"),
    "huge file": (pb.Image(encoded=_huge_png()), "max_pixels"),
    "huge raw": (_raw(width_px=4_000_000, height_px=4_000_000), "max_pixels"),
    "tiny raw": (_raw(width_px=1, height_px=1, pixels=b"abc"), "at least"),
    "no size": (_raw(width_px=0, height_px=0, pixels=b""), "at least"),
    "too few bytes": (_raw(pixels=bytes(100)), "2304 bytes"),
    "too many bytes": (_raw(pixels=bytes(2305)), "2304 bytes"),
    "no format": (_raw(format=0), "PIXEL_FORMAT_RGB8"),
    "unknown format": (_raw(format=77), "77"),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_an_unusable_picture_is_refused_with_the_reason(server: Running, name: str) -> None:
    image, reason = BAD_PICTURES[name]
    with raw_client(server.address) as client:
        with pytest.raises(grpc.RpcError) as caught:
            client.unary(pb.ReconstructRequest(image=image), timeout=30)
        request = pb.StreamReconstructRequest(frame=pb.Frame(frame_id=1, image=image))
        _, failed, last = client.stream(iter([*frames(0), request, *list(frames(1, first_id=2))[1:]]), timeout=30)
    assert caught.value.code() is INVALID
    assert reason in (caught.value.details() or "")
    assert _field(caught.value) == "image"
    assert (failed.failed.code, last.result.frame_id) == (INVALID.value[0], 2)
    assert reason in failed.failed.message


BAD_REQUESTS = {
    "vertex_encoding": (pb.ReconstructRequest(image=picture(), vertex_encoding=9), "one of 0, 1, 2, 3"),  # type: ignore[arg-type]
    "camera": (pb.ReconstructRequest(image=picture(), camera=hand_pb2.Camera(fx_px=-1.0)), "fx, fy > 0"),
    "boxes[0].handedness": (pb.ReconstructRequest(image=picture(), boxes=[pb.HandBox()]), "HANDEDNESS_LEFT"),
}


@pytest.mark.parametrize("field", BAD_REQUESTS)
def test_a_wrong_field_is_named(server: Running, field: str) -> None:
    request, reason = BAD_REQUESTS[field]
    with raw_client(server.address) as client, pytest.raises(grpc.RpcError) as caught:
        client.unary(request, timeout=30)
    assert caught.value.code() is INVALID
    assert _field(caught.value) == field
    assert reason in (caught.value.details() or "")


_CONFIG = pb.StreamReconstructRequest(config=pb.StreamConfig())
BAD_STREAMS: dict[str, tuple[list[Any], str, int]] = {
    "no message at all": ([], "config", 0),
    "no configuration": ([pb.StreamReconstructRequest(frame=frame(0))], "config", 0),
    "an empty message": ([pb.StreamReconstructRequest()], "config", 0),
    "two configurations": ([_CONFIG, _CONFIG], "frame", 1),
    "an empty frame": ([_CONFIG, pb.StreamReconstructRequest(frame=pb.Frame(frame_id=3))], "frame.image", 1),
    "ids that go backwards": ([*frames(2), pb.StreamReconstructRequest(frame=frame(0))], "frame.frame_id", 3),
    "equal ids": ([*frames(1), pb.StreamReconstructRequest(frame=frame(0))], "frame.frame_id", 2),
    "unknown policy": ([pb.StreamReconstructRequest(config=pb.StreamConfig(queue_policy=9))], "config.queue_policy", 0),  # type: ignore[arg-type]
    "no message": ([_CONFIG, b"\xff\xff\xff garbage"], "", 1),
}


@pytest.mark.parametrize("name", BAD_STREAMS)
def test_a_stream_against_the_rules_ends_after_the_answers_that_it_earned(server: Running, name: str) -> None:
    requests, field, answers = BAD_STREAMS[name]
    received: list[Any] = []
    with raw_client(server.address) as client, pytest.raises(grpc.RpcError) as caught:
        received.extend(client.stream(iter(requests), timeout=30))
    assert caught.value.code() is INVALID
    assert _field(caught.value) == field
    assert len(received) == answers


def test_a_stream_without_frames_is_none_of_them(server: Running) -> None:
    with raw_client(server.address) as client:
        assert len(list(client.stream(frames(0), timeout=30))) == 1


def test_limits_name_their_setting(server: Running) -> None:
    large = pb.ReconstructRequest(image=pb.Image(encoded=bytes(2_500_000)))
    deep = pb.StreamReconstructRequest(config=pb.StreamConfig(queue_count=9))
    with raw_client(server.address) as client:
        for setting, call in (
            ("max_message_bytes", lambda: client.unary(large, timeout=30)),
            ("max_queue", lambda: list(client.stream(iter([deep]), timeout=30))),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                call()
            assert caught.value.code() is EXHAUSTED
            assert setting in (caught.value.details() or "")
            found = status_of(caught.value)
            info = error_details_pb2.ResourceInfo()
            assert found is not None
            assert found.details[0].Unpack(info)
            assert info.resource_name == setting
        with pytest.raises(grpc.RpcError) as caught:
            client.unary(pb.ReconstructRequest(image=pb.Image(encoded=bytes(5_000_000))), timeout=30)
        assert caught.value.code() is EXHAUSTED


def test_bytes_that_are_no_message_are_refused(server: Running) -> None:
    with raw_client(server.address) as client:
        for call in (client.unary, client.info):
            with pytest.raises(grpc.RpcError) as caught:
                call(b"\xff\xff\xff garbage", timeout=30)
            assert caught.value.code() is INVALID
            assert "are none" in (caught.value.details() or "")


@pytest.mark.parametrize(
    "greeting", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01 a TLS hello", b"\x00" * 1000]
)
def test_other_protocols_on_the_port_are_turned_away(server: Running, greeting: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(greeting)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def test_http_1_is_no_grpc(server: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.getresponse()
    connection.close()


_messages = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda data, cut: bytes(data[:cut]),
        st.builds(
            lambda mutations, base: bytes(byte ^ mutations.get(index, 0) for index, byte in enumerate(base)),
            st.dictionaries(st.integers(0, 200), st.integers(1, 255), max_size=5),
            st.sampled_from(
                [
                    pb.ReconstructRequest(
                        image=pb.Image(encoded=b"\xff\xd8\xff"), boxes=[pb.HandBox()], camera=hand_pb2.Camera()
                    ).SerializeToString(),
                    pb.StreamReconstructRequest(frame=pb.Frame(frame_id=7, image=_raw())).SerializeToString()[:250],
                    pb.StreamReconstructRequest(
                        config=pb.StreamConfig(queue_count=3, camera=hand_pb2.Camera())
                    ).SerializeToString(),
                ]
            ),
        ),
        st.integers(1, 250),
    ),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=_messages)
def test_the_decoder_returns_a_request_or_says_what_is_wrong(data: bytes) -> None:
    config = ServeConfig(port=0, max_message_bytes=280)

    def read_unary() -> None:
        request = parsed(pb.ReconstructRequest, data, config)
        vertices_of(int(request.vertex_encoding))
        camera_of(request, "camera")
        boxes_of(request)

    def read_streamed() -> None:
        request = parsed(pb.StreamReconstructRequest, data, config)
        policy_of(int(request.config.queue_policy))
        camera_of(request.config, "config.camera")
        require_frame(request.frame, 3)

    for read in (read_unary, read_streamed):
        assert _code(read) in (None, INVALID, EXHAUSTED)


def test_mutated_requests_and_pictures_are_read_or_refused_with_a_reason() -> None:
    counts = fuzz(seconds=1.0, seed=5)
    assert min(counts.refused, counts.pictures, counts.broken_pictures) > 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=_messages)
def test_a_live_server_answers_random_bytes_with_a_status(server: Running, data: bytes) -> None:
    with raw_client(server.address) as client:
        for call in (
            lambda: client.unary(data, timeout=30),
            lambda: list(client.stream(iter([data, data]), timeout=30)),
        ):
            assert _code(call) in (None, INVALID, EXHAUSTED)


def _code(call: Callable[[], object]) -> grpc.StatusCode | None:
    """Returns the status that a call ends with; None where it succeeds. Other errors pass through."""
    try:
        call()
    except Rejection as refused:
        return refused.code
    except grpc.RpcError as error:
        return error.code()
    return None
