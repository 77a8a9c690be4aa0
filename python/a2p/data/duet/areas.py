"""Named areas of a hand's skin, found on any hand model from its joints and normals, each with a frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from a2p.hand import HandModel, PosedHand
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.keypoints import FINGERTIP_VERTICES

DIGITS = ("thumb", "index", "middle", "ring", "pinky")
_FIRST_JOINT = {"thumb": 13, "index": 1, "middle": 4, "ring": 10, "pinky": 7}
POINTS = 32
"""Vertices that stand for an area."""
_MOST_FACES = 8 * POINTS
"""More than lie at an area's vertices."""
_FACING = 0.55
"""Cosine beyond which skin looks in a direction."""


@dataclass(frozen=True)
class AreaFrame:
    """Where an area of each posed hand is: middle (m), the skin's normal and a direction along it, both unit."""

    middle: Float[Tensor, "n 3"]
    normal: Float[Tensor, "n 3"]
    tangent: Float[Tensor, "n 3"]
    """Towards the fingertips; on a fingertip towards the pad."""


class Areas:
    """The areas of one hand model: pad, tip, front, back and sides of every digit; palm, back, edges and webs."""

    def __init__(self, model: HandModel) -> None:
        self._faces = model.topology.faces[~model.topology.is_cap]
        self._model = model
        self._axes = _axes(model)
        self._owner = model.weights.argmax(dim=1)
        self._normals = vertex_normals(model.v_template[None], self._faces)[0]
        found: dict[str, tuple[Tensor, int, Tensor]] = {}
        for digit in DIGITS:
            found.update(self._digit(digit))
        found.update(self._hand())
        self.names = tuple(found)
        self.vertices = torch.stack([_spread_out(area) for area, _, _ in found.values()])
        """(areas, 32)"""
        self._around = torch.stack([self._faces_around(area) for area in self.vertices])
        """(areas, f, 3): the faces at each area's vertices; a face without extent fills up."""
        self._joint = torch.tensor([joint for _, joint, _ in found.values()])
        self._tangent = torch.stack([tangent for _, _, tangent in found.values()])

    def frame(self, posed: PosedHand, area: Int[Tensor, " n"]) -> AreaFrame:
        """Returns the frame of one area on each hand."""
        rows = torch.arange(len(area))[:, None]
        chosen = self.vertices[area]
        a, b, c = posed.vertices[rows, self._around[area].flatten(1)].reshape(len(area), -1, 3, 3).unbind(2)
        normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a).sum(1), dim=1)
        turned = posed.joint_rotmats[rows[:, 0], self._joint[area]] @ self._tangent[area][..., None]
        tangent = turned[..., 0]
        tangent = tangent - (tangent * normal).sum(1, keepdim=True) * normal
        return AreaFrame(posed.vertices[rows, chosen].mean(1), normal, torch.nn.functional.normalize(tangent, dim=1))

    def _digit(self, digit: str) -> dict[str, tuple[Tensor, int, Tensor]]:
        first = _FIRST_JOINT[digit]
        distal, dorsal, radial = self._axes[first + 2]
        on_end = self._owner == first + 2
        on_rest = (self._owner == first) | (self._owner == first + 1)
        if digit == "thumb":
            on_rest = self._owner == first + 1
        tip = FINGERTIP_VERTICES[DIGITS.index(digit)]
        at_tip = on_end & ((self._model.v_template - self._model.v_template[tip]).norm(dim=1) < 10e-3)
        at_tip &= (self._normals @ distal > 0.2) & (self._normals @ dorsal < 0.5)
        away_from_joint = (self._model.v_template - self._model.J_template[first + 2]) @ distal > 4e-3
        return {
            f"{digit}_pad": (on_end & away_from_joint & self._faces_along(-dorsal), first + 2, distal),
            f"{digit}_tip": (at_tip, first + 2, -dorsal),
            f"{digit}_front": (on_rest & self._faces_along(-self._axes[first + 1][1]), first + 1, distal),
            f"{digit}_back": (on_rest & self._faces_along(self._axes[first + 1][1]), first, self._axes[first][0]),
            f"{digit}_radial": (on_rest & self._faces_along(radial), first + 1, distal),
            f"{digit}_ulnar": (on_rest & self._faces_along(-radial), first + 1, distal),
        }

    def _hand(self) -> dict[str, tuple[Tensor, int, Tensor]]:
        distal, dorsal, radial = self._axes[0]
        joints = self._model.J_template
        along = (self._model.v_template - joints[0]) @ distal / ((joints[4] - joints[0]) @ distal)
        on_hand = (self._owner == 0) & (along > 0.25)
        areas = {
            "palm": (on_hand & (along > 0.4) & self._faces_along(-dorsal), 0, distal),
            "heel": (on_hand & (along < 0.6) & self._faces_along(-dorsal), 0, distal),
            "back": (on_hand & (along > 0.35) & self._faces_along(dorsal), 0, distal),
            "ulnar_edge": (on_hand & self._faces_along(-radial), 0, distal),
            "thumb_web": (on_hand & (along > 0.45) & self._faces_along(radial), 0, distal),
        }
        for one, other in (("index", "middle"), ("middle", "ring"), ("ring", "pinky")):
            middle = (joints[_FIRST_JOINT[one]] + joints[_FIRST_JOINT[other]]) / 2 + 0.012 * distal
            distance = (self._model.v_template - middle).norm(dim=1) + (self._normals @ dorsal).abs()
            near = torch.zeros_like(on_hand)
            near[distance.argsort()[:10]] = True
            areas[f"{one}_{other}_web"] = (near, 0, -dorsal)
        return areas

    def _faces_around(self, area: Int[Tensor, " 32"]) -> Int[Tensor, "f 3"]:
        touching = self._faces[torch.isin(self._faces, area).any(dim=1)]
        nothing = touching.new_zeros(_MOST_FACES, 3)
        nothing[: len(touching)] = touching
        return nothing

    def _faces_along(self, direction: Float[Tensor, " 3"]) -> Tensor:
        return self._normals @ direction > _FACING


def vertex_normals(vertices: Float[Tensor, "n v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "n v 3"]:
    """Returns the unit normals of a mesh's vertices, each face weighted by its area."""
    a, b, c = (vertices[:, faces[:, k]] for k in range(3))
    of_faces = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    for k in range(3):
        total.index_add_(1, faces[:, k], of_faces)
    return torch.nn.functional.normalize(total, dim=-1, eps=1e-20)


def _axes(model: HandModel) -> Float[Tensor, "16 3 3"]:
    """Returns each joint's rest directions, as rows: towards the fingertips, the hand's back, the thumb's side."""
    anatomy = HandAnatomy.from_rest_joints(model.J_template, side=model.side)
    mirror = torch.tensor([1.0 if model.side == "right" else -1.0, 1.0, 1.0])
    columns = torch.cat([anatomy.proximal[3:4], anatomy.proximal])
    axes = torch.stack([-columns[..., 0], columns[..., 1], columns[..., 2]], dim=1)
    return axes * mirror


def _spread_out(mask: Tensor) -> Int[Tensor, " 32"]:
    """Returns 32 of the marked vertices, some of them more than once where there are fewer."""
    marked = mask.nonzero()[:, 0]
    return marked[torch.linspace(0, len(marked) - 1, POINTS).round().long()]
