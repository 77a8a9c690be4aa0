"""The blocking client."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
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


class Client:
    """A Reconstructor that runs elsewhere. Usable from several threads; a forked child needs a client of its own."""

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
        """Connects when the first call needs it.

        Args:
            target: "host:port", or any name that gRPC resolves; all addresses of "dns:///name:port" take turns.
            tls: How to encrypt; None for plain text.
            token: What the server wants to see as bearer token.
            retry: When to try again where no server is there.
            timeout_s: Longest wait for the result of one picture, tries and waits included.
            vertices: "float32" for the exact meshes, "quantized" for half the bytes, within about 1.5 um.
        """
        self._connection = Connection(target=target, tls=tls, token=token, retry=retry or Retry())
        self._timeout_s = timeout_s
        self._vertices = vertices
        options = channel_options()
        self._channel = (
            grpc.insecure_channel(target, options=options)
            if tls is None
            else grpc.secure_channel(target, tls.credentials(), options=options)
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

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and every call under way."""
        self._channel.close()

    def __call__(
        self, image: ImageInput, *, boxes: Sequence[HandBox] | None = None, camera: Camera | None = None
    ) -> Reconstruction:
        """Returns the hands in an image, as `a2p.Reconstructor` does; raises the same errors.

        Raises:
            UnavailableError: No server is there, even after the tries that `retry` grants.
            DeadlineError: No result came within `timeout_s`.
            LimitError, AuthenticationError, ServiceError: The server says so.
        """
        until_s = time.monotonic() + self._timeout_s
        waits_s = self._connection.retry.waits_s()
        while True:
            omit = self._faces.are_complete
            request = reconstruct_request(image, boxes, camera, self._vertices, omit_faces=omit)
            try:
                left_s = max(until_s - time.monotonic(), 0.001)
                response = self._reconstruct(request, timeout=left_s, metadata=self._connection.metadata)
            except grpc.RpcError as error:
                wait_s = next(waits_s, None) if is_worth_another_try(error) else None
                if wait_s is None or time.monotonic() + wait_s > until_s:
                    raise exception_for(error) from error
                self._faces.forget()
                time.sleep(max(wait_s, asked_wait_s(error)))
                continue
            self._faces.learn(response.faces)
            return self._faces.result(response.reconstruction, image)

    def batch(self, images: Iterable[ImageInput]) -> list[Reconstruction]:
        """Returns the reconstructions of several images, in their order."""
        return [self(image) for image in images]

    def stream(self, frames: Iterable[ImageInput], *, camera: Camera | None = None) -> Iterator[Reconstruction]:
        """Yields the hands of each frame of a video, in order, as `a2p.Reconstructor.stream` does.

        Raises the frame's error where one has no result; `follow` goes on instead.
        """
        for streamed in self.follow(frames, settings=StreamSettings(camera=camera, vertices=self._vertices)):
            if streamed.error is not None:
                raise streamed.error
            if streamed.reconstruction is not None:
                yield streamed.reconstruction

    def follow(
        self, frames: Iterable[ImageInput], *, settings: StreamSettings | None = None
    ) -> Iterator[StreamedFrame]:
        """Yields what became of each frame, in the order in which the server settles them.

        When the connection breaks, the frames under way are reported as lost, and the stream goes on over a new
        connection, with new `track_id`s. Frames are taken from `frames` by another thread.
        """
        feed = _Feed(frames, settings or StreamSettings(vertices=self._vertices))
        waits_s = self._connection.retry.waits_s()
        try:
            while True:
                call = self._stream(feed.requests(), metadata=self._connection.metadata)
                try:
                    for response in call:
                        waits_s = self._connection.retry.waits_s()
                        yield from feed.settled(response)
                    feed.raise_source_error()
                    return
                except grpc.RpcError as error:
                    feed.stop()
                    wait_s = next(waits_s, None) if is_worth_another_try(error) else None
                    yield from feed.ledger.lost(exception_for(error) if wait_s is None else None)
                    if wait_s is None:
                        raise exception_for(error) from error
                    time.sleep(max(wait_s, asked_wait_s(error)))
                finally:
                    call.cancel()
        finally:
            feed.stop()

    def server_info(self) -> pb.GetServerInfoResponse:
        """Returns what the server runs and accepts."""
        try:
            return self._info(pb.GetServerInfoRequest(), timeout=self._timeout_s, metadata=self._connection.metadata)
        except grpc.RpcError as error:
            raise exception_for(error) from error


class _Feed:
    """The frames of one stream, handed to one call after the other.

    gRPC takes requests in a thread of its own, which may still wait for the next frame when its call has ended: that
    frame then goes to the next call.
    """

    def __init__(self, frames: Iterable[ImageInput], settings: StreamSettings) -> None:
        self.ledger = Ledger(settings.frame_rate_hz)
        self._frames = iter(frames)
        self._settings = settings
        self._source = threading.Lock()
        self._room = threading.Condition()
        self._left_over: deque[ImageInput] = deque()
        self._generation = 0
        self._error: Exception | None = None

    def requests(self) -> Iterator[pb.StreamReconstructRequest]:
        """Yields the requests of one call, until the frames end or `stop` is called."""
        generation = self._generation
        yield self._settings.request()
        while self._has_room(generation):
            with self._source:
                if generation != self._generation:
                    return
                try:
                    image = self._left_over.popleft() if self._left_over else next(self._frames)
                    if generation != self._generation:
                        self._left_over.append(image)
                        return
                    request = self.ledger.frame(image)
                except StopIteration:
                    return
                except Exception as error:
                    self._error = error
                    return
            yield request

    def settled(self, response: pb.StreamReconstructResponse) -> Iterator[StreamedFrame]:
        """Yields the frames that an answer settles, and makes room for others."""
        yield from self.ledger.settled(response)
        with self._room:
            self._room.notify_all()

    def stop(self) -> None:
        """Ends the requests of the present call."""
        with self._room:
            self._generation += 1
            self._room.notify_all()

    def raise_source_error(self) -> None:
        """Raises what the iterable of frames raised, if it did."""
        if self._error is not None:
            raise self._error

    def _has_room(self, generation: int) -> bool:
        """Waits until another frame may be under way; false where the call has ended."""

        def may_go_on() -> bool:
            return generation != self._generation or len(self.ledger) < self._settings.max_in_flight

        if self._settings.policy == "block":
            with self._room:
                self._room.wait_for(may_go_on)
        return generation == self._generation
