"""Everything that is compared, in the order of the table."""

from __future__ import annotations

from benchmarks.peers.distance_libraries import (
    LibiglPseudonormal,
    LibiglWinding,
    Open3D,
    PointCloudUtils,
    Pysdf,
    Trimesh,
)
from benchmarks.peers.ours import NativeCall, PublicCall
from benchmarks.peers.peer import Peer
from benchmarks.peers.pytorch import BruteForce, VertexCriterion
from benchmarks.peers.warp_queries import WarpBackward, WarpForward, WarpWinding

PEERS: tuple[type[Peer], ...] = (
    NativeCall,
    PublicCall,
    Pysdf,
    WarpForward,
    WarpBackward,
    WarpWinding,
    LibiglPseudonormal,
    LibiglWinding,
    Open3D,
    PointCloudUtils,
    VertexCriterion,
    Trimesh,
    BruteForce,
)
