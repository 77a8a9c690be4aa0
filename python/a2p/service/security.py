"""Who may call: TLS, clients' certificates, bearer tokens."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2

from a2p.errors import ConfigError
from a2p.service.config import ServeConfig
from a2p.service.failures import Context
from a2p.wire.status import status, trailing_metadata

_OPEN_TO_ALL = "/grpc.health.v1.Health/"
"""Probes carry no tokens."""


def credentials(config: ServeConfig) -> grpc.ServerCredentials | None:
    """Returns the server's TLS credentials; None for plain text."""
    if config.tls_certificate is None or config.tls_key is None:
        return None
    authorities = None if config.tls_client_ca is None else _file(config.tls_client_ca, "tls_client_ca")
    pair = (_file(config.tls_key, "tls_key"), _file(config.tls_certificate, "tls_certificate"))
    return grpc.ssl_server_credentials([pair], authorities, require_client_auth=authorities is not None)


def tokens(config: ServeConfig) -> tuple[bytes, ...]:
    """Returns the bearer tokens, one a line of the token file; none where there is no such file."""
    if config.token_file is None:
        return ()
    lines = _file(config.token_file, "token_file").split()
    if not lines:
        raise ConfigError(f"token_file must hold at least one token; {config.token_file} is empty. Write one a line.")
    return tuple(lines)


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Lets calls through that carry one of the tokens."""

    def __init__(self, allowed: Iterable[bytes]) -> None:
        self._allowed = tuple(allowed)

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Returns the method's handler, or one that refuses."""
        if handler_call_details.method.startswith(_OPEN_TO_ALL):
            return await continuation(handler_call_details)
        metadata = dict(handler_call_details.invocation_metadata or ())
        given = str(metadata.get("authorization", ""))
        token = given[len("Bearer ") :].encode() if given.startswith("Bearer ") else b""
        # Every token is compared, each in a time that does not depend on where it differs.
        if any([hmac.compare_digest(token, allowed) for allowed in self._allowed]):  # noqa: C419
            return await continuation(handler_call_details)
        return grpc.stream_stream_rpc_method_handler(_refuse)


async def _refuse(requests: object, context: Context) -> None:  # noqa: ARG001
    info = error_details_pb2.ErrorInfo(reason="AuthenticationError", domain="a2p")
    message = "a call must carry the metadata 'authorization: Bearer TOKEN' with a token that the server knows."
    failure = status(grpc.StatusCode.UNAUTHENTICATED, message, [info])
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, message, trailing_metadata(failure))


def _file(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting} must be a file that can be read; got {path}: {error.strerror}.") from error
