"""One stream: a reader that takes frames in, and a worker that turns them into answers, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial

import grpc

from a2p.camera import Camera
from a2p.errors import ProtocolError
from a2p.perception.image import ImageLimits
from a2p.result import Reconstruction
from a2p.service.backend import Backend, Follow, Work
from a2p.service.config import ServeConfig
from a2p.service.decode import camera_of, parsed, policy_of, queue_count_of, require_frame, vertices_of
from a2p.service.failures import Call, Context, Rejection, internal_message, rejection
from a2p.service.frame_queue import FrameQueue, Notes, Slots
from a2p.service.metrics import Metrics
from a2p.service.scheduler import Order, Scheduler
from a2p.wire._generated import hand_pb2
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.convert import Vertices, reconstruction_to_proto
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
        self._queue = queue = FrameQueue(policy, count, self._slots, self._metrics)
        follow = None if config.independent_frames else self._backend.open_stream(camera)
        turns = _Turns(queue, self._limits, camera, follow, vertices)
        del follow
        started = pb.StreamStarted(
            request_id=call.request_id,
            queue_count=count,
            faces=[] if config.omit_faces or vertices == "none" else faces,
        )
        if self._drained is not None:
            raise self._drained
        self._reader = asyncio.create_task(self._read(requests, queue), name=f"a2p-read-{call.request_id}")
        try:
            await context.write(pb.StreamReconstructResponse(started=started).SerializeToString())
            while await queue.is_open():
                await self._tell(queue.notes(), context)
                if queue.has_frame:
                    await self._answer(turns, context)
                    call.frame_count += 1
        finally:
            self._reader.cancel()
            queue.clear()
            turns.forget()

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

    async def _tell(self, notes: Notes, context: Context) -> None:
        """Sends word of frames that will have no result."""
        if notes.dropped:
            dropped = pb.FramesDropped(frame_ids=notes.dropped)
            await context.write(pb.StreamReconstructResponse(dropped=dropped).SerializeToString())
        for frame_id, timestamp_us in notes.rejected:
            await context.write(_failed(frame_id, timestamp_us, _EXHAUSTED, _FULL))

    async def _answer(self, turns: _Turns, context: Context) -> None:
        """Sends the result of the next frame, or why there is none."""
        try:
            answer = await self._scheduler.reconstruct(Order(take=turns.take, encode=turns.encode))
        except Exception as error:
            self._metrics.frames.labels("failed").inc()
            data, timings_ms = turns.failure(error), None
        else:
            data, timings_ms = answer
        turns.finish()
        await self._tell(turns.older_notes(), context)
        await context.write(data)
        if timings_ms is not None:
            self._metrics.observe(timings_ms)


class _Turns:
    """A stream's frames, one after the other: each is chosen when a worker is free for it, then answered."""

    def __init__(
        self,
        queue: FrameQueue,
        limits: ImageLimits,
        camera: Camera | None,
        follow: Follow | None,
        vertices: Vertices,
    ) -> None:
        self._queue = queue
        self._limits = limits
        self._camera = camera
        self._follow = follow
        self._vertices = vertices
        self._frame = pb.Frame()
        self._notes = Notes()

    def take(self) -> Work:
        """Returns the work of the next frame."""
        self._notes = self._queue.notes()
        self._frame = frame = self._queue.take()
        return Work(
            load=partial(image_from_proto, frame.image, self._limits),
            camera=self._camera,
            follow=self._follow,
            time_s=1e-6 * frame.timestamp_us if frame.timestamp_us else None,
        )

    def encode(self, result: Reconstruction) -> bytes:
        """Returns the frame's answer."""
        answer = pb.FrameResult(
            frame_id=self._frame.frame_id,
            timestamp_us=self._frame.timestamp_us,
            reconstruction=reconstruction_to_proto(result, vertices=self._vertices),
        )
        return pb.StreamReconstructResponse(result=answer).SerializeToString()

    def failure(self, error: Exception) -> bytes:
        """Returns the frame's answer where it has no result."""
        refused = rejection(error, "frame.image")
        code = _INTERNAL if refused is None else refused.status.code
        message = internal_message(error) if refused is None else refused.status.message
        return _failed(self._frame.frame_id, self._frame.timestamp_us, code, message)

    def finish(self) -> None:
        """Lets go of the frame."""
        self._queue.finish()
        self._frame = pb.Frame()

    def older_notes(self) -> Notes:
        """Returns what the client was not told when the frame was taken."""
        notes, self._notes = self._notes, Notes()
        return notes

    def forget(self) -> None:
        """Frees the state of the hands, whoever keeps this object: an error does, until somebody forgets the error."""
        self._follow = None


def _failed(frame_id: int, timestamp_us: int, code: int, message: str) -> bytes:
    failed = pb.FrameFailed(frame_id=frame_id, timestamp_us=timestamp_us, code=code, message=message)
    return pb.StreamReconstructResponse(failed=failed).SerializeToString()
