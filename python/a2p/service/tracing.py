"""OpenTelemetry spans of calls, pictures and their stages; nothing unless `otlp_endpoint` is set (extra `otel`)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc

from a2p.extras import require_extra
from a2p.wire.methods import SERVICE


class Tracing:
    """Makes spans with a tracer provider of OpenTelemetry's; without one, does nothing."""

    def __init__(self, provider: Any = None) -> None:
        self._provider = provider
        self._tracer = None if provider is None else provider.get_tracer("a2p.service")

    @classmethod
    def to_collector(cls, endpoint: str) -> Tracing:
        """Returns what sends spans to an OTLP collector (gRPC), such as http://localhost:4317; "" for nothing."""
        if not endpoint:
            return cls()
        require_extra("otel", "opentelemetry.sdk", "opentelemetry.exporter")
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(resource=Resource.create({"service.name": "a2p"}), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        return cls(provider)

    @contextmanager
    def call(self, method: str, metadata: Iterable[tuple[str, object]], request_id: str) -> Iterator[None]:
        """Makes the span of a call, within the caller's own where its metadata has one (W3C traceparent)."""
        if self._tracer is None:
            yield
            return
        from opentelemetry import propagate, trace

        attributes = {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": method, "a2p.request_id": request_id}
        parent = propagate.extract({key: value for key, value in metadata if isinstance(value, str)})
        with self._tracer.start_as_current_span(
            f"{SERVICE}/{method}",
            context=parent,
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ):
            yield

    def ended(self, code: grpc.StatusCode) -> None:
        """Puts a call's status code into its span; it is an error where the server, not the caller, is at fault."""
        if self._tracer is None:
            return
        from opentelemetry import trace

        span = trace.get_current_span()
        span.set_attribute("rpc.grpc.status_code", code.value[0])
        if code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            span.set_status(trace.Status(trace.StatusCode.ERROR, code.name))

    def picture(self, timings_ms: Mapping[str, float]) -> None:
        """Makes the span of a picture that has just been reconstructed, and those of its stages, within the call's."""
        if self._tracer is None:
            return
        from opentelemetry import trace

        at_ns = time.time_ns() - round(1e6 * sum(timings_ms.values()))
        picture = self._tracer.start_span("picture", start_time=at_ns)
        context = trace.set_span_in_context(picture)
        for stage, duration_ms in timings_ms.items():
            span = self._tracer.start_span(stage, context=context, start_time=at_ns)
            at_ns += round(1e6 * duration_ms)
            span.end(at_ns)
        picture.end(at_ns)

    def close(self) -> None:
        """Sends what is left."""
        if self._provider is not None:
            self._provider.shutdown()
