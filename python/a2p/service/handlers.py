"""The service's methods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import grpc

import a2p
from a2p.perception.image import ImageInput, ImageLimits
from a2p.result import Reconstruction
from a2p.service.backend import Backend, Work
from a2p.service.config import ServeConfig
from a2p.service.decode import boxes_of, camera_of, parsed, vertices_of
from a2p.service.failures import Call, Context, Rejection, call_scope, limit_met, rejection
from a2p.service.frame_queue import Slots
from a2p.service.metrics import Metrics
from a2p.service.scheduler import Order, Scheduler
from a2p.service.streaming import Stream
from a2p.wire._generated import hand_pb2
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.convert import faces_to_proto, reconstruction_to_proto
from a2p.wire.images import image_from_proto
from a2p.wire.methods import SERVICE
from a2p.wire.status import retry_after, status

_RETRY_S = 0.5


class ReconstructionService:
    """Answers calls. Requests arrive as bytes, so that whatever is wrong with them gets an answer that says so."""

    def __init__(self, config: ServeConfig, backend: Backend, scheduler: Scheduler, metrics: Metrics) -> None:
        self._config = config
        self._backend = backend
        self._scheduler = scheduler
        self._metrics = metrics
        self._slots = Slots(config.max_frames_in_flight, metrics)
        self._streams: set[Stream] = set()
        self._is_draining = False
        self._limits = ImageLimits(max_pixels=config.max_pixels)
        self._faces = {
            model.side: faces_to_proto(model.side, model.topology.faces, vertex_count=len(model.v_template))
            for model in backend.models
        }

    def handler(self) -> grpc.GenericRpcHandler:
        """Returns what a grpc.aio.server routes calls to."""
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Reconstruct": grpc.unary_unary_rpc_method_handler(self.reconstruct, None, None),
            "StreamReconstruct": grpc.stream_stream_rpc_method_handler(self.stream_reconstruct, None, None),
            "GetServerInfo": grpc.unary_unary_rpc_method_handler(self.get_server_info, None, None),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    @property
    def stream_count(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def drain(self) -> None:
        """Lets every stream finish the frames that it has, and take no more."""
        self._is_draining = True
        for stream in self._streams:
            stream.drain(_shutting_down())

    async def reconstruct(self, data: bytes, context: Context) -> bytes:
        """Returns the hands in one picture."""
        async with call_scope("Reconstruct", context, self._metrics) as call:
            return await self._reconstruct(data, call)

    async def stream_reconstruct(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """Follows the hands of one camera."""
        async with call_scope("StreamReconstruct", context, self._metrics) as call:
            if self._is_draining:
                raise _shutting_down()
            if len(self._streams) >= self._config.max_streams:
                message = f"there may be at most {self._config.max_streams} streams (max_streams). Try again later."
                raise limit_met(message, "max_streams", retry_s=_RETRY_S)
            stream = Stream(self._config, self._backend, self._scheduler, self._slots, self._metrics)
            self._streams.add(stream)
            self._metrics.streams.set(len(self._streams))
            try:
                await stream.run(requests, context, call, list(self._faces.values()))
            finally:
                self._streams.discard(stream)
                self._metrics.streams.set(len(self._streams))

    async def get_server_info(self, data: bytes, context: Context) -> bytes:
        """Returns what this server runs and accepts."""
        config = self._config
        async with call_scope("GetServerInfo", context, self._metrics):
            parsed(pb.GetServerInfoRequest, data, config)
        info = pb.GetServerInfoResponse(
            version=a2p.__version__,
            hand_model=config.hand_model.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1],
            max_hand_count=config.max_hands,
            max_message_bytes=config.max_message_bytes,
            max_image_pixel_count=config.max_pixels,
            max_stream_count=config.max_streams,
            max_queue_count=config.max_queue,
            faces=self._faces.values(),
        )
        return info.SerializeToString()

    async def _reconstruct(self, data: bytes, call: Call) -> bytes:
        request = parsed(pb.ReconstructRequest, data, self._config)
        vertices = vertices_of(int(request.vertex_encoding))
        work = Work(
            load=partial(_load, request.image, self._limits),
            camera=camera_of(request, "camera"),
            boxes=boxes_of(request),
        )
        if not await self._slots.take_if_free():
            message = f"at most {self._slots.count} pictures may be in flight (max_frames_in_flight). Try again later."
            raise limit_met(message, "max_frames_in_flight", retry_s=_RETRY_S)
        wants_faces = not request.omit_faces and vertices != "none"

        def encode(result: Reconstruction) -> bytes:
            response = pb.ReconstructResponse(
                reconstruction=reconstruction_to_proto(result, vertices=vertices),
                faces=self._faces_of(result) if wants_faces else [],
            )
            return response.SerializeToString()

        try:
            answer = await self._scheduler.reconstruct(Order(take=lambda: work, encode=encode))
        except Exception as error:
            self._metrics.frames.labels("failed").inc()
            raise rejection(error, "boxes" if "box" in type(error).__name__.lower() else "image") or error from error
        finally:
            self._slots.give_back()
        call.frame_count = 1
        self._metrics.observe(answer.timings_ms)
        return answer.data

    def _faces_of(self, result: Reconstruction) -> list[hand_pb2.MeshFaces]:
        return [self._faces[side] for side in sorted({hand.handedness for hand in result.hands})]


def _load(image: pb.Image, limits: ImageLimits) -> ImageInput:
    return image_from_proto(image, limits)


def _shutting_down() -> Rejection:
    message = "the server is shutting down. Connect again: another server, or this one restarted, will answer."
    return Rejection(status(grpc.StatusCode.UNAVAILABLE, message, [retry_after(1.0)]))
