"""The client for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING

import grpc

from a2p.camera import Camera
from a2p.client.codec import Faces, Ledger, StreamedFrame, StreamSettings, Vertices, reconstruct_request
from a2p.client.connection import Connection, Retry, Tls, asked_wait_s, channel_options, is_worth_another_try
from a2p.perception.detector import HandBox
from a2p.perception.image import ImageInput
from a2p.result import Reconstruction
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.methods import GET_SERVER_INFO, RECONSTRUCT, STREAM_RECONSTRUCT
from a2p.wire.status import exception_for

if TYPE_CHECKING:
    from types import TracebackType


class AsyncClient:
    """A Reconstructor that runs elsewhere, for asyncio. It belongs to the event loop that it is created in."""

    def __init__(
        self,
        target: str = "localhost:50051",
        *,
        tls: Tls | None = None,
        token: str | None = None,
        retry: Retry | None = None,
        timeout_s: float = 30.0,
        vertices: Vertices = "float32",
    ) -> None:
        """Connects when the first call needs it. The arguments are those of `Client`."""
        self._connection = Connection(target=target, tls=tls, token=token, retry=retry or Retry())
        self._timeout_s = timeout_s
        self._vertices = vertices
        options = channel_options()
        self._channel = (
            grpc.aio.insecure_channel(target, options=options)
            if tls is None
            else grpc.aio.secure_channel(target, tls.credentials(), options=options)
        )
        self._faces = Faces()
        self._reconstruct = self._channel.unary_unary(
            RECONSTRUCT, pb.ReconstructRequest.SerializeToString, pb.ReconstructResponse.FromString
        )
        self._stream = self._channel.stream_stream(
            STREAM_RECONSTRUCT, pb.StreamReconstructRequest.SerializeToString, pb.StreamReconstructResponse.FromString
        )
        self._info = self._channel.unary_unary(
            GET_SERVER_INFO, pb.GetServerInfoRequest.SerializeToString, pb.GetServerInfoResponse.FromString
        )

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection and every call under way."""
        await self._channel.close()

    async def __call__(
        self, image: ImageInput, *, boxes: Sequence[HandBox] | None = None, camera: Camera | None = None
    ) -> Reconstruction:
        """Returns the hands in an image; raises what `Client` raises."""
        until_s = time.monotonic() + self._timeout_s
        waits_s = self._connection.retry.waits_s()
        while True:
            omit = self._faces.are_complete
            request = reconstruct_request(image, boxes, camera, self._vertices, omit_faces=omit)
            try:
                left_s = max(until_s - time.monotonic(), 0.001)
                response = await self._reconstruct(request, timeout=left_s, metadata=self._connection.metadata)
            except grpc.aio.AioRpcError as error:
                wait_s = next(waits_s, None) if is_worth_another_try(error) else None
                if wait_s is None or time.monotonic() + wait_s > until_s:
                    raise exception_for(error) from error
                self._faces.forget()
                await asyncio.sleep(max(wait_s, asked_wait_s(error)))
                continue
            self._faces.learn(response.faces)
            return self._faces.result(response.reconstruction, image)

    async def batch(self, images: Iterable[ImageInput]) -> list[Reconstruction]:
        """Returns the reconstructions of several images, in their order; they are sent at once."""
        return list(await asyncio.gather(*(self(image) for image in images)))

    async def stream(
        self, frames: Iterable[ImageInput] | AsyncIterable[ImageInput], *, camera: Camera | None = None
    ) -> AsyncIterator[Reconstruction]:
        """Yields the hands of each frame of a video, in order; raises the frame's error where one has no result."""
        settings = StreamSettings(camera=camera, vertices=self._vertices)
        async for streamed in self.follow(frames, settings=settings):
            if streamed.error is not None:
                raise streamed.error
            if streamed.reconstruction is not None:
                yield streamed.reconstruction

    async def follow(
        self,
        frames: Iterable[ImageInput] | AsyncIterable[ImageInput],
        *,
        settings: StreamSettings | None = None,
    ) -> AsyncIterator[StreamedFrame]:
        """Yields what became of each frame, as `Client.follow` does."""
        feed = _Feed(frames, settings or StreamSettings(vertices=self._vertices))
        waits_s = self._connection.retry.waits_s()
        while True:
            call = self._stream(feed.requests(), metadata=self._connection.metadata)
            try:
                async for response in call:
                    waits_s = self._connection.retry.waits_s()
                    for settled in feed.settled(response):
                        yield settled
                feed.raise_source_error()
                return
            except grpc.aio.AioRpcError as error:
                feed.stop()
                wait_s = next(waits_s, None) if is_worth_another_try(error) else None
                for lost in feed.ledger.lost(exception_for(error) if wait_s is None else None):
                    yield lost
                if wait_s is None:
                    raise exception_for(error) from error
                await asyncio.sleep(max(wait_s, asked_wait_s(error)))
            finally:
                feed.stop()
                call.cancel()

    async def server_info(self) -> pb.GetServerInfoResponse:
        """Returns what the server runs and accepts."""
        try:
            return await self._info(
                pb.GetServerInfoRequest(), timeout=self._timeout_s, metadata=self._connection.metadata
            )
        except grpc.aio.AioRpcError as error:
            raise exception_for(error) from error


class _Feed:
    """The frames of one stream, handed to one call after the other."""

    def __init__(self, frames: Iterable[ImageInput] | AsyncIterable[ImageInput], settings: StreamSettings) -> None:
        self.ledger = Ledger(settings.frame_rate_hz)
        self._frames = aiter(frames) if isinstance(frames, AsyncIterable) else _asynchronous(frames)
        self._next: asyncio.Future[ImageInput] | None = None
        self._settings = settings
        self._room = asyncio.Event()
        self._generation = 0
        self._error: Exception | None = None

    async def requests(self) -> AsyncIterator[pb.StreamReconstructRequest]:
        """Yields the requests of one call. A frame that is waited for when the call ends goes to the next call."""
        generation = self._generation
        yield self._settings.request()
        while await self._has_room(generation):
            if self._next is None:
                self._next = asyncio.ensure_future(anext(self._frames))
            try:
                image = await asyncio.shield(self._next)
                if generation != self._generation:
                    return
                self._next = None
                request = self.ledger.frame(image)
            except StopAsyncIteration:
                return
            except Exception as error:
                self._error = error
                return
            yield request

    def stop(self) -> None:
        """Ends the requests of the present call."""
        self._generation += 1
        self._room.set()

    def settled(self, response: pb.StreamReconstructResponse) -> list[StreamedFrame]:
        """Returns the frames that an answer settles, and makes room for others."""
        settled = list(self.ledger.settled(response))
        self._room.set()
        return settled

    async def _has_room(self, generation: int) -> bool:
        """Waits until another frame may be under way; false where the call has ended."""
        while self._settings.policy == "block" and len(self.ledger) >= self._settings.max_in_flight:
            if generation != self._generation:
                break
            self._room.clear()
            await self._room.wait()
        return generation == self._generation

    def raise_source_error(self) -> None:
        """Raises what the iterable of frames raised, if it did."""
        if self._error is not None:
            raise self._error


async def _asynchronous(frames: Iterable[ImageInput]) -> AsyncIterator[ImageInput]:
    """Yields what an iterable yields; a slow one, such as a camera, holds no event loop up."""
    iterator = iter(frames)
    while True:
        image = await asyncio.to_thread(next, iterator, None)
        if image is None:
            return
        yield image
