"""Mesh-mesh penetration: depth, signed distance, volume, and their gradients."""

from a2p.penetration.api import PenetrationDepth, penetration_depth, signed_distance
from a2p.penetration.dispatch import runnable_backends
from a2p.penetration.fused import FusedPenetration, FusedStep
from a2p.penetration.loss import DepthLoss
from a2p.penetration.report import PenetrationReport

__all__ = [
    "DepthLoss",
    "FusedPenetration",
    "FusedStep",
    "PenetrationDepth",
    "PenetrationReport",
    "penetration_depth",
    "runnable_backends",
    "signed_distance",
]
