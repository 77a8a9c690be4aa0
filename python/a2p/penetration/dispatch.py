"""Chooses the backend of an operation, and says which."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, cast

import torch

from a2p.errors import BackendError
from a2p.penetration.backends.contract import Backend

BackendName = Literal["auto", "cpu", "cuda", "warp", "reference"]

NAMES = ("cpu", "cuda", "warp", "reference")
"""All backends; those that `auto` may choose come in the order of its preference, `reference` last."""


def backend_named(name: str) -> Backend:
    """Returns the backend of that name, which may be unable to run here."""
    if name not in NAMES:
        raise BackendError(f"backend must be 'auto' or one of {', '.join(NAMES)}; got {name!r}.")
    return cast(Backend, import_module(f"a2p.penetration.backends.{name}"))


@cache
def _comes_with_build(name: str) -> bool:
    return find_spec(f"a2p.penetration.backends.{name}") is not None


def reason_unavailable(name: str, device: torch.device) -> str | None:
    """Returns why a backend cannot handle tensors on `device` here, or None if it can."""
    if name in NAMES and not _comes_with_build(name):
        return "this build comes without it."
    return backend_named(name).reason_unavailable(device)


def runnable_backends(device: torch.device | str = "cpu") -> tuple[str, ...]:
    """Returns the names of the backends that can handle tensors on `device`, fastest first."""
    device = torch.device(device)
    return tuple(name for name in NAMES if reason_unavailable(name, device) is None)


def resolve(name: str, device_type: str) -> str:
    """Returns the backend that will run: the one asked for by name, or for `auto` the fastest.

    One asked for by name that cannot run here is an error, never replaced.
    """
    device = torch.device(device_type)
    if name == "auto":
        return next(each for each in NAMES if reason_unavailable(each, device) is None)
    reason = reason_unavailable(name, device)
    if reason is not None:
        raise BackendError(
            f"backend {name!r} cannot handle tensors on {device_type!r} here: {reason} "
            f"Runnable: {', '.join(runnable_backends(device))}."
        )
    return name


# What torch.compiler.assume_constant_result does, without importing the compiler (1.7 s) for those who never compile.
resolve._dynamo_marked_constant = True  # type: ignore[attr-defined]
