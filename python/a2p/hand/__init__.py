"""The hand model: parameters in, a posed mesh, joints and keypoints out."""

from a2p.hand.model import HandModel, HandPair
from a2p.hand.parameters import HandParameters, mirror_parameters
from a2p.hand.skinning import PosedHand
from a2p.hand.topology import Topology

__all__ = ["HandModel", "HandPair", "HandParameters", "PosedHand", "Topology", "mirror_parameters"]
