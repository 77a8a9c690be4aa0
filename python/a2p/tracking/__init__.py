"""Hands over time: who is who from frame to frame, where to look next, and less jitter."""

from a2p.tracking.memory import StreamMemory, TrackingConfig
from a2p.tracking.one_euro import OneEuro, RotationFilter, VectorFilter
from a2p.tracking.pair_memory import FollowedPair, PairConfig, PairMemory
from a2p.tracking.smoothing import HandSmoother, SmoothingConfig

__all__ = [
    "FollowedPair",
    "HandSmoother",
    "OneEuro",
    "PairConfig",
    "PairMemory",
    "RotationFilter",
    "SmoothingConfig",
    "StreamMemory",
    "TrackingConfig",
    "VectorFilter",
]
