"""Every setting of the server, from defaults, a file, the environment and flags; later ones win."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from a2p.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PREFIX = "A2P_SERVE_"
"""A setting's name in the environment is this and its name in capitals."""


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """How to serve. Every limit is here, and an error that a limit causes names it."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 50051
    """Port to listen on; 0 takes a free one."""
    allow_plaintext: bool = False
    """Listen on an address that others can reach, without TLS."""
    tls_certificate: Path | None = None
    """PEM file with the server's certificate chain."""
    tls_key: Path | None = None
    """PEM file with its key."""
    tls_client_ca: Path | None = None
    """PEM file with the authorities of clients' certificates; every client must then show one."""
    token_file: Path | None = None
    """File with one bearer token a line; every call but health checks must then carry one."""
    hand_model: str = "open"
    """`open`, or a folder or file of MANO."""
    max_hands: int = 2
    """At most so many hands a picture."""
    workers: int = 2
    """Threads that reconstruct."""
    max_batch: int = 1
    """Frames of different streams that one worker takes at once. The CPU gains nothing by more than one."""
    batch_budget_ms: float = 2.0
    """How long a worker waits for a batch to fill."""
    max_message_bytes: int = 32 * 1024 * 1024
    """Largest request."""
    receive_window_bytes: int = 256 * 1024
    """What a client may send of a stream before the server has read it. More helps on lines of a long round trip."""
    max_pixels: int = 40_000_000
    """Largest picture, width times height; checked before it is decoded."""
    max_streams: int = 1024
    """Streams at once."""
    default_queue: int = 4
    """Frames that may wait in a stream that does not say."""
    max_queue: int = 64
    """Frames that may wait in any stream."""
    max_frames_in_flight: int = 256
    """Pictures held in memory, of all streams and calls together."""
    drain_s: float = 20.0
    """At shutdown, streams get so long to finish what they sent."""
    lame_duck_s: float = 0.0
    """At shutdown, time between NOT_SERVING and refusing calls, for load balancers to notice."""
    max_connection_age_s: float = 0.0
    """Connections are asked to reconnect after so long, which spreads them over replicas; 0 for never."""
    health_host: str = "127.0.0.1"
    """Address of the health checks' own port."""
    health_port: int = 0
    """Port of health checks alone, in plain text, for probes that can do no better; 0 for none."""
    metrics_host: str = "127.0.0.1"
    """Address of Prometheus metrics."""
    metrics_port: int = 0
    """Port of Prometheus metrics; 0 for none."""
    otlp_endpoint: str = ""
    """Collector of OpenTelemetry traces (OTLP over gRPC), such as http://localhost:4317; empty for none."""
    reflection: bool = True
    """Let tools such as grpcurl ask for the protocol."""

    def __post_init__(self) -> None:
        for name in ("max_hands", "workers", "max_batch", "max_message_bytes", "max_pixels", "max_streams"):
            _require(name, getattr(self, name), at_least=1)
        for name in ("default_queue", "max_queue", "max_frames_in_flight"):
            _require(name, getattr(self, name), at_least=1)
        _require("receive_window_bytes", self.receive_window_bytes, at_least=1024)
        for name in (
            "port",
            "health_port",
            "metrics_port",
            "batch_budget_ms",
            "drain_s",
            "lame_duck_s",
            "max_connection_age_s",
        ):
            _require(name, getattr(self, name), at_least=0)
        if self.default_queue > self.max_queue:
            raise ConfigError(
                f"default_queue must be at most max_queue; got {self.default_queue} and {self.max_queue}. "
                "Raise max_queue."
            )
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigError("tls_certificate and tls_key must be given together; got one of them. Give both files.")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ConfigError(
                "tls_client_ca needs tls_certificate and tls_key; got neither. Give the server's own too."
            )
        if self.tls_certificate is None and not self.allow_plaintext and not is_loopback(self.host):
            raise ConfigError(
                f"host must be a loopback address where there is no TLS; got {self.host!r}. Give tls_certificate and "
                "tls_key, or set allow_plaintext if something in front of this server encrypts."
            )


def is_loopback(host: str) -> bool:
    """Says whether only this machine reaches a host: every address that it stands for is a loopback one."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except OSError as error:
        raise ConfigError(f"host must be an address of this machine; got {host!r}: {error}. Try 127.0.0.1.") from error
    return bool(found) and all(ipaddress.ip_address(str(entry[4][0]).split("%")[0]).is_loopback for entry in found)


def load_config(
    flags: Mapping[str, object], *, file: Path | None = None, environment: Mapping[str, str] | None = None
) -> ServeConfig:
    """Returns the settings: the file's over the defaults, the environment's over those, flags over all.

    Raises:
        ConfigError: A name is unknown or a value is not of its setting's type.
    """
    environment = os.environ if environment is None else environment
    merged: dict[str, Any] = {}
    for name, value in (_read(file) if file is not None else {}).items():
        merged[name] = _converted(_known(name, str(file)), value, str(file))
    for variable, text in environment.items():
        if variable.startswith(PREFIX):
            name = _known(variable.removeprefix(PREFIX).lower(), variable)
            merged[name] = _converted(name, text, variable)
    merged.update(flags)
    return replace(ServeConfig(), **merged)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"config must be a TOML file that can be read; got {file}: {error}.") from error


def _known(name: str, source: str) -> str:
    """Returns the name of a setting, or raises ConfigError for another name."""
    names = sorted(field.name for field in fields(ServeConfig))
    if name not in names:
        raise ConfigError(f"{source} must name a setting of a2p serve; got {name!r}. Known: {', '.join(names)}.")
    return name


def _converted(name: str, value: object, source: str) -> Any:
    """Returns a value from a file or the environment in its setting's type."""
    kind = get_type_hints(ServeConfig)[name]
    try:
        if kind is bool:
            return _flag(value)
        if kind in (int, float):
            return kind(value)
        return str(value) if kind is str else Path(str(value))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} must be {kind.__name__}; {source} has {value!r}. Correct it there.") from error


def _flag(value: object) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    text = str(value).lower()
    if text not in words:
        raise ValueError(text)
    return words[text]


def _require(name: str, value: int | float, *, at_least: int) -> None:
    if not value >= at_least:
        raise ConfigError(f"{name} must be at least {at_least}; got {value}. Leave it out for the default.")
