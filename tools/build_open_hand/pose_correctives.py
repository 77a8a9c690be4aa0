"""Pose correctives: vertex offsets, linear in the joints' rotations, that keep volume where linear skinning loses it.

Linear blend skinning pinches a bent joint; dual quaternion skinning (Kavan et al., ACM TOG 2008) bulges it. The offsets
are fitted so that skinned vertices come to lie between the two, over poses drawn evenly within the anatomical limits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation
from tools.build_open_hand.arrays import Floats
from tools.build_open_hand.skeleton import PARENTS

DUAL_QUATERNION_SHARE = 0.75
MAX_OFFSET_M = 0.006
_RIDGE = 0.5
_BLENDED = 1e-3
"""A vertex belongs to the blend zone of a joint if it has this weight there and elsewhere."""


class Correctives(NamedTuple):
    """The offsets (v, 3, 135) per entry of the 15 rotation matrices minus identity, and how well they fit."""

    directions: Floats
    held_out_offset: float
    """Root mean square of the wanted offsets, m, over poses that were not fitted to."""
    held_out_residual: float
    """The same of what remains."""


def fit_correctives(
    vertices: Floats, joints: Floats, weights: Floats, rotmats: Floats, *, held_out: int = 80
) -> Correctives:
    """Returns correctives fitted to poses `rotmats` (n, 15, 3, 3), of which the last `held_out` measure the fit."""
    wanted = np.stack([_wanted_offsets(vertices, joints, weights, pose) for pose in rotmats])
    features = (rotmats - np.eye(3)).reshape(len(rotmats), 135)
    fitted = slice(0, len(rotmats) - held_out)
    elsewhere = weights.sum(1, keepdims=True) - weights
    is_blended = ((weights > _BLENDED) & (elsewhere > _BLENDED))[:, 1:]
    directions = np.zeros((len(vertices), 3, 135))
    for zone in np.unique(is_blended, axis=0):
        columns = np.flatnonzero(np.repeat(zone, 9))
        if not len(columns):
            continue
        rows = np.flatnonzero((is_blended == zone).all(1))
        inputs = features[fitted][:, columns]
        outputs = wanted[fitted][:, rows].reshape(len(inputs), -1)
        solution = np.linalg.solve(inputs.T @ inputs + _RIDGE * np.eye(len(columns)), inputs.T @ outputs)
        directions[np.ix_(rows, np.arange(3), columns)] = solution.T.reshape(len(rows), 3, -1)
    rest = wanted[fitted.stop :]
    residual = rest - np.einsum("vcp,np->nvc", directions, features[fitted.stop :])
    return Correctives(directions, _root_mean_square(rest), _root_mean_square(residual))


def _root_mean_square(offsets: Floats) -> float:
    return float(np.sqrt((offsets**2).sum(-1).mean()))


def _wanted_offsets(vertices: Floats, joints: Floats, weights: Floats, rotmats: Floats) -> Floats:
    """Returns the offset that linear skinning must be given to reach the blend of the two skinnings."""
    transforms = skinning_transforms(joints, rotmats)
    blended = np.einsum("vj,jab->vab", weights, transforms)
    linear = np.einsum("vab,vb->va", blended[:, :3, :3], vertices) + blended[:, :3, 3]
    target = linear + DUAL_QUATERNION_SHARE * (_dual_quaternion_skinning(vertices, weights, transforms) - linear)
    unskinned = np.linalg.solve(blended[:, :3, :3], (target - linear)[..., None])[..., 0]
    offsets: Floats = np.clip(unskinned, -MAX_OFFSET_M, MAX_OFFSET_M)
    return offsets


def skinning_transforms(joints: Floats, rotmats: Floats) -> Floats:
    """Returns what each joint does to the rest pose (16, 4, 4), given rotations (15, 3, 3) relative to the parents."""
    world = np.tile(np.eye(4), (16, 1, 1))
    for joint in range(1, 16):
        parent = PARENTS[joint]
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = rotmats[joint - 1], joints[joint] - joints[parent]
        world[joint] = world[parent] @ local
    world[0, :3, 3] = joints[0]
    world[1:, :3, 3] += joints[0]
    world[:, :3, 3] -= np.einsum("jab,jb->ja", world[:, :3, :3], joints)
    return world


def _dual_quaternion_skinning(vertices: Floats, weights: Floats, transforms: Floats) -> Floats:
    real = Rotation.from_matrix(transforms[:, :3, :3]).as_quat()[:, [3, 0, 1, 2]]
    for joint in range(1, 16):
        if real[joint] @ real[PARENTS[joint]] < 0:
            real[joint] *= -1
    translation = np.concatenate([np.zeros((16, 1)), transforms[:, :3, 3]], axis=1)
    dual = 0.5 * _quaternion_product(translation, real)
    real, dual = weights @ real, weights @ dual
    norm = np.linalg.norm(real, axis=1, keepdims=True)
    real, dual = real / norm, dual / norm
    w, v = real[:, :1], real[:, 1:]
    turned = vertices + 2 * np.cross(v, np.cross(v, vertices) + w * vertices)
    shift: Floats = 2 * (w * dual[:, 1:] - dual[:, :1] * v + np.cross(v, dual[:, 1:]))
    return turned + shift


def _quaternion_product(a: Floats, b: Floats) -> Floats:
    """Returns the Hamilton product of quaternions (…, 4), real part first."""
    (aw, av), (bw, bv) = ((q[..., :1], q[..., 1:]) for q in (a, b))
    real = aw * bw - (av * bv).sum(-1, keepdims=True)
    return np.concatenate([real, aw * bv + bw * av + np.cross(av, bv)], axis=-1)
