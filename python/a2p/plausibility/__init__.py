"""Stage 2: hands that do not pass through each other.

Names are imported when they are first used, so that training the denoiser needs no native code.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a2p.plausibility.gate import ALLOWED_DEPTH, boxes_overlap
    from a2p.plausibility.refinement import PairEvidence, PairRefinement, RefinementReport
    from a2p.plausibility.refiner import Refiner

__all__ = ["ALLOWED_DEPTH", "PairEvidence", "PairRefinement", "RefinementReport", "Refiner", "boxes_overlap"]

_HOME = {
    "ALLOWED_DEPTH": "a2p.plausibility.gate",
    "boxes_overlap": "a2p.plausibility.gate",
    "Refiner": "a2p.plausibility.refiner",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'a2p.plausibility' has no attribute {name!r}")
    value = getattr(import_module(_HOME.get(name, "a2p.plausibility.refinement")), name)
    globals()[name] = value
    return value
