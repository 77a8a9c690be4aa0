"""Data sets: the ones that exist, behind one sample type, and the one that a2p makes itself."""

from a2p.data.hand_graph_cnn import HandGraphCnn
from a2p.data.interhand import InterHand26M
from a2p.data.sample import HandDataset, HandLabels, Sample

__all__ = ["HandDataset", "HandGraphCnn", "HandLabels", "InterHand26M", "Sample"]
