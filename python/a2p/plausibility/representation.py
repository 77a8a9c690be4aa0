"""From hands in a camera's frame to the numbers that the diffusion model sees, and back.

The frame's z axis is the viewing ray to the pair's centre, so that what an estimator knows worst, depth, is one of its
coordinates. The left hand is written as the right hand that mirrors it at x = 0: then a finger means the same on both
hands, and a mirrored pair is the pair with its hands swapped.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.hand.keypoints import FINGERTIP_VERTICES
from a2p.hand.model import HandModel, HandPair
from a2p.hand.parameters import HandParameters
from a2p.hand.rotations import rot6d_from_rotmat, rotmat_from_rot6d, rotmat_from_rotvec, rotvec_from_rotmat
from a2p.plausibility.pair_numbers import PairNumbers, PairParts

_MIRROR_6D = (1.0, -1.0, -1.0, -1.0, 1.0, 1.0)
_MIRROR_VECTOR = (-1.0, 1.0, 1.0)
_MIRROR_TURN = (1.0, -1.0, -1.0)

POINT_ORDER = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
"""Rows of the 16 joints and the 5 fingertips behind them, in the order of keypoints."""
END_OF_JOINT = (9, 6, 7, 8, 10, 11, 12, 18, 19, 20, 14, 15, 16, 2, 3, 4)
"""The keypoint where each joint's bone ends; of the wrist: the middle finger's base."""


@dataclass(frozen=True)
class PairFrame:
    """Where pairs of hands are, and the axes that they are written in."""

    rotmat_pair_camera: Float[Tensor, "b 3 3"]
    centre: Float[Tensor, "b 3"]
    """The mean of all joints, m, camera frame."""


class PairCodec:
    """Writes pairs of hands of two hand models as numbers, and reads them back; float32 or float64."""

    def __init__(self, models: HandPair) -> None:
        self.models = models
        rights, lefts = models.right, models.left
        self._wrists = torch.stack([rights.J_template[0], lefts.J_template[0]])
        self._wrist_shapedirs = torch.stack([rights.J_shapedirs[0], lefts.J_shapedirs[0]])
        self._pose_offsets = torch.stack([_pose_offset(model) for model in models])

    def encode(self, right: HandParameters, left: HandParameters, frame: PairFrame) -> PairNumbers:
        """Returns the pairs' numbers in `frame`."""
        turns = torch.stack([_turns(hand) for hand in (right, left)], dim=1)
        rotmats = rotmat_from_rotvec(turns + self._pose_offsets.to(turns))
        rotmats = torch.cat([frame.rotmat_pair_camera[:, None, None] @ rotmats[:, :, :1], rotmats[:, :, 1:]], dim=2)
        rot6d = rot6d_from_rotmat(rotmats)
        rot6d = torch.stack([rot6d[:, 0], rot6d[:, 1] * rot6d.new_tensor(_MIRROR_6D)], dim=1)
        betas = torch.stack([right.betas, left.betas], dim=1)
        wrists = self.rest_wrists(betas) + torch.stack([right.transl, left.transl], dim=1)
        relative = (frame.rotmat_pair_camera @ (wrists[:, 1] - wrists[:, 0])[..., None])[..., 0]
        return PairParts(rot6d, betas, relative).numbers

    def decode(self, numbers: PairNumbers, frame: PairFrame) -> tuple[HandParameters, HandParameters]:
        """Returns the right and the left hand, their joints' mean in the frame's centre."""
        parts = PairParts.of(numbers)
        signs = parts.rot6d.new_ones(2, 1, 6)
        signs[1] = signs.new_tensor(_MIRROR_6D)
        rotmats = rotmat_from_rot6d(parts.rot6d * signs)
        global_rotmats = frame.rotmat_pair_camera.mT[:, None, None] @ rotmats[:, :, :1]
        turns = rotvec_from_rotmat(torch.cat([global_rotmats, rotmats[:, :, 1:]], dim=2))
        turns = turns - self._pose_offsets.to(turns)
        relative = (frame.rotmat_pair_camera.mT @ parts.relative[..., None])[..., 0]
        rest = self.rest_wrists(parts.betas)
        transl = torch.stack([-relative / 2, relative / 2], dim=1) - rest
        right, left = (
            HandParameters(turns[:, k, 0], turns[:, k, 1:].contiguous(), parts.betas[:, k], transl[:, k])
            for k in range(2)
        )
        joints = torch.cat([self.models.right(right).joints, self.models.left(left).joints], dim=1)
        shift = frame.centre - joints.mean(1)
        return tuple(  # type: ignore[return-value]
            HandParameters(hand.global_orient, hand.hand_pose, hand.betas, hand.transl + shift)
            for hand in (right, left)
        )

    def rest_wrists(self, betas: Float[Tensor, "b 2 10"]) -> Float[Tensor, "b 2 3"]:
        """Returns the wrists of the unposed hands, m."""
        shapedirs = self._wrist_shapedirs.to(betas)
        return self._wrists.to(betas) + (shapedirs @ betas[..., None])[..., 0]

    def points(self, right: HandParameters, left: HandParameters) -> Float[Tensor, "b 2 21 3"]:
        """Returns both hands' joints and fingertips in the order of keypoints, m, in the parameters' frame."""
        tips = list(FINGERTIP_VERTICES)
        hands = []
        for model, hand in zip(self.models, (right, left), strict=True):
            posed = model(hand)
            hands.append(torch.cat([posed.joints, posed.vertices[:, tips]], dim=1)[:, POINT_ORDER])
        return torch.stack(hands, dim=1)


def frame_of(points: Float[Tensor, "b 2 21 3"], *, has_camera: bool) -> PairFrame:
    """Returns the frames of pairs; without a camera the viewing rays run along z."""
    joints = [k for k in range(21) if POINT_ORDER[k] < 16]
    centre = points[:, :, joints].mean((1, 2))
    if has_camera:
        return PairFrame(_look_along(torch.nn.functional.normalize(centre, dim=-1)), centre)
    return PairFrame(torch.eye(3).to(centre).expand(len(centre), 3, 3), centre)


def mirrored_vectors(vectors: Float[Tensor, "b 2 *n 3"]) -> Float[Tensor, "b 2 *n 3"]:
    """Returns positions or moves with the left hand's mirrored at x = 0."""
    return torch.stack([vectors[:, 0], vectors[:, 1] * vectors.new_tensor(_MIRROR_VECTOR)], dim=1)


def mirrored_turns(turns: Float[Tensor, "b 2 *n 3"]) -> Float[Tensor, "b 2 *n 3"]:
    """Returns angular moves with the left hand's mirrored at x = 0."""
    return torch.stack([turns[:, 0], turns[:, 1] * turns.new_tensor(_MIRROR_TURN)], dim=1)


def _look_along(ray: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3 3"]:
    """Returns the least rotations that turn the unit rays onto z; rays that look back are turned about x."""
    x, y, z = ray.unbind(-1)
    scale = 1 / (1 + z).clamp(min=1e-6)
    rows = [1 - x * x * scale, -x * y * scale, -x, -x * y * scale, 1 - y * y * scale, -y, x, y, z]
    ahead = torch.stack(rows, dim=-1).reshape(-1, 3, 3)
    back = torch.diag(ray.new_tensor([1.0, -1.0, -1.0]))
    return torch.where((z > -0.99)[:, None, None], ahead, back)


def _turns(hand: HandParameters) -> Float[Tensor, "b 16 3"]:
    return torch.cat([hand.global_orient[:, None], hand.hand_pose], dim=1)


def _pose_offset(model: HandModel) -> Float[Tensor, "16 3"]:
    """What is added to the axis-angles before they turn the joints."""
    offset = model.v_template.new_zeros(16, 3)
    if not model.flat_hand_mean:
        offset[1:] = model.hands_mean
    return offset
