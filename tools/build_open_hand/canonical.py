"""The canonical frame: wrist at the origin, fingers along -x, palm towards -y, thumb towards +z, fingers straight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from tools.build_open_hand.arrays import Floats, reject, unit
from tools.build_open_hand.skeleton import FIRST_JOINT, PARENTS

REST_ABDUCTION_DEG = {"index": 5.0, "middle": 0.0, "ring": -5.0, "pinky": -13.0}
"""Where straight fingers point, towards the thumb's side from the middle finger."""
WIDTH_SCALE = np.array([1.0, 1.08, 1.06])
"""MakeHuman's hands are slender: thickness and breadth grow by these factors at a given length."""


class Shape(NamedTuple):
    """One person's hand."""

    vertices: Floats
    joints: Floats


def canonical(shape: Shape, weights: Floats, tips: Mapping[str, int], length: float) -> Shape:
    """Returns the hand flat, in the canonical frame, `length` metres from the wrist to the middle fingertip."""
    vertices, joints = _flat(shape, weights, tips)
    scale = WIDTH_SCALE * (length / np.linalg.norm(vertices[tips["middle"]] - joints[0]))
    return Shape(vertices * scale, joints * scale)


def _flat(shape: Shape, weights: Floats, tips: Mapping[str, int]) -> Shape:
    axes = _frame(shape.joints)
    vertices, joints = ((points - shape.joints[0]) @ axes.T for points in shape)
    transforms = np.tile(np.eye(4), (16, 1, 1))
    for finger, first in FIRST_JOINT.items():
        chain = np.stack([*joints[first : first + 3], vertices[tips[finger]]])
        parent = np.eye(4)
        for k, rotation in enumerate(_straightening(finger, unit(np.diff(chain, axis=0)))):
            moved = parent[:3, :3] @ chain[k] + parent[:3, 3]
            parent = np.eye(4)
            parent[:3, :3], parent[:3, 3] = rotation, moved - rotation @ chain[k]
            transforms[first + k] = parent
    blended = np.einsum("vj,jab->vab", weights, transforms)
    flat_vertices = np.einsum("vab,vb->va", blended[:, :3, :3], vertices) + blended[:, :3, 3]
    of_parent = transforms[np.maximum(PARENTS, 0)]
    flat_joints = np.einsum("jab,jb->ja", of_parent[:, :3, :3], joints) + of_parent[:, :3, 3]
    return Shape(flat_vertices, flat_joints)


def _frame(joints: Floats) -> Floats:
    """Returns the canonical axes as rows."""
    x = unit(joints[0] - joints[4])
    z = reject(joints[1] - joints[7], x)
    return np.stack([x, np.cross(z, x), z])


def _straightening(finger: str, bones: Floats) -> list[Floats]:
    """Returns the rotation of each phalanx that lays the finger straight, its plane of flexion upright.

    The thumb becomes straight along its own metacarpal and keeps the plane in which it was bent.
    """
    bend_axis = np.cross(bones[0], bones[1]) + np.cross(bones[1], bones[2])
    if finger == "thumb":
        target, target_axis = bones[0], reject(bend_axis, bones[0])
    else:
        angle = np.radians(REST_ABDUCTION_DEG[finger])
        target = np.array([-np.cos(angle), 0, np.sin(angle)])
        target_axis = reject(np.array([0.0, 0.0, 1.0]), target)
    goal = _basis(target, target_axis)
    return [goal @ _basis(bone, reject(bend_axis, bone)).T for bone in bones]


def _basis(direction: Floats, axis: Floats) -> Floats:
    return np.stack([direction, axis, np.cross(direction, axis)], axis=1)
