"""Keypoints are not joints: where the 21 points that people and networks mark lie on a posed hand.

A point rides rigidly on one joint. Its rest position is written in the frame of the bone that leads to it, so that
the same few numbers (`keypoint_offsets`) serve every hand model and both hands.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from a2p.arrays import Joints, Keypoints3D
from a2p.errors import ConfigError, HandModelError
from a2p.hand.keypoint_offsets import OFFSETS
from a2p.hand.model import HandModel
from a2p.hand.skinning import PosedHand

CONVENTIONS = tuple(OFFSETS)
"""Whose points: `skinning` is the model's own joints and fingertips, `mediapipe` the image landmarks of MediaPipe's
hand model, `mediapipe_world` its metric landmarks, `interhand` InterHand2.6M's human annotators."""

JOINT_OF_KEYPOINT = (0, 0, 13, 14, 15, 0, 1, 2, 3, 0, 4, 5, 6, 0, 10, 11, 12, 0, 7, 8, 9)
"""The joint that each keypoint rides on, which is also where the bone that leads to it starts."""
_BONE_END = (4, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
"""Where that bone ends: a joint, or 16 to 20 for the tips of thumb, index, middle, ring and pinky."""
FINGERTIP_VERTICES = (744, 320, 443, 554, 671)
"""The tips of thumb, index, middle, ring and pinky; the open hand and MANO number them alike."""

PARENT_OF_KEYPOINT = (-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19)
"""The keypoint one step nearer the wrist, -1 for the wrist: the skeleton that overlays draw."""


@dataclass(frozen=True)
class KeypointRegressor:
    """Puts 21 keypoints of one convention on a posed hand. Order: wrist, then thumb to pinky, base to tip."""

    convention: str
    joint: Int[Tensor, " 21"]
    """The joint each keypoint rides on."""
    template: Float[Tensor, "21 3"]
    """Rest positions at zero betas, m, in the model's frame."""
    shapedirs: Float[Tensor, "21 3 10"]
    """Their change a unit of each beta, m."""
    joint_template: Float[Tensor, "21 3"]
    """Rest positions of the joints they ride on."""
    joint_shapedirs: Float[Tensor, "21 3 10"]

    @classmethod
    def for_model(cls, model: HandModel, convention: str = "mediapipe") -> KeypointRegressor:
        """Returns the regressor of one of `CONVENTIONS` for one hand model and side."""
        if convention not in OFFSETS:
            raise ConfigError(f"convention must be one of {', '.join(CONVENTIONS)}; got {convention!r}.")
        if model.v_template.shape[0] <= max(FINGERTIP_VERTICES):
            raise HandModelError(
                f"a hand model needs more than {max(FINGERTIP_VERTICES)} vertices, for the fingertips are vertices "
                f"{FINGERTIP_VERTICES}; got {model.v_template.shape[0]}. Load a complete hand model."
            )
        tips = torch.tensor(FINGERTIP_VERTICES, device=model.v_template.device)
        points = torch.cat([model.J_template, model.v_template[tips]])
        directions = torch.cat([model.J_shapedirs, model.shapedirs[tips]])
        joint = torch.tensor(JOINT_OF_KEYPOINT, device=tips.device)
        end = torch.tensor(_BONE_END, device=tips.device)
        along, dorsal, radial = torch.tensor(OFFSETS[convention], dtype=points.dtype, device=tips.device).unbind(-1)
        frame = bone_frames(points[end] - points[joint], model.J_template, model.side)
        constant = 1e-3 * (dorsal[:, None] * frame[:, 1] + radial[:, None] * frame[:, 2])
        return cls(
            convention=convention,
            joint=joint,
            template=points[joint].lerp(points[end], along[:, None]) + constant,
            shapedirs=directions[joint].lerp(directions[end], along[:, None, None]),
            joint_template=points[joint],
            joint_shapedirs=directions[joint],
        )

    def rest(self, betas: Float[Tensor, "*batch 10"]) -> Keypoints3D:
        """Returns the keypoints of the unposed hand, m, in the model's frame."""
        return self.template + torch.einsum("kcb,...b->...kc", self.shapedirs, betas)

    def __call__(self, posed: PosedHand, betas: Float[Tensor, "*batch 10"]) -> Keypoints3D:
        """Returns the keypoints of a posed hand, m, in the camera frame. `betas` are those that it was posed with."""
        return self.place(posed.joints, posed.joint_rotmats, betas)

    def place(
        self, joints: Joints, rotmats: Float[Tensor, "*batch 16 3 3"], betas: Float[Tensor, "*batch 10"]
    ) -> Keypoints3D:
        """Returns the keypoints on posed joints (m) with global rotations."""
        rest_joints = self.joint_template + torch.einsum("kcb,...b->...kc", self.joint_shapedirs, betas)
        arms = self.rest(betas) - rest_joints
        turned = torch.einsum("...kcd,...kd->...kc", rotmats[..., self.joint, :, :], arms)
        return joints[..., self.joint, :] + turned


def bone_frames(bones: Float[Tensor, "k 3"], joints: Float[Tensor, "j 3"], side: str) -> Float[Tensor, "k 3 3"]:
    """Returns a unit frame for each rest bone, as rows: along it, towards the hand's back, towards the thumb's side."""
    mirror = 1.0 if side == "right" else -1.0
    normalize = torch.nn.functional.normalize
    wrist_to_middle, pinky_to_index = joints[4] - joints[0], joints[1] - joints[7]
    hand_back = mirror * normalize(torch.linalg.cross(wrist_to_middle, pinky_to_index), dim=-1)
    along = normalize(bones, dim=-1)
    dorsal = normalize(hand_back - (along @ hand_back)[:, None] * along, dim=-1)
    return torch.stack([along, dorsal, mirror * torch.linalg.cross(dorsal, along)], dim=1)
