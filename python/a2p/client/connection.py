"""How a client connects, and how it tries again."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from google.rpc import error_details_pb2

from a2p.errors import ConfigError
from a2p.wire.status import status_of


@dataclass(frozen=True, kw_only=True)
class Tls:
    """An encrypted connection."""

    authorities: Path | None = None
    """PEM file of the authorities that vouch for the server; without it, those that gRPC brings."""
    certificate: Path | None = None
    """PEM file with the client's own certificate chain, for a server that asks for one."""
    key: Path | None = None
    """PEM file with its key."""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("certificate and key must be given together; got one of them. Give both files.")

    def credentials(self) -> grpc.ChannelCredentials:
        """Returns gRPC's credentials."""
        return grpc.ssl_channel_credentials(
            root_certificates=_bytes(self.authorities),
            private_key=_bytes(self.key),
            certificate_chain=_bytes(self.certificate),
        )


@dataclass(frozen=True, kw_only=True)
class Retry:
    """When and how often to try again after a server was not to be reached, or asked to come back later."""

    attempts: int = 6
    """Tries in a row without success before giving up; 1 for no second try."""
    first_s: float = 0.1
    """Wait before the second try; every further one is twice as long."""
    longest_s: float = 5.0
    """Longest wait."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 < self.first_s <= self.longest_s:
            raise ConfigError(
                f"Retry needs attempts >= 1 and 0 < first_s <= longest_s; got {self.attempts}, {self.first_s} and "
                f"{self.longest_s}. Leave them out for the defaults."
            )

    def waits_s(self) -> Iterator[float]:
        """Yields the waits between tries: doubling, each between half and all of its length, so that crowds spread."""
        for attempt in range(self.attempts - 1):
            yield min(self.first_s * 2.0**attempt, self.longest_s) * random.uniform(0.5, 1.0)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where a client's server is and how to talk to it."""

    target: str
    tls: Tls | None = None
    token: str | None = field(default=None, repr=False)
    retry: Retry = field(default_factory=Retry)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        return () if self.token is None else (("authorization", f"Bearer {self.token}"),)


def is_worth_another_try(error: grpc.RpcError) -> bool:
    """Says whether the same call may succeed later: no server was there, or one said when to come back."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return True
    return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and asked_wait_s(error) > 0.0


def asked_wait_s(error: grpc.RpcError) -> float:
    """Returns how long the server asked to wait; 0 where it did not."""
    found = status_of(error)
    for detail in found.details if found else ():
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return float(info.retry_delay.ToNanoseconds()) * 1e-9
    return 0.0


def channel_options() -> list[tuple[str, int | str]]:
    """Returns gRPC's settings: messages of any size, pings that notice a dead server, a name's addresses in turn."""
    balance = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})
    return [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.service_config", balance),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
    ]


def _bytes(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} must be a file that can be read: {error.strerror}. Check the path.") from error
