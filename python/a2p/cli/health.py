"""`a2p health`: whether a server serves, for containers' health checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from a2p.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True, kw_only=True)
class Health:
    """Asks a server for its health (grpc.health.v1). Exit code 0: SERVING; 1: anything else."""

    server: tyro.conf.Positional[str] = "localhost:50051"
    """Host and port."""
    service: str = ""
    """A service's full name; without it, the whole server."""
    tls: bool = False
    """Encrypt, trusting the authorities that gRPC brings."""
    tls_authorities: Path | None = None
    """Encrypt, trusting the authorities in this PEM file."""
    timeout_s: float = 3.0
    """Longest wait for the answer."""

    def run(self) -> int:
        """Prints the state and returns the exit code."""
        from a2p.extras import require_extra

        require_extra("serve", "grpc", "grpc_health")
        import grpc
        from grpc_health.v1 import health_pb2

        with self._channel() as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                health_pb2.HealthCheckRequest.SerializeToString,
                health_pb2.HealthCheckResponse.FromString,
            )
            try:
                answer = check(health_pb2.HealthCheckRequest(service=self.service), timeout=self.timeout_s)
            except grpc.RpcError as error:
                print(f"{self.server}: {error.code().name}: {error.details()}")
                return EXIT_SOME_FAILED
        print(f"{self.server}: {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}")
        return EXIT_OK if answer.status == health_pb2.HealthCheckResponse.SERVING else EXIT_SOME_FAILED

    def _channel(self) -> grpc.Channel:
        import grpc

        if not self.tls and self.tls_authorities is None:
            return grpc.insecure_channel(self.server)
        authorities = None if self.tls_authorities is None else self.tls_authorities.read_bytes()
        return grpc.secure_channel(self.server, grpc.ssl_channel_credentials(authorities))
