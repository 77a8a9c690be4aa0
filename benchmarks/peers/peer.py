"""What all that is compared has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import ClassVar, TypeAlias

import numpy as np

from benchmarks.cases import Pairs

Depths: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Of the vertices of either mesh in the other one, m, positive inside."""


class Peer(ABC):
    """One way to find how deep the vertices of two closed meshes lie in each other.

    The constructor prepares what depends on the faces alone, and raises ImportError where the peer is not installed.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    """The distribution that has to be installed."""
    gradient: ClassVar[str] = "no"
    """Whether `evaluate` computes the gradient with respect to the vertices: yes, no, or of what."""
    threads: ClassVar[str] = "1"
    """How many threads it uses, and by what; the whole run is held to one core besides."""

    def __init__(self, pairs: Pairs) -> None:
        self.faces = (pairs.topology_a.faces.numpy(), pairs.topology_b.faces.numpy())

    @abstractmethod
    def evaluate(self, a: np.ndarray, b: np.ndarray) -> object:
        """Does what is timed for one pair (v, 3) float32: at least the depths of all vertices both ways."""

    def depths(self, a: np.ndarray, b: np.ndarray) -> Depths:
        """Returns the depths of one pair; positive means inside."""
        depths: Depths = self.evaluate(a, b)  # type: ignore[assignment]
        return depths


class DistancePeer(Peer):
    """A peer that answers with the signed distance of points to one mesh."""

    def evaluate(self, a: np.ndarray, b: np.ndarray) -> Depths:
        """Returns the depths both ways."""
        return self.depth(a, b, self.faces[1]), self.depth(b, a, self.faces[0])

    @abstractmethod
    def depth(self, points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Returns how deep each point lies in the mesh; negative outside."""


@dataclass(frozen=True)
class Absent:
    """A peer that cannot run here."""

    peer: type[Peer]
    reason: str


def prepared(peers: Sequence[type[Peer]], pairs: Pairs) -> tuple[list[Peer], list[Absent]]:
    """Returns the peers, ready for meshes with the faces of `pairs`, and those that cannot run here."""
    ready: list[Peer] = []
    absent: list[Absent] = []
    for peer in peers:
        try:
            metadata.version(peer.package)
            ready.append(peer(pairs))
        except ImportError as error:  # PackageNotFoundError is one
            missing = isinstance(error, metadata.PackageNotFoundError)
            absent.append(Absent(peer, "not installed" if missing else f"cannot be imported: {error}"))
    return ready, absent


def version_of(package: str) -> str:
    """Returns the installed version of a distribution."""
    return metadata.version(package)
