"""Data sets: the ones that exist, behind one sample type, and the one that a2p makes itself."""

from a2p.data.coco_wholebody import CocoWholeBody
from a2p.data.duet_images.dataset import Duet
from a2p.data.freihand import FreiHand
from a2p.data.hand_graph_cnn import HandGraphCnn
from a2p.data.hic import Hic
from a2p.data.ho3d import Ho3d
from a2p.data.interhand import InterHand26M
from a2p.data.reinterhand import ReInterHand
from a2p.data.sample import HandDataset, HandLabels, Sample

__all__ = [
    "CocoWholeBody",
    "Duet",
    "FreiHand",
    "HandDataset",
    "HandGraphCnn",
    "HandLabels",
    "Hic",
    "Ho3d",
    "InterHand26M",
    "ReInterHand",
    "Sample",
]
