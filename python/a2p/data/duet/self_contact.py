"""Whether the parts of one hand lie in each other: fingers in fingers, fingertips in the palm and the thumb."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from a2p.hand import HandModel, Topology
from a2p.penetration import PenetrationDepth, penetration_depth

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
        measured = self._measure(vertices)
        return torch.cat([torch.cat([query.depth_a, query.depth_b], dim=1) for query in measured], dim=1).amax(dim=1)

    def loss(self, vertices: Float[Tensor, "n v 3"]) -> Float[Tensor, " n"]:
        """Returns half the sum of the squared depths of all parts (m^2), differentiable."""
        return sum((query.loss for query in self._measure(vertices)), start=vertices.new_zeros(len(vertices)))

    def _measure(self, vertices: Float[Tensor, "n v 3"]) -> list[PenetrationDepth]:
        return [
            penetration_depth(vertices[:, a.vertices], vertices[:, b.vertices], a.topology, b.topology)
            for a, b in self._queries
        ]
