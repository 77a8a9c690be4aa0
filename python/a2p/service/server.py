"""The server's life: start, serve, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from a2p.errors import ConfigError
from a2p.service.backend import Backend
from a2p.service.config import ServeConfig
from a2p.service.failures import JsonFormatter, logger
from a2p.service.handlers import ReconstructionService
from a2p.service.metrics import Metrics
from a2p.service.scheduler import Scheduler
from a2p.service.security import TokenInterceptor, credentials, tokens
from a2p.service.tracing import Tracing
from a2p.wire.methods import SERVICE

_CORE_SLACK = 2
"""gRPC's own limit on messages, over max_message_bytes: up to it, the answer is ours and names the setting."""


class Server:
    """A running server. Create, start, wait and stop it in one event loop."""

    def __init__(self, config: ServeConfig, backend: Backend) -> None:
        self.config = config
        self.metrics = Metrics(Tracing.to_collector(config.otlp_endpoint))
        self._backend = backend
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._health_server: grpc.aio.Server | None = None
        self._scheduler: Scheduler | None = None
        self.service: ReconstructionService | None = None
        self._stop_metrics: Callable[[], None] = lambda: None

    async def start(self) -> int:
        """Listens, reports SERVING and returns the port.

        Raises:
            ConfigError: The address is taken, or a file cannot be read.
        """
        config = self.config
        interceptors = [TokenInterceptor(tokens(config))] if config.token_file is not None else []
        server = grpc.aio.server(interceptors=interceptors, options=_options(config))
        port = _listen(server, config.host, config.port, credentials(config), setting="port")
        await self._serve_health()
        self._serve_metrics()
        scheduler = Scheduler(
            self._backend,
            self.metrics,
            workers=config.workers,
            max_batch=config.max_batch,
            budget_s=1e-3 * config.batch_budget_ms,
        )
        self._server, self._scheduler = server, scheduler
        self.service = ReconstructionService(config, self._backend, scheduler, self.metrics)
        server.add_generic_rpc_handlers((self.service.handler(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if config.reflection:
            names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, server)
        await server.start()
        await self._report(health_pb2.HealthCheckResponse.SERVING)
        logger.info(
            "serving", extra={"fields": {"host": config.host, "port": port, "tls": config.tls_certificate is not None}}
        )
        return port

    async def stop(self) -> None:
        """Reports NOT_SERVING, lets calls finish within the grace time, and cancels the rest."""
        if self._server is None or self._scheduler is None or self.service is None:
            return
        logger.info("draining", extra={"fields": {"streams": self.service.stream_count}})
        await self._health.enter_graceful_shutdown()
        if self.config.lame_duck_s > 0:
            await asyncio.sleep(self.config.lame_duck_s)
        self.service.drain()
        await self._server.stop(self.config.drain_s)
        self._scheduler.close()
        self._stop_metrics()
        await asyncio.to_thread(self.metrics.tracing.close)
        if self._health_server is not None:
            await self._health_server.stop(None)
        logger.info("stopped")

    async def serve_until_signal(self, on_ready: Callable[[int], None]) -> None:
        """Starts, calls `on_ready` with the port, serves until SIGINT or SIGTERM, then drains.

        A second signal ends the grace time.
        """
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, asked.set)
        on_ready(await self.start())
        await asked.wait()
        asked.clear()
        stopping = asyncio.create_task(self.stop())
        hurry = asyncio.create_task(asked.wait())
        await asyncio.wait({stopping, hurry}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done() and self._server is not None:
            await self._server.stop(None)
        hurry.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stopping

    async def _report(self, state: int) -> None:
        for name in ("", SERVICE):
            await self._health.set(name, state)

    async def _serve_health(self) -> None:
        """Answers health checks on a port of their own, until everything has stopped."""
        if self.config.health_port == 0:
            return
        self._health_server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        _listen(self._health_server, self.config.health_host, self.config.health_port, None, setting="health_port")
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._health_server)
        await self._health_server.start()

    def _serve_metrics(self) -> None:
        if self.config.metrics_port == 0:
            return
        try:
            http, thread = start_http_server(
                self.config.metrics_port, self.config.metrics_host, registry=self.metrics.registry
            )
        except OSError as error:
            raise ConfigError(
                f"metrics_port must be free; got {self.config.metrics_port}: {error.strerror}. Choose another port."
            ) from error

        def stop() -> None:
            http.shutdown()
            http.server_close()
            thread.join()

        self._stop_metrics = stop


def _listen(
    server: grpc.aio.Server, host: str, port: int, secrets: grpc.ServerCredentials | None, *, setting: str
) -> int:
    """Binds an address and returns the port."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return server.add_insecure_port(address) if secrets is None else server.add_secure_port(address, secrets)
    except RuntimeError as error:
        raise ConfigError(f"{setting} must be free to listen on {address}: {error}. Choose another port.") from error


def configure_logs() -> None:
    """Sends the server's log to standard error, one JSON object a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _options(config: ServeConfig) -> list[tuple[str, int]]:
    options = [
        ("grpc.max_receive_message_length", _CORE_SLACK * config.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", 2 * config.max_streams),
        ("grpc.so_reuseport", 0),
        # Left alone, gRPC lets megabytes of each stream in, the more the faster they come: memory that grows with every
        # moment in which the server is busy, and old pictures in the way of the newest.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", config.receive_window_bytes),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
    if config.max_connection_age_s > 0:
        options += [
            ("grpc.max_connection_age_ms", round(1e3 * config.max_connection_age_s)),
            ("grpc.max_connection_age_grace_ms", round(1e3 * config.drain_s)),
        ]
    return options
