"""`a2p serve`: the gRPC server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from pathlib import Path

from a2p.cli.exit_codes import EXIT_OK


@dataclass(frozen=True, kw_only=True)
class Serve:
    """Serves reconstructions over gRPC until it is interrupted.

    A setting comes from its flag, else from the environment (A2P_SERVE_PORT ...), else from the file that --config
    names, else it has the default given here.
    """

    config: Path | None = None
    """TOML file with settings."""
    host: str | None = None
    """Address to listen on; 127.0.0.1."""
    port: int | None = None
    """Port to listen on, 0 for a free one; 50051."""
    allow_plaintext: bool | None = None
    """Listen on an address that others can reach, without TLS; no."""
    tls_certificate: Path | None = None
    """PEM file with the server's certificate chain."""
    tls_key: Path | None = None
    """PEM file with its key."""
    tls_client_ca: Path | None = None
    """PEM file with the authorities of clients' certificates; every client must then show one."""
    token_file: Path | None = None
    """File with one bearer token a line; every call but health checks must then carry one."""
    hand_model: str | None = None
    """`open`, or a folder or file of MANO; open."""
    max_hands: int | None = None
    """At most so many hands a picture; 2."""
    workers: int | None = None
    """Threads that reconstruct; 2."""
    max_batch: int | None = None
    """Frames of different streams that one worker takes at once; 1."""
    batch_budget_ms: float | None = None
    """How long a worker waits for a batch to fill; 2."""
    max_message_bytes: int | None = None
    """Largest request; 32 MiB."""
    receive_window_bytes: int | None = None
    """What a client may send of a stream before the server has read it; 256 KiB."""
    max_pixels: int | None = None
    """Largest picture, width times height; 40,000,000."""
    max_streams: int | None = None
    """Streams at once; 1024."""
    default_queue: int | None = None
    """Frames that may wait in a stream that does not say; 4."""
    max_queue: int | None = None
    """Frames that may wait in any stream; 64."""
    max_frames_in_flight: int | None = None
    """Pictures held in memory, of all streams and calls together; 256."""
    drain_s: float | None = None
    """At shutdown, streams get so long to finish what they sent; 20."""
    lame_duck_s: float | None = None
    """At shutdown, time between NOT_SERVING and refusing calls; 0."""
    max_connection_age_s: float | None = None
    """Connections are asked to reconnect after so long, 0 for never; 0."""
    health_host: str | None = None
    """Address of the health checks' own port; 127.0.0.1."""
    health_port: int | None = None
    """Port of health checks alone, in plain text, for probes that can do no better; 0 for none."""
    metrics_host: str | None = None
    """Address of Prometheus metrics; 127.0.0.1."""
    metrics_port: int | None = None
    """Port of Prometheus metrics, 0 for none; 0."""
    otlp_endpoint: str | None = None
    """Collector of OpenTelemetry traces (OTLP over gRPC), such as http://localhost:4317; none."""
    reflection: bool | None = None
    """Let tools such as grpcurl ask for the protocol; yes."""

    def run(self) -> int:
        """Serves and returns the exit code."""
        from a2p.extras import require_extra

        require_extra("serve", "grpc", "grpc_health", "grpc_reflection", "prometheus_client")
        from a2p.service.config import load_config

        given = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "config"}
        config = load_config({name: value for name, value in given.items() if value is not None}, file=self.config)

        from a2p.pipeline import Reconstructor
        from a2p.service.backend import ReconstructorBackend
        from a2p.service.server import Server, configure_logs

        configure_logs()
        backend = ReconstructorBackend(Reconstructor(hand_model=config.hand_model, max_hands=config.max_hands))

        async def serve() -> None:
            server = Server(config, backend)
            await server.serve_until_signal(lambda port: print(f"a2p serves on {config.host}:{port}", flush=True))

        asyncio.run(serve())
        return EXIT_OK
