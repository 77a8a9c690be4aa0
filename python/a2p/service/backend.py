"""What computes: the one thing that the server needs to know of a Reconstructor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from a2p.abandonment import abandoned_when
from a2p.camera import Camera
from a2p.hand import HandPair
from a2p.perception.detector import HandBox
from a2p.perception.image import ImageInput
from a2p.pipeline import HandStream, Reconstructor
from a2p.result import Reconstruction

Follow: TypeAlias = Callable[[ImageInput, float | None], Reconstruction]
"""Takes a stream's next frame and its time, s, or None; holds the stream's state."""
Outcome: TypeAlias = Reconstruction | BaseException


@dataclass(frozen=True, kw_only=True)
class Work:
    """One picture to reconstruct."""

    load: Callable[[], ImageInput]
    """Returns the picture; called by the thread that reconstructs it."""
    camera: Camera | None = None
    boxes: tuple[HandBox, ...] | None = None
    follow: Follow | None = None
    """The stream that the picture belongs to; None for a picture of its own."""
    time_s: float | None = None
    is_abandoned: Callable[[], bool] = lambda: False
    """Says whether anybody still waits; asked before every stage."""


@runtime_checkable
class Backend(Protocol):
    """Reconstructs. Called from several threads; the frames of one stream come one after the other."""

    @property
    def models(self) -> HandPair:
        """The hand models, for the faces."""

    def open_stream(self, camera: Camera | None) -> Follow:
        """Returns a new stream's state."""

    def reconstruct(self, works: Sequence[Work]) -> list[Outcome]:
        """Returns a result or an error for each piece of work, in their order; raises nothing."""


class ReconstructorBackend:
    """The real one: a Reconstructor, frame by frame."""

    def __init__(self, reconstructor: Reconstructor) -> None:
        self._reconstructor = reconstructor

    @property
    def models(self) -> HandPair:
        """The hand models, for the faces."""
        return self._reconstructor.models

    def open_stream(self, camera: Camera | None) -> Follow:
        """Returns a new stream's state."""
        stream = HandStream(self._reconstructor, camera=camera)
        return lambda image, time_s: stream(image, time_s=time_s)

    def reconstruct(self, works: Sequence[Work]) -> list[Outcome]:
        """Returns a result or an error for each piece of work, in their order."""
        return [self._outcome(work) for work in works]

    def _outcome(self, work: Work) -> Outcome:
        try:
            with abandoned_when(work.is_abandoned):
                if work.follow is not None:
                    return work.follow(work.load(), work.time_s)
                return self._reconstructor(work.load(), boxes=work.boxes, camera=work.camera)
        except Exception as error:
            return error
