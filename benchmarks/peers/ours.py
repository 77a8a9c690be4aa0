"""a2p, by its native call and by its public one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from a2p.native import core
from a2p.penetration import penetration_depth
from benchmarks.cases import Pairs
from benchmarks.peers.peer import Depths, Peer


class NativeCall(Peer):
    """The compiled function, given arrays: depths, loss and the gradient for both meshes."""

    name: ClassVar[str] = "a2p, native call"
    package: ClassVar[str] = "a2p-hands"
    gradient: ClassVar[str] = "yes"
    threads: ClassVar[str] = "1 (argument)"

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.pair = core.PenetrationPair(*pairs.native_topologies())

    def evaluate(self, a: np.ndarray, b: np.ndarray) -> Depths:
        """Evaluates one pair."""
        _, depth_a, depth_b, _, _ = self.pair(a[None], b[None], threads=1)
        return depth_a[0], depth_b[0]


class PublicCall(Peer):
    """a2p.penetration_depth and the backward pass of PyTorch's autograd through it."""

    name: ClassVar[str] = "a2p.penetration_depth, autograd"
    package: ClassVar[str] = "a2p-hands"
    gradient: ClassVar[str] = "yes"
    threads: ClassVar[str] = "1 (a2p and PyTorch set)"

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.topologies = (pairs.topology_a, pairs.topology_b)

    def evaluate(self, a: np.ndarray, b: np.ndarray) -> Depths:
        """Evaluates one pair, forward and backward."""
        leaves = [torch.from_numpy(vertices).requires_grad_() for vertices in (a, b)]
        result = penetration_depth(*leaves, *self.topologies, backend="cpu")
        torch.autograd.grad(result.loss, leaves)
        return result.depth_a.numpy(), result.depth_b.numpy()
