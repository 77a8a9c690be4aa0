"""The service as a Ray Serve application: replicas behind Ray's gRPC proxy. Needs the extra `ray`.

    serve run deploy/ray_serve.yaml

A replica runs the same handlers as `a2p serve`. A stream stays with its replica, which has the state of its hands.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import grpc

from a2p.extras import require_extra
from a2p.service.backend import Backend
from a2p.service.config import PREFIX, ServeConfig, load_config
from a2p.service.handlers import ReconstructionService
from a2p.service.metrics import Metrics
from a2p.service.scheduler import Scheduler
from a2p.service.tracing import Tracing
from a2p.wire.methods import SERVICE

if TYPE_CHECKING:
    from ray.serve import Application

MakeBackend = Callable[[ServeConfig], Backend]


def add_service(servicer: Any, server: Any) -> None:
    """Registers the service with Ray's proxy; `grpc_servicer_functions` names this function."""
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Reconstruct": grpc.unary_unary_rpc_method_handler(servicer.Reconstruct),
        "StreamReconstruct": grpc.stream_stream_rpc_method_handler(servicer.StreamReconstruct),
        "GetServerInfo": grpc.unary_unary_rpc_method_handler(servicer.GetServerInfo),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))


def build(settings: Mapping[str, object]) -> Application:
    """Returns the application; `settings` are those of `a2p serve`, of which the models, work and limits count."""
    return build_with(settings, _reconstructor)


def build_with(settings: Mapping[str, object], make_backend: MakeBackend) -> Application:
    """Returns the application with another backend in the replicas."""
    require_extra("ray", "ray")
    from ray import serve

    config = load_config({}, environment={f"{PREFIX}{name.upper()}": str(value) for name, value in settings.items()})
    deployed = serve.deployment(
        name="Reconstruction", max_ongoing_requests=config.max_streams, graceful_shutdown_timeout_s=config.drain_s
    )
    application: Application = deployed(Replica).bind(config, make_backend)
    return application


@runtime_checkable
class RayContext(Protocol):
    """What a replica may tell of a call: ray.serve.grpc_util.RayServegRPCContext."""

    def peer(self) -> str:
        """Who calls."""

    def invocation_metadata(self) -> Sequence[tuple[str, object]]:
        """What the caller sent along."""

    def set_code(self, code: grpc.StatusCode) -> None:
        """The status."""

    def set_details(self, details: str) -> None:
        """Its message."""

    def set_trailing_metadata(self, trailing_metadata: list[tuple[str, Any]]) -> None:
        """Its details."""


class Replica:
    """One process with its own models. Ray calls the methods by their names in the protocol."""

    def __init__(self, config: ServeConfig, make_backend: MakeBackend) -> None:
        self._config = config
        self._backend = make_backend(config)
        self._made: ReconstructionService | None = None

    async def Reconstruct(self, request: bytes, grpc_context: RayContext) -> _Encoded:  # noqa: N802
        """Answers a call with one picture."""
        return await _answer(self._service().reconstruct, request, grpc_context)

    async def GetServerInfo(self, request: bytes, grpc_context: RayContext) -> _Encoded:  # noqa: N802
        """Answers what the server runs and accepts."""
        return await _answer(self._service().get_server_info, request, grpc_context)

    async def StreamReconstruct(  # noqa: N802
        self, request_stream: AsyncIterator[bytes], grpc_context: RayContext
    ) -> AsyncIterator[_Encoded]:
        """Answers the stream of one camera. A status that ends it has its message, but not its details."""
        context = _Context(grpc_context)
        call = asyncio.create_task(self._service().stream_reconstruct(request_stream, context))  # type: ignore[arg-type]
        call.add_done_callback(lambda _: context.written.put_nowait(None))
        try:
            while (data := await context.written.get()) is not None:
                context.taken.set()
                yield _Encoded(data)
            await call
        finally:
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    def _service(self) -> ReconstructionService:
        """Returns the handlers, which belong to the event loop of the first call."""
        if self._made is None:
            config, metrics = self._config, Metrics(Tracing.to_collector(self._config.otlp_endpoint))
            budget_s = 1e-3 * config.batch_budget_ms
            scheduler = Scheduler(
                self._backend, metrics, workers=config.workers, max_batch=config.max_batch, budget_s=budget_s
            )
            self._made = ReconstructionService(config, self._backend, scheduler, metrics)
        return self._made


class _Encoded(bytes):
    """A message that is in bytes already."""

    def SerializeToString(self) -> bytes:  # noqa: N802
        return bytes(self)


class _Aborted(Exception):  # noqa: N818 - the status is in the context
    """Ends a call whose context has the status."""


class _Context:
    """What the handlers need of grpc.aio.ServicerContext, on Ray's."""

    def __init__(self, context: RayContext) -> None:
        self._context = context
        self.written: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.taken = asyncio.Event()

    def peer(self) -> str:
        return self._context.peer()

    def invocation_metadata(self) -> Sequence[tuple[str, object]]:
        return self._context.invocation_metadata()

    async def write(self, data: bytes) -> None:
        """Hands an answer on, and waits until it is taken: a slow reader slows its stream down."""
        self.taken.clear()
        self.written.put_nowait(data)
        await self.taken.wait()

    async def abort(self, code: grpc.StatusCode, details: str, trailing_metadata: Any = ()) -> None:
        self._context.set_code(code)
        self._context.set_details(details)
        self._context.set_trailing_metadata(list(trailing_metadata))
        raise _Aborted(details)


async def _answer(method: Callable[..., Any], request: bytes, grpc_context: RayContext) -> _Encoded:
    try:
        return _Encoded(await method(request, _Context(grpc_context)))
    except _Aborted:
        return _Encoded()  # an exception would lose the details of the status


def _reconstructor(config: ServeConfig) -> Backend:
    from a2p.pipeline import Reconstructor
    from a2p.service.backend import ReconstructorBackend

    return ReconstructorBackend(Reconstructor(hand_model=config.hand_model, max_hands=config.max_hands))
