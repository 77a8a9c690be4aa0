"""The packaged TensorFlow Lite models."""

from __future__ import annotations

from importlib.resources import files

from a2p.litert import LiteRtModel


def packaged_model(name: str, *, threads: int) -> LiteRtModel:
    """Returns a packaged model, for one picture on `threads` cores or for a crew of as many."""
    content = (files("a2p.perception") / "assets" / name).read_bytes()
    return LiteRtModel(content, threads=threads, members=threads)
