"""The server through grpcio alone: calls, streams, policies, deadlines, shutdown."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.convert import faces_from_proto, reconstruction_from_proto
from a2p.wire.methods import SERVICE
from a2p.wire.status import status_of
from tests.service.fakes import (
    FakeBackend,
    Running,
    example_jpeg,
    fake_result,
    frame,
    frames,
    models,
    picture,
    raw_client,
    running,
    until,
)
from tests.wire.results import differences


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as up:
        yield up


def _detail(error: grpc.RpcError, kind: type) -> object:
    found = status_of(error)
    assert found is not None
    for detail in found.details:
        message = kind()
        if detail.Unpack(message):
            return message
    raise AssertionError(f"no {kind.__name__} in {found}")


def test_one_picture_comes_back_as_the_backend_saw_it(server: Running) -> None:
    with raw_client(server.address) as client:
        response = client.unary(pb.ReconstructRequest(image=pb.Image(encoded=example_jpeg())), timeout=30)
    expected = fake_result(example_jpeg(), None)
    faces = faces_from_proto(response.faces)
    back = reconstruction_from_proto(response.reconstruction, faces=faces, image=expected.image)
    timings = dict(back.timings_ms)
    assert list(timings) == ["queue", *expected.timings_ms]
    assert differences(expected, back) == ["timings_ms"]


def test_faces_and_vertices_stay_away_where_they_are_not_wanted(server: Running) -> None:
    with raw_client(server.address) as client:
        omitted = client.unary(pb.ReconstructRequest(image=picture(), omit_faces=True), timeout=30)
        bare = client.unary(pb.ReconstructRequest(image=picture(), vertex_encoding=pb.VERTEX_ENCODING_NONE), timeout=30)
        small = client.unary(
            pb.ReconstructRequest(image=picture(), vertex_encoding=pb.VERTEX_ENCODING_QUANTIZED), timeout=10
        )
    count = len(models().right.v_template)
    assert [len(hand.vertices_float32) for hand in omitted.reconstruction.hands] == [12 * count] * 2
    assert [len(hand.vertices_quantized.steps) for hand in small.reconstruction.hands] == [6 * count] * 2
    assert len(omitted.faces) == len(bare.faces) == 0
    assert all(hand.WhichOneof("vertices") is None for hand in bare.reconstruction.hands)


def test_a_stream_answers_every_frame_in_order_with_its_id_and_time(server: Running) -> None:
    with raw_client(server.address) as client:
        started, *rest = client.stream(frames(20, config=pb.StreamConfig(queue_count=3)), timeout=20)
    assert started.started.queue_count == 3
    assert {face.handedness for face in started.started.faces} == {1, 2}
    assert [answer.result.frame_id for answer in rest] == list(range(20))
    assert [answer.result.timestamp_us for answer in rest] == [1000 * k + 1 for k in range(20)]
    assert [answer.result.reconstruction.warnings[0] for answer in rest] == [f"seed {k}" for k in range(20)]
    assert [answer.result.reconstruction.hands[0].track_id for answer in rest] == list(range(1, 21))


def test_a_stream_of_independent_frames_has_no_state(server: Running) -> None:
    with raw_client(server.address) as client:
        _, *rest = client.stream(frames(3, config=pb.StreamConfig(independent_frames=True)), timeout=20)
    assert not any(answer.result.reconstruction.hands[0].HasField("track_id") for answer in rest)


def test_an_unusable_frame_fails_alone(server: Running) -> None:
    def requests() -> Iterator[pb.StreamReconstructRequest]:
        yield from frames(1)
        yield pb.StreamReconstructRequest(frame=pb.Frame(frame_id=1, image=pb.Image(encoded=b"no picture")))
        yield pb.StreamReconstructRequest(frame=frame(2))

    with raw_client(server.address) as client:
        _, first, failed, last = client.stream(requests(), timeout=20)
    assert (first.result.frame_id, last.result.frame_id) == (0, 2)
    assert failed.failed.frame_id == 1
    assert failed.failed.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "JPEG, PNG, WEBP" in failed.failed.message


class _Sender:
    """Requests that a test sends when it likes."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[pb.StreamReconstructRequest | None] = queue.SimpleQueue()

    def send(self, request: pb.StreamReconstructRequest) -> None:
        self._requests.put(request)

    def send_frames(self, *frame_ids: int) -> None:
        for frame_id in frame_ids:
            self.send(pb.StreamReconstructRequest(frame=frame(frame_id)))

    def close(self) -> None:
        self._requests.put(None)

    def __iter__(self) -> Iterator[pb.StreamReconstructRequest]:
        return iter(self._requests.get, None)


def _arrived(up: Running) -> float:
    """Returns how many frames streams have taken in."""
    return up.metric("a2p_queue_depth_count")


def test_drop_oldest_keeps_the_newest_frame_and_reports_the_others() -> None:
    backend = FakeBackend(gate=threading.Event())
    with running(backend, workers=1) as up, raw_client(up.address) as client:
        sender = _Sender()
        sender.send(pb.StreamReconstructRequest(config=pb.StreamConfig(queue_policy=pb.QUEUE_POLICY_DROP_OLDEST)))
        answers = client.stream(iter(sender), timeout=20)
        assert next(answers).started.queue_count == 1
        sender.send_frames(0)
        until(lambda: backend.calls == 1)
        sender.send_frames(*range(1, 10))
        until(lambda: _arrived(up) == 10)
        assert backend.gate is not None
        backend.gate.set()
        sender.close()
        first, dropped, last = answers
        assert first.result.frame_id == 0
        assert list(dropped.dropped.frame_ids) == list(range(1, 9))
        assert last.result.frame_id == 9
        assert up.metric("a2p_frames_total", outcome="dropped") == 8


def test_a_stream_that_waits_for_a_worker_gives_its_newest_frame() -> None:
    backend = FakeBackend(gate=threading.Event())
    with running(backend, workers=1) as up, raw_client(up.address) as client:
        config = pb.StreamReconstructRequest(config=pb.StreamConfig(queue_policy=pb.QUEUE_POLICY_DROP_OLDEST))
        senders = [_Sender(), _Sender()]
        streams = [client.stream(iter(sender), timeout=20) for sender in senders]
        for sender, answers in zip(senders, streams, strict=True):
            sender.send(config)
            next(answers)
        senders[0].send_frames(0)
        until(lambda: backend.calls == 1)
        senders[1].send_frames(0)
        until(lambda: up.metric("a2p_scheduler_waiting") == 1)
        senders[1].send_frames(1, 2, 3)
        until(lambda: _arrived(up) == 5)
        assert backend.gate is not None
        backend.gate.set()
        for sender in senders:
            sender.close()
        assert [answer.result.frame_id for answer in streams[0]] == [0]
        dropped, last = streams[1]
        assert list(dropped.dropped.frame_ids) == [0, 1, 2]
        assert last.result.frame_id == 3


def test_reject_keeps_the_frames_that_wait_and_refuses_the_new_ones() -> None:
    backend = FakeBackend(gate=threading.Event())
    with running(backend, workers=1) as up, raw_client(up.address) as client:
        sender = _Sender()
        config = pb.StreamConfig(queue_policy=pb.QUEUE_POLICY_REJECT, queue_count=2)
        sender.send(pb.StreamReconstructRequest(config=config))
        answers = client.stream(iter(sender), timeout=20)
        next(answers)
        sender.send_frames(0)
        until(lambda: backend.calls == 1)
        sender.send_frames(1, 2, 3, 4)
        until(lambda: _arrived(up) == 5)
        assert backend.gate is not None
        backend.gate.set()
        sender.close()
        rest = list(answers)
    refused = [answer.failed for answer in rest if answer.WhichOneof("response") == "failed"]
    assert [(one.frame_id, one.code) for one in refused] == [(3, 8), (4, 8)]
    assert "queue_count" in refused[0].message
    assert [answer.result.frame_id for answer in rest if answer.HasField("result")] == [0, 1, 2]


def test_block_stops_reading_where_the_queue_is_full() -> None:
    backend = FakeBackend(gate=threading.Event())
    with running(backend, workers=1) as up, raw_client(up.address) as client:
        answers = client.stream(frames(50, config=pb.StreamConfig(queue_count=2)), timeout=30)
        next(answers)
        until(lambda: _arrived(up) == 4)  # one in work, two in the queue, one in the reader's hand
        time.sleep(0.2)
        assert _arrived(up) == 4
        assert up.metric("a2p_frames_in_flight") == 3
        assert backend.gate is not None
        backend.gate.set()
        assert [answer.result.frame_id for answer in answers] == list(range(50))
        until(lambda: up.metric("a2p_frames_in_flight") == 0)


def test_frames_in_flight_are_limited_over_all_streams() -> None:
    backend = FakeBackend(gate=threading.Event())
    with running(backend, workers=1, max_frames_in_flight=3) as up, raw_client(up.address) as client:
        streams = [client.stream(frames(4), timeout=30) for _ in range(4)]
        for one in streams:
            next(one)
        until(lambda: up.metric("a2p_frames_in_flight") == 3)
        with pytest.raises(grpc.RpcError) as caught:
            client.unary(pb.ReconstructRequest(image=picture()), timeout=30)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        info = _detail(caught.value, error_details_pb2.ResourceInfo)
        assert info.resource_name == "max_frames_in_flight"  # type: ignore[attr-defined]
        assert backend.gate is not None
        backend.gate.set()
        for one in streams:
            assert len(list(one)) == 4


def test_too_many_streams_are_refused_and_told_when_to_try_again() -> None:
    with running(max_streams=1) as up, raw_client(up.address) as client:
        sender = _Sender()
        sender.send(pb.StreamReconstructRequest(config=pb.StreamConfig()))
        first = client.stream(iter(sender), timeout=20)
        next(first)
        with pytest.raises(grpc.RpcError) as caught:
            list(client.stream(frames(1), timeout=20))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert _detail(caught.value, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() > 0  # type: ignore[attr-defined]
        sender.close()
        list(first)
        until(lambda: up.metric("a2p_streams") == 0)
        assert len(list(client.stream(frames(1), timeout=20))) == 2


def test_a_deadline_stops_the_work_between_two_stages() -> None:
    backend = FakeBackend(gate=threading.Event())
    with running(backend) as up, raw_client(up.address) as client:
        client.info(pb.GetServerInfoRequest(), timeout=20)  # connects, which may take longer than the deadline below
        with pytest.raises(grpc.RpcError) as caught:
            client.unary(pb.ReconstructRequest(image=picture()), timeout=1.0)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert backend.calls == 1
        until(backend.given_up)  # the client's clock may ring before the server's
        assert backend.gate is not None
        backend.gate.set()
        until(lambda: backend.abandoned == 1)
        until(lambda: up.metric("a2p_frames_in_flight") == 0)


def test_a_cancelled_stream_frees_its_state_at_once() -> None:
    backend = FakeBackend(gate=threading.Event())
    with running(backend) as up, raw_client(up.address) as client:
        answers = client.stream(frames(50), timeout=30)
        next(answers)
        until(lambda: backend.calls == 1)
        assert backend.open_streams == 1
        answers.cancel()
        until(lambda: up.metric("a2p_streams") == 0)
        until(lambda: up.metric("a2p_frames_in_flight") == 0)
        assert up.tasks() == set()
        assert backend.gate is not None
        backend.gate.set()
        until(lambda: backend.open_streams == 0)
        assert backend.abandoned == 1


def test_frames_of_several_streams_share_a_batch_within_the_budget() -> None:
    backend = FakeBackend(gate=threading.Event())
    with running(backend, workers=1, max_batch=4, batch_budget_ms=50.0) as up, raw_client(up.address) as client:
        streams = [client.stream(frames(3), timeout=30) for _ in range(4)]
        for one in streams:
            next(one)
        until(lambda: sum(backend.batches) + up.metric("a2p_scheduler_waiting") >= 4)
        assert backend.gate is not None
        backend.gate.set()
        for one in streams:
            assert [answer.result.frame_id for answer in one] == [0, 1, 2]
    assert sum(backend.batches) == 12
    assert max(backend.batches) > 1


def test_an_error_of_the_server_hides_its_reason_and_gives_the_id_to_ask_for() -> None:
    with running(FakeBackend(error=KeyError("secret"))) as up, raw_client(up.address) as client:
        with pytest.raises(grpc.RpcError) as caught:
            client.unary(pb.ReconstructRequest(image=picture()), timeout=30)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in (caught.value.details() or "")
        assert "request id" in (caught.value.details() or "")
        _, failed = client.stream(frames(1), timeout=30)
        assert failed.failed.code == grpc.StatusCode.INTERNAL.value[0]
        assert "secret" not in failed.failed.message


def test_shutdown_reports_not_serving_finishes_streams_and_says_why() -> None:
    backend = FakeBackend(gate=threading.Event())
    with running(backend, workers=1, drain_s=20.0) as up, raw_client(up.address) as client:
        probe = health_pb2_grpc.HealthStub(client.channel)
        assert probe.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=30).status == 1
        states = probe.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=20)
        assert next(states).status == health_pb2.HealthCheckResponse.SERVING
        sender = _Sender()
        sender.send(pb.StreamReconstructRequest(config=pb.StreamConfig()))
        answers = client.stream(iter(sender), timeout=20)
        next(answers)
        sender.send_frames(0, 1)
        until(lambda: _arrived(up) == 2)
        stopping = threading.Thread(target=up.stop)
        stopping.start()
        assert next(states).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert backend.gate is not None
        backend.gate.set()
        received = []
        with pytest.raises(grpc.RpcError) as caught:
            received.extend(answer.result.frame_id for answer in answers)
        stopping.join(20)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "shutting down" in (caught.value.details() or "")


def test_reflection_lists_the_service(server: Running) -> None:
    with raw_client(server.address) as client:
        stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        response = next(stub.ServerReflectionInfo(iter([request]), timeout=30))
    assert SERVICE in {service.name for service in response.list_services_response.service}


def test_server_info_states_every_limit(server: Running) -> None:
    with raw_client(server.address) as client:
        info = client.info(pb.GetServerInfoRequest(), timeout=30)
    config = server.server.config
    assert info.hand_model == "open"
    assert (info.max_hand_count, info.max_queue_count) == (config.max_hands, config.max_queue)
    assert (info.max_message_bytes, info.max_image_pixel_count) == (config.max_message_bytes, config.max_pixels)
    assert info.max_stream_count == config.max_streams
    assert len(info.faces) == 2
