"""Requests from bytes that anybody may have sent. Whatever they are, they become a request or a Rejection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from a2p.camera import Camera
from a2p.errors import A2PError, ProtocolError
from a2p.perception.detector import HandBox
from a2p.service.config import ServeConfig
from a2p.service.failures import Rejection, limit_met, rejection
from a2p.service.frame_queue import Policy
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.convert import Vertices, box_from_proto, camera_from_proto, handedness_from_proto

MessageT = TypeVar("MessageT", bound=Message)
ValueT = TypeVar("ValueT")

_VERTICES: dict[int, Vertices] = {
    int(pb.VERTEX_ENCODING_UNSPECIFIED): "float32",
    int(pb.VERTEX_ENCODING_NONE): "none",
    int(pb.VERTEX_ENCODING_FLOAT32): "float32",
    int(pb.VERTEX_ENCODING_QUANTIZED): "quantized",
}
_POLICIES: dict[int, Policy] = {
    int(pb.QUEUE_POLICY_UNSPECIFIED): "block",
    int(pb.QUEUE_POLICY_BLOCK): "block",
    int(pb.QUEUE_POLICY_DROP_OLDEST): "drop_oldest",
    int(pb.QUEUE_POLICY_REJECT): "reject",
}


def parsed(kind: type[MessageT], data: bytes, config: ServeConfig) -> MessageT:
    """Returns a request, or raises Rejection for one that is too large or no message of its kind."""
    if len(data) > config.max_message_bytes:
        raise limit_met(
            f"a request may have at most {config.max_message_bytes} bytes (max_message_bytes); got {len(data)}. "
            "Send a smaller picture, or a JPEG.",
            "max_message_bytes",
        )
    try:
        return kind.FromString(data)
    except DecodeError as error:
        broken = ProtocolError(
            f"a request must be a {kind.DESCRIPTOR.full_name}; its {len(data)} bytes are none: {error}. "
            "Are client and server of one version?"
        )
        raise _checked(broken, "") from error


def checked(field: str, read: Callable[[], ValueT]) -> ValueT:
    """Returns what `read` returns; an error that the caller can mend becomes a Rejection that names the field."""
    try:
        return read()
    except A2PError as error:
        raise _checked(error, field) from error


def vertices_of(value: int) -> Vertices:
    """Returns the vertices' encoding."""
    return checked("vertex_encoding", lambda: _known(_VERTICES, value, "vertex_encoding"))


def policy_of(value: int) -> Policy:
    """Returns what happens to frames that come too fast."""
    return checked("config.queue_policy", lambda: _known(_POLICIES, value, "queue_policy"))


def camera_of(message: pb.ReconstructRequest | pb.StreamConfig, field: str) -> Camera | None:
    """Returns the intrinsics; None where the request has none."""
    return checked(field, lambda: camera_from_proto(message.camera)) if message.HasField("camera") else None


def boxes_of(request: pb.ReconstructRequest) -> tuple[HandBox, ...] | None:
    """Returns the caller's boxes; None where there are none."""
    if not request.boxes:
        return None
    return tuple(
        checked(f"boxes[{index}].handedness", lambda box=box: _box(box))  # type: ignore[misc]
        for index, box in enumerate(request.boxes)
    )


def require_frame(frame: pb.Frame, last_id: int | None) -> None:
    """Raises Rejection for a frame without a picture or with an id that does not increase."""
    if not frame.HasField("image"):
        raise _checked(ProtocolError("a frame must have an image; got none. Set frame.image."), "frame.image")
    if last_id is not None and frame.frame_id <= last_id:
        error = ProtocolError(
            f"frame_id must increase from frame to frame; got {frame.frame_id} after {last_id}. Count the frames."
        )
        raise _checked(error, "frame.frame_id")


def queue_count_of(config: pb.StreamConfig, policy: Policy, settings: ServeConfig) -> int:
    """Returns how many frames may wait in a stream."""
    if config.queue_count > settings.max_queue:
        raise limit_met(
            f"queue_count may be at most {settings.max_queue} (max_queue); got {config.queue_count}. Let fewer wait.",
            "max_queue",
        )
    return config.queue_count or (1 if policy == "drop_oldest" else settings.default_queue)


def _box(box: pb.HandBox) -> HandBox:
    return handedness_from_proto(int(box.handedness)), box_from_proto(box.box)


def _known(table: dict[int, ValueT], value: int, name: str) -> ValueT:
    if value not in table:
        known = ", ".join(str(key) for key in sorted(table))
        raise ProtocolError(f"{name} must be one of {known}; got {value}. Are client and server of one version?")
    return table[value]


def _checked(error: A2PError, field: str) -> Rejection:
    refused = rejection(error, field)
    if refused is None:
        raise error
    return refused
