"""Where the camera stands, and what of its photo is cut out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from a2p.data.duet.view import moved
from a2p.data.duet_images.draws import Draws
from a2p.data.duet_images.poses import HandBatch
from a2p.data.duet_images.settings import CameraSettings
from a2p.hand import HandPair
from a2p.hand.rotations import rotmat_from_rotvec

HAND_CROP, UNION_CROP, WIDE_CROP = range(3)


@dataclass(frozen=True)
class Crops:
    """Squares cut out of photos, by the pinhole cameras that they have."""

    intrinsics: Float64[np.ndarray, "b 4"]
    """fx, fy, cx, cy (px of the cut)."""
    kind: Int64[np.ndarray, " b"]
    """`HAND_CROP`, `UNION_CROP` or `WIDE_CROP`."""
    target: Int64[np.ndarray, " b"]
    """The hand that is meant: 0 right, 1 left; a present one also where the cut shows both."""
    mirror: Bool[np.ndarray, " b"]
    """The picture is flipped after rendering."""


def before_camera(hands: HandBatch, models: HandPair, draws: Draws, settings: CameraSettings) -> HandBatch:
    """Returns the hands in the camera frame: x right, y down, z forward; m."""
    with torch.no_grad():
        right, left = models.right(hands.right), models.left(hands.left)
    share = torch.from_numpy(hands.present / hands.present.sum(axis=1, keepdims=True)).float()
    both = torch.stack([right.vertices.mean(1), left.vertices.mean(1)], dim=1)
    middle = (share[..., None] * both).sum(1)
    fingers = torch.stack([right.joints[:, 4] - right.joints[:, 0], left.joints[:, 4] - left.joints[:, 0]], dim=1)
    towards = torch.nn.functional.normalize((share[..., None] * fingers).sum(1) + 1e-5, dim=1).double()
    rotation = _rotations(towards, draws, settings)
    depth = draws.log_uniform("camera/distance", *settings.distance_m)
    off = np.clip(draws.normals("camera/off_centre", 2, settings.off_centre), -0.5, 0.5)
    place = torch.from_numpy(np.concatenate([off, np.ones((draws.count, 1))], axis=1) * depth[:, None]).float()
    translation = place - (rotation.float() @ middle[..., None])[..., 0]
    rest = [model.rest_joints(hand.betas)[:, 0] for model, hand in zip(models, (hands.right, hands.left), strict=True)]
    return replace(
        hands,
        right=moved(hands.right, rotation.float(), translation, rest[0]),
        left=moved(hands.left, rotation.float(), translation, rest[1]),
    )


def cut_out(
    keypoints: Float64[np.ndarray, "b 2 21 3"],
    present: Bool[np.ndarray, "b 2"],
    draws: Draws,
    settings: CameraSettings,
    size_px: int,
) -> Crops:
    """Returns the cut of each photo, around the keypoints of what it shows."""
    kind = draws.choice(
        "crop/kind", (settings.hand_crop, settings.union_crop, 1.0 - settings.hand_crop - settings.union_crop)
    )
    target = np.where(present.all(axis=1), draws.choice("crop/target", (1, 1)), present.argmax(axis=1))
    shown = present & ((np.arange(2) == target[:, None]) | (kind != HAND_CROP)[:, None])
    rays = keypoints[..., :2] / np.maximum(keypoints[..., 2:], 0.05)
    low = np.where(shown[..., None, None], rays, np.inf).min(axis=(1, 2))
    high = np.where(shown[..., None, None], rays, -np.inf).max(axis=(1, 2))
    depth = (keypoints[..., 2].mean(axis=2) * shown).sum(axis=1) / shown.sum(axis=1)
    box = np.maximum((high - low).max(axis=1), 0.06 / depth)
    margin = np.where(
        kind == WIDE_CROP,
        draws.log_uniform("crop/wide_margin", *settings.wide_margin),
        draws.uniform("crop/margin", *settings.margin),
    )
    side = box * margin
    aside = draws.normals("crop/jitter", 2, settings.jitter) * box[:, None]
    angle = draws.uniform("crop/cut_off/angle", 0.0, 2.0 * math.pi)
    reach = 0.5 * side - 0.5 * box + box * draws.uniform("crop/cut_off/depth", 0.1, 0.4)
    cut_off = np.stack([np.cos(angle), np.sin(angle)], axis=1) * reach[:, None]
    aside = np.where(draws.chance("crop/cut_off", settings.cut_off)[:, None], cut_off, aside)
    centre = 0.5 * (low + high) + aside
    focal = size_px / side
    intrinsics = np.stack(
        [focal, focal, 0.5 * size_px - focal * centre[:, 0], 0.5 * size_px - focal * centre[:, 1]], axis=1
    )
    mirror = draws.chance("crop/mirror", settings.mirror)
    if settings.mirror_left:
        mirror = np.where(kind == HAND_CROP, target == 1, mirror)
    return Crops(intrinsics, kind, target, mirror)


def _rotations(fingers: Float64[Tensor, "b 3"], draws: Draws, settings: CameraSettings) -> Float64[Tensor, "b 3 3"]:
    """Returns rotations into the camera frame, most of which bring the fingers up in the photo."""
    roll = np.radians(settings.roll_deg) * draws.normal("camera/roll")
    level = draws.chance("camera/level", 0.3)
    roll = np.where(level, roll + np.where(draws.chance("camera/side", 0.5), 1.0, -1.0) * np.pi / 2, roll)
    tilt = np.radians(settings.tilt_deg) * draws.normal("camera/tilt")
    anywhere = draws.direction("camera/anywhere")
    aimed = np.stack([np.sin(roll) * np.cos(tilt), -np.cos(roll) * np.cos(tilt), np.sin(tilt)], axis=1)
    upright = draws.chance("camera/upright", settings.upright)
    aim = torch.from_numpy(np.where(upright[:, None], aimed, anywhere))
    spin = torch.from_numpy(draws.uniform("camera/spin", 0.0, 2.0 * np.pi))
    return rotmat_from_rotvec(aim * spin[:, None]) @ _least_rotation(fingers, aim)


def _least_rotation(source: Float64[Tensor, "b 3"], target: Float64[Tensor, "b 3"]) -> Float64[Tensor, "b 3 3"]:
    axis = torch.linalg.cross(source, target)
    sine = torch.linalg.vector_norm(axis, dim=1, keepdim=True).clamp(min=1e-9)
    angle = torch.atan2(sine, (source * target).sum(1, keepdim=True))
    return rotmat_from_rotvec(axis / sine * angle)
