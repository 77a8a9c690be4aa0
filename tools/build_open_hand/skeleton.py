"""The 16 joints of the hand model, and which bones of MakeHuman's right hand they stand for."""

from __future__ import annotations

import numpy as np
from tools.build_open_hand.arrays import Floats, Integers, unit
from tools.build_open_hand.makehuman import MakeHuman

PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
FIRST_JOINT = {"index": 1, "middle": 4, "pinky": 7, "ring": 10, "thumb": 13}
"""The finger's joint nearest to the wrist; the two others follow it."""

_MAKEHUMAN_FINGERS = (2, 3, 5, 4, 1)
_WRIST_BONES = ("wrist", "metacarpal1", "metacarpal2", "metacarpal3", "metacarpal4")
_FINGER_BONES = tuple(f"finger{finger}-{k}" for finger in _MAKEHUMAN_FINGERS for k in (1, 2, 3))
_INFLUENCES = 4


def joint_names() -> list[str]:
    """Returns the bone whose head is each joint."""
    return [bone + ".R" for bone in ("wrist", *_FINGER_BONES)]


def hand_weight(body: MakeHuman) -> Floats:
    """Returns the share of every body vertex that moves with some bone of the right hand."""
    bones = [bone + ".R" for bone in (*_WRIST_BONES, *_FINGER_BONES)]
    total: Floats = np.sum([body.weights[bone] for bone in bones], axis=0)
    return total


def skinning_weights(body: MakeHuman, vertex_ids: Integers, wrist_loop: Integers) -> Floats:
    """Returns weights (v + 1, 16) of the cut mesh, its last vertex the centre of the wrist's cap.

    Wrist and metacarpals are one joint, which also takes what the forearm had. Each vertex keeps four influences.
    """
    groups = [_WRIST_BONES, *((bone,) for bone in _FINGER_BONES)]
    columns = [np.sum([body.weights[bone + ".R"][vertex_ids] for bone in group], axis=0) for group in groups]
    weights = np.stack(columns, axis=1)
    weights[:, 0] += 1 - weights.sum(1)
    weights = np.clip(weights, 0, None)
    weights = np.vstack([weights, weights[wrist_loop].mean(0)])
    weights /= weights.sum(1, keepdims=True)
    smallest = np.argsort(-weights, axis=1, kind="stable")[:, _INFLUENCES:]
    np.put_along_axis(weights, smallest, 0, axis=1)
    kept: Floats = weights / weights.sum(1, keepdims=True)
    return kept


def fingertips(vertices: Floats, joints: Floats, weights: Floats) -> dict[str, int]:
    """Returns by finger the vertex of the last phalanx that lies farthest along it."""
    tips = {}
    for finger, first in FIRST_JOINT.items():
        last = first + 2
        along = (vertices - joints[last]) @ unit(joints[last] - joints[last - 1])
        tips[finger] = int(np.where(weights[:, last] > 0.95, along, -np.inf).argmax())
    return tips
