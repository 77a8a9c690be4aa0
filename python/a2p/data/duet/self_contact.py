"""Whether the parts of one hand lie in each other: fingers in fingers, fingertips in the palm and the thumb."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from a2p.hand import HandModel, Topology
from a2p.penetration.backends import cpu
from a2p.penetration.backends.contract import PenetrationValues, Surface
from a2p.penetration.loss import SQUARED

_INDEX, _MIDDLE, _PINKY, _RING = (1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12)
_THUMB, _PALM = (14, 15), (0, 13)


@dataclass(frozen=True)
class HandPart:
    """Some of a hand's surface, closed where it was cut off. The cuts are no surface."""

    vertices: Int[Tensor, " p"]
    """Of the hand."""
    topology: Topology

    @classmethod
    def of_joints(cls, model: HandModel, *groups: tuple[int, ...]) -> HandPart:
        """Returns the surfaces that mostly follow each group of joints, as one mesh of several bodies."""
        owner = model.weights.argmax(dim=1)
        faces, is_cap = model.topology.faces, model.topology.is_cap
        chosen = torch.stack([torch.isin(owner, torch.tensor(group))[faces].all(dim=1) for group in groups]).any(dim=0)
        vertices, local = torch.unique(faces[chosen], return_inverse=True)
        cut = Topology(local.reshape(-1, 3), rest_vertices=model.v_template[vertices], is_cap=is_cap[chosen])
        return cls(vertices, cut)


class SelfContact:
    """Measures how deep the digits of one hand lie in each other, and the fingers' ends in palm and thumb.

    Two queries see every pair of parts that can meet: index and ring finger against the other digits, which lie
    between and beside them; and the fingers' ends against the palm and the thumb.
    """

    def __init__(self, model: HandModel) -> None:
        ends = [finger[1:] for finger in (_INDEX, _MIDDLE, _PINKY, _RING)]
        self._queries = (
            (HandPart.of_joints(model, _INDEX, _RING), HandPart.of_joints(model, _MIDDLE, _PINKY, _THUMB)),
            (HandPart.of_joints(model, *ends), HandPart.of_joints(model, _PALM, _THUMB)),
        )

    def max_depth(self, vertices: Float[Tensor, "n v 3"]) -> Float[Tensor, " n"]:
        """Returns the depth (m) of the deepest vertex of one part in another."""
        depths = []
        for a, b in self._queries:
            values = self._values(vertices, a, b)
            depths += [values.depth_a, values.depth_b]
        return torch.cat(depths, dim=1).amax(dim=1)

    def add_gradient(
        self, vertices: Float[Tensor, "n v 3"], gradient: Float[Tensor, "n v 3"], *, scale: float = 1.0
    ) -> Float[Tensor, " n"]:
        """Returns half the sum of the squared depths of all parts (m^2), and adds its gradient times `scale`."""
        total = vertices.new_zeros(len(vertices))
        for a, b in self._queries:
            values = self._values(vertices, a, b)
            total = total + values.loss.float()
            deep = (values.loss > 0).nonzero()[:, 0]
            for part, slope in ((a, values.gradient_a), (b, values.gradient_b)):
                gradient[deep] = gradient[deep].index_add(1, part.vertices, slope[deep], alpha=scale)
        return total

    def _values(self, vertices: Float[Tensor, "n v 3"], a: HandPart, b: HandPart) -> PenetrationValues:
        first, second = (vertices.index_select(1, part.vertices) for part in (a, b))
        return penetration_values(first, second, a.topology, b.topology)


def penetration_values(
    a: Float[Tensor, "n a 3"], b: Float[Tensor, "n b 3"], topology_a: Topology, topology_b: Topology
) -> PenetrationValues:
    """Returns depths, half the sum of their squares, and its gradient, straight from the native kernel.

    What `penetration_depth` returns with autograd, for float32 in CPU memory.
    """
    return cpu.penetration(
        a, b, Surface(topology_a.faces, topology_a.is_cap), Surface(topology_b.faces, topology_b.is_cap), SQUARED
    )
