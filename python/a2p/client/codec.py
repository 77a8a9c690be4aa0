"""Requests of a client and what the answers mean: the same for the blocking and the asyncio client."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from jaxtyping import Int
from torch import Tensor

from a2p.camera import Camera
from a2p.errors import A2PError, ConfigError, LimitError, ProtocolError, UnavailableError
from a2p.perception.detector import HandBox
from a2p.perception.image import ImageInput, load_image
from a2p.result import Handedness, Reconstruction
from a2p.wire._generated import hand_pb2
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.convert import (
    HANDEDNESS_TO_PROTO,
    box_to_proto,
    camera_to_proto,
    faces_from_proto,
    reconstruction_from_proto,
)
from a2p.wire.images import image_to_proto
from a2p.wire.status import exception_for_frame

Policy: TypeAlias = Literal["block", "drop_oldest", "reject"]
"""What the server does with frames that come too fast: stop reading, let the oldest go, refuse the newest."""
Missing: TypeAlias = Literal["dropped", "rejected", "failed", "lost"]
Vertices: TypeAlias = Literal["float32", "quantized"]

_POLICIES = {
    "block": pb.QUEUE_POLICY_BLOCK,
    "drop_oldest": pb.QUEUE_POLICY_DROP_OLDEST,
    "reject": pb.QUEUE_POLICY_REJECT,
}
_VERTICES = {"float32": pb.VERTEX_ENCODING_FLOAT32, "quantized": pb.VERTEX_ENCODING_QUANTIZED}
_EXHAUSTED = 8


@dataclass(frozen=True)
class StreamedFrame:
    """What became of one frame of a stream. Every frame that was sent comes back once."""

    frame_id: int
    """The frame's number in the order of sending, from 0."""
    reconstruction: Reconstruction | None
    """None where the frame has no result."""
    missing: Missing | None = None
    """Why there is none: it gave way to a newer one, was refused, failed, or was under way as the connection broke."""
    error: A2PError | None = None
    """The same as the exception that a call with this picture alone would raise."""


class Faces:
    """The triangles of both sides, once the server has told them."""

    def __init__(self) -> None:
        self._known: dict[Handedness, Int[Tensor, "_ 3"]] = {}

    @property
    def are_complete(self) -> bool:
        """Whether requests can do without."""
        return len(self._known) == 2

    def learn(self, messages: Sequence[hand_pb2.MeshFaces]) -> None:
        """Keeps what an answer tells."""
        self._known.update(faces_from_proto(messages))

    def forget(self) -> None:
        """Forgets them: another server may have another hand model."""
        self._known.clear()

    def result(self, message: hand_pb2.Reconstruction, image: ImageInput) -> Reconstruction:
        """Returns the result of an answer to a request with this image."""
        return reconstruction_from_proto(message, faces=self._known, image=load_image(image).pixels)


def reconstruct_request(
    image: ImageInput,
    boxes: Sequence[HandBox] | None,
    camera: Camera | None,
    vertices: Vertices,
    *,
    omit_faces: bool,
) -> pb.ReconstructRequest:
    """Returns the request for one picture."""
    return pb.ReconstructRequest(
        image=image_to_proto(image),
        boxes=[_box(index, box) for index, box in enumerate(boxes or ())],
        camera=None if camera is None else camera_to_proto(camera),
        vertex_encoding=_VERTICES[vertices],
        omit_faces=omit_faces,
    )


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """What a stream is to do."""

    policy: Policy = "block"
    queue_count: int = 0
    """Frames that may wait in the server; 0 takes its default."""
    camera: Camera | None = None
    vertices: Vertices = "float32"
    independent_frames: bool = False
    frame_rate_hz: float | None = None
    """The frames' own rate, for those of a file; None times them as they are sent."""
    max_in_flight: int = 16
    """Under `block`, frames that were sent and have no answer yet."""

    def __post_init__(self) -> None:
        if self.policy not in _POLICIES:
            raise ConfigError(f"policy must be one of {', '.join(_POLICIES)}; got {self.policy!r}.")
        if self.queue_count < 0 or self.max_in_flight < 1:
            raise ConfigError(
                f"queue_count must be at least 0 and max_in_flight at least 1; got {self.queue_count} and "
                f"{self.max_in_flight}. Leave them out for the defaults."
            )

    def request(self) -> pb.StreamReconstructRequest:
        """Returns the first request of the stream."""
        config = pb.StreamConfig(
            queue_policy=_POLICIES[self.policy],
            queue_count=self.queue_count,
            vertex_encoding=_VERTICES[self.vertices],
            independent_frames=self.independent_frames,
            camera=None if self.camera is None else camera_to_proto(self.camera),
        )
        return pb.StreamReconstructRequest(config=config)


class Ledger:
    """The frames that were sent and have no answer yet. Safe to use from two threads."""

    def __init__(self, frame_rate_hz: float | None) -> None:
        self._frame_rate_hz = frame_rate_hz
        self._open: OrderedDict[int, ImageInput] = OrderedDict()
        self._lock = threading.Lock()
        self._next_id = 0
        self._faces = Faces()

    def __len__(self) -> int:
        """How many frames are under way."""
        return len(self._open)

    def frame(self, image: ImageInput) -> pb.StreamReconstructRequest:
        """Returns the request of the next frame, and keeps account of it."""
        message = image_to_proto(image)
        with self._lock:
            frame_id = self._next_id
            self._next_id += 1
            self._open[frame_id] = image
        now_s = time.monotonic() if self._frame_rate_hz is None else (frame_id + 1) / self._frame_rate_hz
        return pb.StreamReconstructRequest(
            frame=pb.Frame(frame_id=frame_id, timestamp_us=round(1e6 * now_s), image=message)
        )

    def settled(self, response: pb.StreamReconstructResponse) -> Iterator[StreamedFrame]:
        """Yields the frames that an answer settles."""
        which = response.WhichOneof("response")
        if which == "started":
            self._faces.learn(response.started.faces)
        elif which == "result":
            image = self._close(response.result.frame_id)
            result = self._faces.result(response.result.reconstruction, image)
            yield StreamedFrame(response.result.frame_id, result)
        elif which == "dropped":
            for frame_id in response.dropped.frame_ids:
                self._close(frame_id)
                error = LimitError(f"frame {frame_id} gave way to a newer one. Send more slowly to keep every frame.")
                yield StreamedFrame(frame_id, None, "dropped", error)
        elif which == "failed":
            failed = response.failed
            self._close(failed.frame_id)
            missing: Missing = "rejected" if failed.code == _EXHAUSTED else "failed"
            yield StreamedFrame(failed.frame_id, None, missing, exception_for_frame(failed.code, failed.message))

    def lost(self, failure: A2PError | None = None) -> list[StreamedFrame]:
        """Returns the frames that were under way when the connection broke, and closes their account.

        `failure` is why the stream ends; without it the stream goes on over another connection.
        """
        with self._lock:
            frame_ids = list(self._open)
            self._open.clear()
        return [
            StreamedFrame(
                frame_id,
                None,
                "lost",
                failure
                or UnavailableError(
                    f"frame {frame_id} was under way when the connection broke. Send it again if it counts."
                ),
            )
            for frame_id in frame_ids
        ]

    def _close(self, frame_id: int) -> ImageInput:
        with self._lock:
            if frame_id not in self._open:
                raise ProtocolError(f"the server answered frame {frame_id}, which was not sent or was answered before.")
            return self._open.pop(frame_id)


def _box(index: int, box: HandBox) -> pb.HandBox:
    handedness, corners = box
    if handedness not in HANDEDNESS_TO_PROTO:
        raise ConfigError(f"boxes[{index}] must name the person's own 'left' or 'right' hand; got {handedness!r}.")
    x0, y0, x1, y1 = (float(value) for value in corners)
    side: Handedness = "left" if handedness == "left" else "right"
    return pb.HandBox(handedness=HANDEDNESS_TO_PROTO[side], box=box_to_proto((x0, y0, x1, y1)))
