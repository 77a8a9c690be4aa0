"""From the parameters of two hands to the gradient of their penetration: natively, by a2p's API, and in PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from a2p.bench.hands import ReachingHands
from a2p.hand import HandModel, HandParameters
from a2p.native import core
from a2p.penetration import FusedPenetration
from a2p.penetration.vertex_criterion import vertex_collisions


def tensors_of(parameters: HandParameters) -> list[Tensor]:
    """Returns the four tensors in the order of the native arguments."""
    return [parameters.global_orient, parameters.hand_pose, parameters.betas, parameters.transl]


def torch_vertices(model: HandModel, parameters: HandParameters) -> Tensor:
    """Returns the vertices by the PyTorch definition, whatever the dtype."""
    return model.pose(model.local_rotmats(parameters), parameters.betas, parameters.transl).vertices


def with_gradient(parameters: HandParameters) -> HandParameters:
    """Returns a copy that autograd follows."""
    return parameters.map(lambda tensor: tensor.clone().requires_grad_())


class FusedCase:
    """Pairs of hands that reach into each other, one evaluated at a call; they are cut out of the batch beforehand."""

    def __init__(self, hands: ReachingHands) -> None:
        rows = range(len(hands.right.betas))
        self.pairs = [(hands.right[row : row + 1], hands.left[row : row + 1]) for row in rows]
        self.arrays = [tuple(_arrays(hand) for hand in pair) for pair in self.pairs]
        self.hands = hands
        self.step = FusedPenetration(*hands.models)
        self.native_step = core.FusedStep(
            *(_native(model).native for model in hands.models), *(_topology(model) for model in hands.models)
        )

    def pair(self, turn: int) -> tuple[HandParameters, HandParameters]:
        """Returns the parameters of a pair, counted round and round, as a batch of one."""
        return self.pairs[turn % len(self.pairs)]

    def native(self, turn: int = 0) -> object:
        """The compiled function, given arrays."""
        return self.native_step(*self.arrays[turn % len(self.arrays)], threads=1)

    def fused(self, turn: int = 0) -> object:
        """FusedPenetration, as a user calls it."""
        return self.step(*self.pair(turn))

    def torch_criterion(self, turn: int = 0) -> object:
        """PyTorch skinning, the paper's criterion, and autograd back to the parameters."""
        leaves = [with_gradient(hand) for hand in self.pair(turn)]
        vertices = [torch_vertices(model, hand) for model, hand in zip(self.hands.models, leaves, strict=True)]
        faces = [model.topology.faces for model in self.hands.models]
        loss = vertex_collisions(vertices[0], vertices[1], faces[0], faces[1], backend="reference").loss.sum()
        inputs = [*tensors_of(leaves[0]), *tensors_of(leaves[1])]
        return torch.autograd.grad(loss, inputs, allow_unused=True)


def _arrays(parameters: HandParameters) -> tuple[np.ndarray, ...]:
    return tuple(tensor.numpy() for tensor in tensors_of(parameters))


def _native(model: HandModel):
    native = model.native_skinning()
    assert native is not None
    return native


def _topology(model: HandModel) -> core.MeshTopology:
    rest = np.ascontiguousarray(model.v_template.numpy())
    return core.MeshTopology(model.topology.faces.numpy(), model.topology.is_cap.numpy(), rest)
