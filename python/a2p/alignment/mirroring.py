"""From what the network says in its mirrored frames to the hands of the picture, and back."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.batch import AlignmentOutput
from a2p.hand import HandModel, HandPair, HandParameters, mirror_parameters
from a2p.hand.rotations import rotmat_from_rot6d, rotvec_from_rotmat


def mirrored_rotmats(rotmats: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Returns the rotations as they look in a mirror at x = 0. Twice is the identity."""
    signs = rotmats.new_tensor([-1.0, 1.0, 1.0])
    return rotmats * signs[:, None] * signs


def mirrored_points(points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Returns points as they look in a mirror at x = 0."""
    return points * points.new_tensor([-1.0, 1.0, 1.0])


def hands_of(output: AlignmentOutput, models: HandPair) -> tuple[HandParameters, HandParameters]:
    """Returns the parameters of right and left hands in the camera frame, `hand_pose` from the flat hand."""
    right, left = (_parameters(output, models.right, side) for side in range(2))
    return right, mirror_parameters(left)


def _parameters(output: AlignmentOutput, model: HandModel, side: int) -> HandParameters:
    """Returns a hand as a right one, as the network sees it."""
    rotvecs = rotvec_from_rotmat(rotmat_from_rot6d(output.rot6d[:, side]))
    betas = output.betas[:, side]
    return HandParameters(
        global_orient=rotvecs[:, 0],
        hand_pose=rotvecs[:, 1:],
        betas=betas,
        transl=output.wrist[:, side] - model.rest_joints(betas)[:, 0],
    )


def crop_intrinsics_mirrored(intrinsics: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Returns the intrinsics of a mirrored crop, in units of its side: in it x of the camera frame is negated, too."""
    fx, fy, cx, cy = intrinsics.unbind(-1)
    return torch.stack([fx, fy, 1.0 - cx, cy], dim=-1)
