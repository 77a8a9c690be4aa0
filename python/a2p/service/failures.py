"""Calls that end with a status other than OK, and the way every call is logged and counted."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import grpc
from google.rpc import status_pb2

from a2p.errors import A2PError, BoxError, CameraError, ImageError, LimitError, ProtocolError, ShapeError
from a2p.service.metrics import Metrics
from a2p.wire.status import invalid_argument, resource_exhausted, status, trailing_metadata

if TYPE_CHECKING:
    Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]
else:
    Context = object  # grpc's own is generic in its stubs only

logger = logging.getLogger("a2p.service")

_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("a2p_request_id", default="")
_OF_THE_CALLER = (ImageError, BoxError, CameraError, ProtocolError, ShapeError)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Rejection(Exception):  # noqa: N818 - it is the answer, not an accident
    """Ends a call with a status and its details."""

    def __init__(self, failure: status_pb2.Status) -> None:
        super().__init__(failure.message)
        self.status = failure

    @property
    def code(self) -> grpc.StatusCode:
        """The status code."""
        return _CODES[self.status.code]


def rejection(error: BaseException, field: str) -> Rejection | None:
    """Returns how a call ends for an error that the caller can mend, with the field that is wrong; None for others."""
    if isinstance(error, _OF_THE_CALLER):
        return Rejection(invalid_argument(error, field))
    if isinstance(error, LimitError):
        return Rejection(resource_exhausted(str(error), field))
    return None


def limit_met(message: str, setting: str, *, retry_s: float | None = None) -> Rejection:
    """Returns how a call ends that a limit forbids."""
    return Rejection(resource_exhausted(message, setting, retry_s=retry_s))


@dataclass
class Call:
    """One call, for its log line."""

    request_id: str
    method: str
    frame_count: int = 0


@asynccontextmanager
async def call_scope(method: str, context: Context, metrics: Metrics) -> AsyncIterator[Call]:
    """Runs a call: gives it an id, turns its errors into statuses, logs, counts and traces it. Never logs a picture."""
    call = Call(uuid.uuid4().hex[:16], method)
    _request_id.set(call.request_id)
    with metrics.tracing.call(method, context.invocation_metadata() or (), call.request_id):
        async with _settled(call, context, metrics):
            yield call


@asynccontextmanager
async def _settled(call: Call, context: Context, metrics: Metrics) -> AsyncIterator[None]:
    """Gives a call its status, whatever happens in it, and a line in the log."""
    begun_s = time.perf_counter()
    code = grpc.StatusCode.OK
    try:
        yield
    except Rejection as refused:
        code = refused.code
        await context.abort(code, refused.status.message, trailing_metadata(refused.status))
    except asyncio.CancelledError:
        code = grpc.StatusCode.CANCELLED
        raise
    except Exception:
        code = grpc.StatusCode.INTERNAL
        logger.exception("call failed")
        hidden = status(code, f"the server failed; its log has the reason under request id {call.request_id}.")
        await context.abort(code, hidden.message, trailing_metadata(hidden))
    finally:
        metrics.calls.labels(call.method, code.name).inc()
        metrics.tracing.ended(code)
        duration_ms = round(1e3 * (time.perf_counter() - begun_s), 2)
        fields = {"method": call.method, "code": code.name, "duration_ms": duration_ms, "frames": call.frame_count}
        logger.info("call ended", extra={"fields": {**fields, "peer": context.peer()}})


def internal_message(error: BaseException) -> str:
    """Returns what a client may know of an error that is the server's own, after logging the rest."""
    logger.error("frame failed", exc_info=error)
    if isinstance(error, A2PError):
        return str(error)
    return f"the server failed; its log has the reason under request id {_request_id.get()}."


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the record's line."""
        entry: dict[str, object] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if _request_id.get():
            entry["request_id"] = _request_id.get()
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)
