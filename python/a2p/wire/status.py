"""Errors over the wire: google.rpc.Status with details, and a2p's own exceptions on either side of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, cast

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from a2p.errors import (
    A2PError,
    AuthenticationError,
    BoxError,
    CameraError,
    ConfigError,
    DeadlineError,
    ImageError,
    LimitError,
    ProtocolError,
    ServiceError,
    ShapeError,
    UnavailableError,
)

Metadata: TypeAlias = tuple[tuple[str, bytes], ...]

DETAILS_KEY = "grpc-status-details-bin"
"""Where gRPC puts the serialized google.rpc.Status."""
_DOMAIN = "a2p"
_OF_THE_CALLER: dict[str, type[A2PError]] = {
    error.__name__: error for error in (ImageError, BoxError, CameraError, ConfigError, ProtocolError, ShapeError)
}
"""Errors that the caller can mend, by the reason that stands in google.rpc.ErrorInfo."""
_OF_THE_SERVER: dict[grpc.StatusCode, type[A2PError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: ProtocolError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitError,
    grpc.StatusCode.UNAUTHENTICATED: AuthenticationError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
}


def status(code: grpc.StatusCode, message: str, details: Iterable[Message] = ()) -> status_pb2.Status:
    """Returns a status with its details packed."""
    packed = []
    for detail in details:
        box = any_pb2.Any()
        box.Pack(detail)
        packed.append(box)
    number: int = code.value[0]
    return status_pb2.Status(code=number, message=message, details=packed)


def invalid_argument(error: A2PError, field: str) -> status_pb2.Status:
    """Returns the status of an error that the caller can mend, with the request's field that is wrong."""
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=str(error))
    details = (error_details_pb2.BadRequest(field_violations=[violation]), _reason(error))
    return status(grpc.StatusCode.INVALID_ARGUMENT, str(error), details)


def resource_exhausted(message: str, setting: str, *, retry_s: float | None = None) -> status_pb2.Status:
    """Returns the status of a limit that was met, with the setting that holds it and when to try again."""
    details: list[Message] = [
        error_details_pb2.ResourceInfo(resource_type="a2p.serve.setting", resource_name=setting, description=message)
    ]
    if retry_s is not None:
        details.append(retry_after(retry_s))
    return status(grpc.StatusCode.RESOURCE_EXHAUSTED, message, details)


def retry_after(seconds: float) -> error_details_pb2.RetryInfo:
    """Returns the detail that says when to try again."""
    delay = duration_pb2.Duration()
    delay.FromNanoseconds(round(seconds * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def trailing_metadata(failure: status_pb2.Status) -> Metadata:
    """Returns a status as the metadata that ends a call."""
    return ((DETAILS_KEY, failure.SerializeToString()),)


def status_of(error: grpc.RpcError) -> status_pb2.Status | None:
    """Returns the status with details that a failed call carries, if any."""
    metadata = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    for key, value in metadata:
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None


def exception_for(error: grpc.RpcError) -> A2PError:
    """Returns a2p's exception for a failed call: the one that the Reconstructor would raise where there is one."""
    found = status_of(error)
    message = error.details() or error.code().name
    if found is None and error.code() is grpc.StatusCode.UNAVAILABLE:
        message = (
            f"an a2p server must be reachable; gRPC says: {message}. Is `a2p serve` running at that address, and do "
            "both sides agree on TLS and certificates?"
        )
    for detail in found.details if found else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == _DOMAIN and info.reason in _OF_THE_CALLER:
            return _OF_THE_CALLER[info.reason](message)
    return _OF_THE_SERVER.get(error.code(), ServiceError)(message)


def exception_for_frame(code: int, message: str) -> A2PError:
    """Returns a2p's exception for one frame of a stream that failed."""
    if code == grpc.StatusCode.INVALID_ARGUMENT.value[0]:
        return ImageError(message)
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]:
        return LimitError(message)
    return ServiceError(message)


def _reason(error: A2PError) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=type(error).__name__, domain=_DOMAIN)
