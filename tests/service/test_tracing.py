"""Spans as a collector of OpenTelemetry receives them."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.methods import RECONSTRUCT, SERVICE
from tests.service.fakes import Running, frames, picture, raw_client, running

trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def received() -> queue.Queue[Any]:
    return queue.Queue()


@pytest.fixture
def collector(received: queue.Queue[Any]) -> Iterator[str]:
    """A collector that keeps every span."""

    def export(request: Any, context: grpc.ServicerContext) -> Any:
        del context
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    received.put(span)
        return trace_service.ExportTraceServiceResponse()

    handler = grpc.unary_unary_rpc_method_handler(
        export,
        trace_service.ExportTraceServiceRequest.FromString,
        trace_service.ExportTraceServiceResponse.SerializeToString,
    )
    server = grpc.server(ThreadPoolExecutor(2))
    name = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def _call(server: Running) -> None:
    """Makes a call that belongs to a trace of the caller's, a stream, and a call that fails."""
    with raw_client(server.address) as client:
        traced = client.channel.unary_unary(
            RECONSTRUCT, pb.ReconstructRequest.SerializeToString, pb.ReconstructResponse.FromString
        )
        metadata = (("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-01"),)
        traced(pb.ReconstructRequest(image=picture()), timeout=20, metadata=metadata)
        assert len(list(client.stream(frames(2), timeout=20))) == 3
        with pytest.raises(grpc.RpcError):
            client.unary(pb.ReconstructRequest(), timeout=20)


def test_calls_pictures_and_stages_become_spans_of_the_callers_trace(
    collector: str, received: queue.Queue[Any]
) -> None:
    with running(otlp_endpoint=collector) as up:
        _call(up)
    spans = [received.get_nowait() for _ in range(received.qsize())]
    calls = {span.name.removeprefix(f"{SERVICE}/"): span for span in spans if span.name.startswith(SERVICE)}
    pictures = [span for span in spans if span.name == "picture"]
    assert len([span for span in spans if span.name.startswith(SERVICE)]) == 3
    assert len(pictures) == 3
    mine = [span for span in spans if span.trace_id.hex() == TRACE_ID]
    assert {span.name for span in mine} == {f"{SERVICE}/Reconstruct", "picture", "queue", "load", "meshes"}
    (root,) = [span for span in mine if span.name.endswith("Reconstruct")]
    assert root.parent_span_id.hex() == PARENT_ID
    for span in mine:
        assert root.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
    stream = calls["StreamReconstruct"]
    assert [span.parent_span_id for span in pictures].count(stream.span_id) == 2
    codes = sorted(
        attribute.value.int_value
        for span in spans
        for attribute in span.attributes
        if attribute.key == "rpc.grpc.status_code"
    )
    assert codes == [0, 0, grpc.StatusCode.INVALID_ARGUMENT.value[0]]


def test_no_span_has_a_picture_in_it(collector: str, received: queue.Queue[Any]) -> None:
    with running(otlp_endpoint=collector) as up:
        _call(up)
    assert max(received.get_nowait().ByteSize() for _ in range(received.qsize())) < 3000
