"""One stream: a reader that takes frames in, and a worker that turns them into answers, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial

import grpc

from a2p.errors import ProtocolError
from a2p.perception.image import ImageLimits
from a2p.result import Reconstruction
from a2p.service.backend import Backend, Work
from a2p.service.config import ServeConfig
from a2p.service.decode import camera_of, parsed, policy_of, queue_count_of, require_frame, vertices_of
from a2p.service.failures import Call, Context, Rejection, internal_message, rejection
from a2p.service.frame_queue import FrameQueue, Slots, Turn
from a2p.service.metrics import Metrics
from a2p.service.scheduler import Scheduler
from a2p.wire._generated import hand_pb2
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.convert import reconstruction_to_proto
from a2p.wire.images import image_from_proto
from a2p.wire.status import status

_INTERNAL: int = grpc.StatusCode.INTERNAL.value[0]
_EXHAUSTED: int = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
_FULL = "the stream's queue is full (queue_count). Send more slowly, let more frames wait, or take another policy."


class Stream:
    """One camera's call, from its configuration to its end. What it holds is freed when `run` ends, however it ends."""

    def __init__(
        self, config: ServeConfig, backend: Backend, scheduler: Scheduler, slots: Slots, metrics: Metrics
    ) -> None:
        self._config = config
        self._backend = backend
        self._scheduler = scheduler
        self._slots = slots
        self._metrics = metrics
        self._limits = ImageLimits(max_pixels=config.max_pixels)
        self._queue: FrameQueue | None = None
        self._reader: asyncio.Task[None] | None = None
        self._drained: Rejection | None = None

    def drain(self, reason: Rejection) -> None:
        """Takes no further frame; the call ends with `reason` once the frames that wait are done."""
        self._drained = reason
        if self._reader is not None:
            self._reader.cancel()
        if self._queue is not None:
            self._queue.close(reason)

    async def run(
        self, requests: AsyncIterator[bytes], context: Context, call: Call, faces: Iterable[hand_pb2.MeshFaces]
    ) -> None:
        """Answers the call."""
        config = await self._first(requests)
        policy = policy_of(int(config.queue_policy))
        vertices = vertices_of(int(config.vertex_encoding))
        camera = camera_of(config, "config.camera")
        count = queue_count_of(config, policy, self._config)
        follow = None if config.independent_frames else self._backend.open_stream(camera)
        self._queue = queue = FrameQueue(policy, count, self._slots, self._metrics)
        started = pb.StreamStarted(
            request_id=call.request_id,
            queue_count=count,
            faces=[] if config.omit_faces or vertices == "none" else faces,
        )
        if self._drained is not None:
            raise self._drained
        self._reader = asyncio.create_task(self._read(requests, queue), name=f"a2p-read-{call.request_id}")
        work: Work | None = None
        try:
            await context.write(pb.StreamReconstructResponse(started=started).SerializeToString())
            while (turn := await queue.turn()) is not None:
                await self._tell(turn, context)
                if turn.frame is None:
                    continue
                work = Work(
                    load=partial(image_from_proto, turn.frame.image, self._limits),
                    camera=camera,
                    follow=follow,
                    time_s=1e-6 * turn.frame.timestamp_us if turn.frame.timestamp_us else None,
                )
                answer = await self._answer(turn.frame, work, lambda r: reconstruction_to_proto(r, vertices=vertices))
                queue.finish()
                call.frame_count += 1
                await context.write(answer.SerializeToString())
        finally:
            self._reader.cancel()
            queue.clear()
            follow = work = None  # an error that somebody keeps keeps this frame, but not the state of the hands

    async def _first(self, requests: AsyncIterator[bytes]) -> pb.StreamConfig:
        """Returns the configuration, which must be the first message."""
        async for data in requests:
            request = parsed(pb.StreamReconstructRequest, data, self._config)
            if request.WhichOneof("request") == "config":
                return request.config
            break
        error = ProtocolError("the first message of a stream must be its config; got none. Send a StreamConfig first.")
        raise rejection(error, "config") or error

    async def _read(self, requests: AsyncIterator[bytes], queue: FrameQueue) -> None:
        """Puts the frames of a call into the queue; a message that is none closes it."""
        last_id: int | None = None
        try:
            async for data in requests:
                request = parsed(pb.StreamReconstructRequest, data, self._config)
                if request.WhichOneof("request") != "frame":
                    error = ProtocolError("every message but the first must be a frame; got none. Set frame.")
                    raise rejection(error, "frame") or error
                require_frame(request.frame, last_id)
                last_id = request.frame.frame_id
                await queue.put(request.frame)
        except Rejection as refused:
            queue.close(refused)
        except Exception as error:
            queue.close(Rejection(status(grpc.StatusCode.INTERNAL, internal_message(error))))
        finally:
            queue.close()

    async def _tell(self, turn: Turn, context: Context) -> None:
        """Sends word of frames that will have no result."""
        if turn.dropped:
            dropped = pb.FramesDropped(frame_ids=turn.dropped)
            await context.write(pb.StreamReconstructResponse(dropped=dropped).SerializeToString())
        for frame_id, timestamp_us in turn.rejected:
            await context.write(_failed(frame_id, timestamp_us, _EXHAUSTED, _FULL).SerializeToString())

    async def _answer(
        self, frame: pb.Frame, work: Work, encode: Callable[[Reconstruction], hand_pb2.Reconstruction]
    ) -> pb.StreamReconstructResponse:
        """Returns a frame's result, or why there is none."""
        try:
            result = await self._scheduler.reconstruct(work)
        except Exception as error:
            self._metrics.frames.labels("failed").inc()
            refused = rejection(error, "frame.image")
            code = _INTERNAL if refused is None else refused.status.code
            message = internal_message(error) if refused is None else refused.status.message
            return _failed(frame.frame_id, frame.timestamp_us, code, message)
        self._metrics.observe(result.timings_ms)
        return pb.StreamReconstructResponse(
            result=pb.FrameResult(
                frame_id=frame.frame_id, timestamp_us=frame.timestamp_us, reconstruction=encode(result)
            )
        )


def _failed(frame_id: int, timestamp_us: int, code: int, message: str) -> pb.StreamReconstructResponse:
    return pb.StreamReconstructResponse(
        failed=pb.FrameFailed(frame_id=frame_id, timestamp_us=timestamp_us, code=code, message=message)
    )
