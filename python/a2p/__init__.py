"""Two posed hand meshes from one picture: aligned in 2D, plausible in 3D.

Public names are imported when they are first used, so that `import a2p` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a2p.camera import Camera
    from a2p.errors import A2PError
    from a2p.hand import HandModel, HandParameters, Topology
    from a2p.penetration import penetration_depth, signed_distance
    from a2p.pipeline import Reconstructor
    from a2p.plausibility import Refiner
    from a2p.result import Hand, Reconstruction

    __version__: str

_HOME = {
    "A2PError": "a2p.errors",
    "Camera": "a2p.camera",
    "Hand": "a2p.result",
    "HandModel": "a2p.hand",
    "HandParameters": "a2p.hand",
    "Reconstruction": "a2p.result",
    "Reconstructor": "a2p.pipeline",
    "Refiner": "a2p.plausibility",
    "Topology": "a2p.hand",
    "penetration_depth": "a2p.penetration",
    "signed_distance": "a2p.penetration",
}

__all__ = [  # noqa: RUF022 - in the order in which a reader meets them
    "Reconstructor",
    "Reconstruction",
    "Hand",
    "Camera",
    "HandModel",
    "HandParameters",
    "Topology",
    "penetration_depth",
    "signed_distance",
    "Refiner",
    "A2PError",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return metadata.version("a2p-hands")
    if name == "client":
        return import_module("a2p.client")
    if name not in _HOME:
        raise AttributeError(f"module 'a2p' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
