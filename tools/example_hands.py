"""The bodies in the packaged example image: two posed hands and the sleeves they come out of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from a2p.hand import HandModel, HandParameters
from a2p.hand.anatomy import DOF_INDEX, HandAnatomy
from a2p.hand.keypoints import FINGERTIP_VERTICES
from a2p.render.mesh import SmoothMesh, smooth_mesh, tessellate, unit

OPEN_PALM = {
    "index_mcp_flexion": 8, "index_mcp_abduction": 9, "index_pip_flexion": 14, "index_dip_flexion": 7,
    "middle_mcp_flexion": 6, "middle_mcp_abduction": 1, "middle_pip_flexion": 11, "middle_dip_flexion": 6,
    "ring_mcp_flexion": 9, "ring_mcp_abduction": -7, "ring_pip_flexion": 15, "ring_dip_flexion": 8,
    "pinky_mcp_flexion": 10, "pinky_mcp_abduction": -16, "pinky_pip_flexion": 18, "pinky_dip_flexion": 10,
    "thumb_cmc_radial": 42, "thumb_cmc_palmar": 22, "thumb_mcp_flexion": 6, "thumb_ip_flexion": -4,
}  # fmt: skip
POINTING = {
    "index_mcp_flexion": 6, "index_mcp_abduction": 2, "index_pip_flexion": 10, "index_dip_flexion": 6,
    "middle_mcp_flexion": 66, "middle_pip_flexion": 88, "middle_dip_flexion": 46,
    "ring_mcp_flexion": 70, "ring_mcp_abduction": -2, "ring_pip_flexion": 90, "ring_dip_flexion": 48,
    "pinky_mcp_flexion": 66, "pinky_mcp_abduction": -6, "pinky_pip_flexion": 84, "pinky_dip_flexion": 44,
    "thumb_cmc_radial": 16, "thumb_cmc_palmar": 40, "thumb_cmc_twist": 14,
    "thumb_mcp_flexion": 26, "thumb_ip_flexion": 30,
}  # fmt: skip
"""Anatomical angles, degrees; the others are 0."""


@dataclass(frozen=True)
class Placement:
    """Where a hand is and how it is turned, from a palm that faces the camera with its fingers up."""

    side: Literal["right", "left"]
    angles_deg: dict[str, float]
    wrist: tuple[float, float, float]
    """m, camera frame."""
    turn_deg: tuple[float, float, float]
    """About the camera's x, then y, then z axis."""
    elbow: tuple[float, float, float]
    """m, from the wrist: where the sleeve leads."""


@dataclass(frozen=True)
class Fingers:
    """Where the right hand's fingers lie at rest, for painting skin: thumb, index, middle, ring, pinky."""

    joints: np.ndarray
    """(5, 4, 3) m: three joints and the tip."""
    dorsal: np.ndarray
    """(5, 3): out of each nail."""
    knuckles: np.ndarray
    """(16, 3) m: all joints."""


def rest_fingers() -> Fingers:
    """Returns the right hand's fingers at rest."""
    model = HandModel.load("open", side="right")
    joints = model.J_template.numpy().astype(np.float64)
    anatomy = HandAnatomy.from_rest_joints(model.J_template, side="right")
    first = [13, 1, 4, 10, 7]
    tips = model.v_template.numpy()[list(FINGERTIP_VERTICES)].astype(np.float64)
    chains = np.stack([[*joints[k : k + 3], tip] for k, tip in zip(first, tips, strict=True)])
    dorsal = np.stack([anatomy.distal[k + 1, :, 1].numpy() for k in first]).astype(np.float64)
    return Fingers(chains, dorsal, joints)


def posed_hand(placement: Placement) -> SmoothMesh:
    """Returns a fine mesh; its values are the right hand's rest position and rest normal (6 a vertex)."""
    model = HandModel.load("open", side=placement.side)
    anatomy = HandAnatomy.from_rest_joints(model.J_template, side=placement.side)
    angles = torch.zeros(len(DOF_INDEX))
    for name, degrees in placement.angles_deg.items():
        angles[DOF_INDEX[name]] = math.radians(degrees)
    rest = model.J_template[0]
    posed = model(
        HandParameters(
            global_orient=torch.zeros(3),
            hand_pose=anatomy.hand_pose(angles),
            betas=torch.zeros(10),
            transl=-rest,
        )
    )
    rotation = _facing_camera(placement)
    right = HandModel.load("open", side="right")
    canonical = smooth_mesh(right.v_template.numpy(), right.topology.faces.numpy())
    values = np.concatenate([canonical.vertices, canonical.normals], axis=1)
    vertices = posed.vertices.numpy() @ rotation.T + np.array(placement.wrist)
    skin = model.topology.faces.numpy()
    return tessellate(tessellate(smooth_mesh(vertices, skin, values)))


def sleeve(placement: Placement, *, rings: int = 260, segments: int = 160) -> SmoothMesh:
    """Returns a knitted sleeve from just before the wrist towards the elbow; its values are where on it (2 a vertex).

    The first value is the distance from its hem (m), the second the angle around it (rad).
    """
    rotation = _facing_camera(placement)
    mirror = 1.0 if placement.side == "right" else -1.0
    along = rotation @ np.array([mirror, 0.0, 0.0])  # from the fingers to the wrist
    across = rotation @ np.array([0.0, 0.0, 1.0])
    wrist, elbow = np.array(placement.wrist), np.array(placement.wrist) + np.array(placement.elbow)
    t = np.linspace(0.0, 1.0, rings)[:, None]
    bend = wrist + 0.12 * along
    start = wrist - 0.004 * along
    path = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * elbow
    tangent = unit(2 * (1 - t) * (bend - start) + 2 * t * (elbow - bend))
    side = unit(across - (tangent @ across)[:, None] * tangent)
    front = np.cross(tangent, side)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])[:, None]
    angle = np.linspace(0.0, 2.0 * np.pi, segments, endpoint=False)[None]
    swell = _swell(length, angle)
    wide, deep = 0.0345 + 0.055 * np.minimum(length, 0.3), 0.0275 + 0.065 * np.minimum(length, 0.3)
    points = (
        path[:, None]
        + ((wide + swell) * np.cos(angle))[..., None] * side[:, None]
        + ((deep + swell) * np.sin(angle))[..., None] * front[:, None]
    )
    a = (np.arange(rings - 1)[:, None] * segments + np.arange(segments)).ravel()
    b = (np.arange(rings - 1)[:, None] * segments + (np.arange(segments) + 1) % segments).ravel()
    faces = np.concatenate([np.stack([a, b, a + segments], 1), np.stack([b, b + segments, a + segments], 1)])
    values = np.stack(np.broadcast_arrays(length, angle), axis=-1).reshape(-1, 2)
    return smooth_mesh(points.reshape(-1, 3), faces, values)


def _swell(length: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Returns how far (m) the cloth stands out: a rolled hem, a ribbed cuff that gathers, and folds behind it."""
    hem = -0.004 * np.exp(-((length / 0.0025) ** 2))
    cuff = 1.0 / (1.0 + np.exp((length - 0.045) / 0.004))
    ribs = 0.0006 * np.cos(44.0 * angle) * cuff
    puff = 0.007 * np.exp(-(((length - 0.066) / 0.018) ** 2))
    folds = 0.0035 * np.sin(2.0 * angle + 75.0 * length + 1.3 * np.sin(3.0 * angle)) * (1.0 - cuff)
    folds += 0.0018 * np.sin(5.0 * angle - 110.0 * length + 2.0 * np.sin(2.0 * angle)) * (1.0 - cuff)
    return hem + ribs + puff + folds


def _facing_camera(placement: Placement) -> np.ndarray:
    """Returns the rotation from the model's frame (right fingers along -x, palm to -y, thumb to +z) to the camera's."""
    mirror = 1.0 if placement.side == "right" else -1.0
    upright = np.array([[0.0, 0.0, mirror], [mirror, 0.0, 0.0], [0.0, 1.0, 0.0]])
    x, y, z = np.radians(placement.turn_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x @ upright
