"""Linear blend skinning (LBS): local joint rotations and shape in, posed vertices and joints out.

Loper et al., "SMPL: A Skinned Multi-Person Linear Model", SIGGRAPH Asia 2015, sections 3.2 to 3.4. Plain PyTorch:
batched, differentiable, any dtype and device, without a branch on values (so `torch.func` transforms apply).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.arrays import Joints, Vertices


@dataclass(frozen=True)
class PosedHand:
    """A hand in the frame of its `transl`, usually the camera's: x right, y down, z forward; m."""

    vertices: Vertices
    joints: Joints
    """The kinematic joints that skinning turns about, not joints regressed from the posed vertices."""
    joint_rotmats: Float[Tensor, "*batch 16 3 3"]
    """Global orientation of every joint's frame; the identity in the rest pose."""


class KinematicTree:
    """Which joint turns with which, by levels of equal depth, so that one product moves a whole level.

    `parents[0]` is -1 and every other parent comes before its child.
    """

    def __init__(self, parents: tuple[int, ...]) -> None:
        self.parents = parents
        depths: list[int] = []
        for joint, parent in enumerate(parents):
            if (parent != -1) if joint == 0 else not 0 <= parent < joint:
                raise ValueError(f"joint 0 needs parent -1 and later ones an earlier parent; got {parents}.")
            depths.append(0 if joint == 0 else depths[parent] + 1)
        levels = [[j for j, depth in enumerate(depths) if depth == level] for level in range(max(depths) + 1)]
        self.levels: list[TreeLevel] = [
            TreeLevel(joints, [parents[j] for j in joints], [previous.index(parents[j]) for j in joints])
            for previous, joints in pairwise(levels)
        ]
        by_level = [joint for level in levels for joint in level]
        self.rows = [by_level.index(joint) for joint in range(len(parents))]
        """Where each joint stands when the levels are laid one after the other."""


class TreeLevel(NamedTuple):
    """Joints of one depth; `parents` names theirs, `parent_rows` says where these stand in the level above."""

    joints: list[int]
    parents: list[int]
    parent_rows: list[int]


class JointTransforms(NamedTuple):
    """Where posing brings the joints' frames."""

    rotmats: Float[Tensor, "*batch j 3 3"]
    positions: Float[Tensor, "*batch j 3"]


@dataclass(frozen=True)
class Rig:
    """The constants of linear blend skinning, in MANO's layout; `posedirs` acts on the 15 local rotmats minus I."""

    v_template: Float[Tensor, "v 3"]
    shapedirs: Float[Tensor, "v 3 10"]
    posedirs: Float[Tensor, "v 3 135"]
    J_template: Float[Tensor, "16 3"]
    J_shapedirs: Float[Tensor, "16 3 10"]
    weights: Float[Tensor, "v 16"]
    tree: KinematicTree

    def rest_joints(self, betas: Float[Tensor, "*batch 10"]) -> Joints:
        """Returns the joints of the unposed hand of this shape, m."""
        return self.J_template + _combine(self.J_shapedirs, betas)


def forward_kinematics(
    local_rotmats: Float[Tensor, "*batch j 3 3"], rest_joints: Float[Tensor, "*batch j 3"], tree: KinematicTree
) -> JointTransforms:
    """Returns every joint's global frame; the root turns about its rest position and stays there."""
    rotmats = local_rotmats[..., :1, :, :]
    positions = rest_joints[..., :1, :]
    level_rotmats, level_positions = [rotmats], [positions]
    for level in tree.levels:
        bones = rest_joints[..., level.joints, :] - rest_joints[..., level.parents, :]
        parent_rotmats = rotmats[..., level.parent_rows, :, :]
        positions = positions[..., level.parent_rows, :] + (parent_rotmats @ bones[..., None])[..., 0]
        rotmats = parent_rotmats @ local_rotmats[..., level.joints, :, :]
        level_rotmats.append(rotmats)
        level_positions.append(positions)
    return JointTransforms(
        torch.cat(level_rotmats, dim=-3)[..., tree.rows, :, :], torch.cat(level_positions, dim=-2)[..., tree.rows, :]
    )


def linear_blend_skinning(
    rig: Rig,
    local_rotmats: Float[Tensor, "*batch 16 3 3"],
    betas: Float[Tensor, "*batch 10"],
    transl: Float[Tensor, "*batch 3"],
) -> PosedHand:
    """Returns the posed hand; `local_rotmats` are relative to the parent joint, the wrist's to the output frame."""
    rest_joints = rig.rest_joints(betas)
    identity = torch.eye(3, dtype=local_rotmats.dtype, device=local_rotmats.device)
    pose_feature = (local_rotmats[..., 1:, :, :] - identity).flatten(-3)
    rest_vertices = rig.v_template + _combine(rig.shapedirs, betas) + _combine(rig.posedirs, pose_feature)

    joints = forward_kinematics(local_rotmats, rest_joints, rig.tree)
    offsets = joints.positions - (joints.rotmats @ rest_joints[..., None])[..., 0]
    affine = torch.cat([joints.rotmats, offsets[..., None]], dim=-1)
    blended = (rig.weights @ affine.flatten(-2)).reshape(*rest_vertices.shape, 4)
    vertices = (blended[..., :3] * rest_vertices[..., None, :]).sum(-1) + blended[..., 3]
    shift = transl[..., None, :]
    return PosedHand(vertices + shift, joints.positions + shift, joints.rotmats)


def _combine(
    directions: Float[Tensor, "n 3 k"], coefficients: Float[Tensor, "*batch k"]
) -> Float[Tensor, "*batch n 3"]:
    """Returns the directions' linear combination, as one matrix product for the whole batch."""
    combined: Tensor = coefficients @ directions.flatten(0, 1).mT
    return combined.reshape(*coefficients.shape[:-1], *directions.shape[:2])
