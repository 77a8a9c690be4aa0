"""The hand model: parameters in, a posed mesh, joints and keypoints out.

Names are imported when they are first used, so that what needs no hand model, like training, needs no native code.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a2p.hand.model import HandModel, HandPair
    from a2p.hand.parameters import HandParameters, mirror_parameters
    from a2p.hand.skinning import PosedHand
    from a2p.hand.topology import Topology

__all__ = ["HandModel", "HandPair", "HandParameters", "PosedHand", "Topology", "mirror_parameters"]

_HOME = {
    "HandModel": "a2p.hand.model",
    "HandPair": "a2p.hand.model",
    "HandParameters": "a2p.hand.parameters",
    "PosedHand": "a2p.hand.skinning",
    "Topology": "a2p.hand.topology",
    "mirror_parameters": "a2p.hand.parameters",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'a2p.hand' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
