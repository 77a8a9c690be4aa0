"""What Prometheus may ask, and what OpenTelemetry is told."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from a2p.service.tracing import Tracing

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """The server's counters, in a registry of their own, and its spans."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.tracing = tracing or Tracing()
        self.registry = CollectorRegistry()
        self.calls = Counter(
            "a2p_calls_total",
            "Calls that ended, by method and status code.",
            ["method", "code"],
            registry=self.registry,
        )
        self.frames = Counter(
            "a2p_frames_total",
            "Pictures by what became of them: reconstructed, failed, dropped, rejected.",
            ["outcome"],
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "a2p_stage_seconds",
            "Wall-clock time of each stage of a picture.",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_size = Histogram(
            "a2p_batch_size", "Pictures a batch.", buckets=(1, 2, 4, 8, 16, 32), registry=self.registry
        )
        self.streams = Gauge("a2p_streams", "Open streams.", registry=self.registry)
        self.in_flight = Gauge("a2p_frames_in_flight", "Pictures held in memory.", registry=self.registry)
        self.waiting = Gauge("a2p_scheduler_waiting", "Pictures that wait for a worker.", registry=self.registry)
        self.queue_depth = Histogram(
            "a2p_queue_depth",
            "Frames that wait in a stream, at the arrival of one.",
            buckets=(0, 1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )

    def observe(self, timings_ms: Mapping[str, float]) -> None:
        """Counts a picture that was reconstructed."""
        self.frames.labels("reconstructed").inc()
        self.tracing.picture(timings_ms)
        for stage, duration_ms in timings_ms.items():
            self.stage_seconds.labels(stage).observe(1e-3 * duration_ms)
