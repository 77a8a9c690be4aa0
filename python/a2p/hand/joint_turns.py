"""From a hand's anatomical angles to its joints' axis-angles, and gradients the other way, in closed form.

`HandAnatomy.hand_pose` is the definition and differentiates itself; this is for loops that need nothing else of
autograd.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.hand.anatomy import DOFS, HandAnatomy
from a2p.hand.rotations import quat_wxyz_from_rotmat

_PLACE = [3 * dof.joint + dof.axis for dof in DOFS]


class JointTurns:
    """The same map as `HandAnatomy.hand_pose` for angles within their limits, and its transposed derivative."""

    def __init__(self, anatomy: HandAnatomy) -> None:
        mirror = torch.tensor([1.0, 1.0, 1.0] if anatomy.side == "right" else [1.0, -1.0, -1.0])
        proximal = anatomy.proximal * mirror[:, None]
        ending = _times(quat_wxyz_from_rotmat(anatomy.distal.mT @ anatomy.proximal))
        self._ending = torch.cat([ending[:, :1], proximal @ ending[:, 1:]], dim=1)
        """(15, 4, 4): from a quaternion in a joint's proximal axes to one in its parent's frame."""
        self._proximal = proximal

    def hand_pose(self, angles: Float[Tensor, "n 22"]) -> Float[Tensor, "n 15 3"]:
        """Returns the axis-angle of every joint."""
        flexion, abduction, twist = (_every_joint(angles) / 2).unbind(-1)
        cos_f, sin_f, cos_a, sin_a = flexion.cos(), flexion.sin(), abduction.cos(), abduction.sin()
        cos_t, sin_t = twist.cos(), twist.sin()
        w, x, y, z = cos_f * cos_a, -sin_f * sin_a, cos_f * sin_a, sin_f * cos_a
        quat = torch.stack(
            [w * cos_t - x * sin_t, w * sin_t + x * cos_t, y * cos_t + z * sin_t, z * cos_t - y * sin_t], dim=-1
        )
        turned = (self._ending @ quat[..., None])[..., 0]
        real, imaginary = turned[..., :1], turned[..., 1:]
        sine = imaginary.square().sum(-1, keepdim=True).sqrt()
        ratio = torch.where(sine > 1e-6, torch.atan2(sine, real) / sine.clamp(min=1e-6), 1.0)
        return 2 * ratio * imaginary

    def gradient(
        self, angles: Float[Tensor, "n 22"], hand_pose: Float[Tensor, "n 15 3"], d_hand_pose: Float[Tensor, "n 15 3"]
    ) -> Float[Tensor, "n 22"]:
        """Returns the gradient for the angles, given that for the pose which they make."""
        local = (self._proximal.mT @ turn_gradient(hand_pose, d_hand_pose)[..., None])[..., 0]
        flexion, abduction, _ = _every_joint(angles).unbind(-1)
        along, across = flexion.cos(), flexion.sin()
        x, y, z = local.unbind(-1)
        level = along * x + across * y
        about = torch.stack([z, along * y - across * x, abduction.cos() * level - abduction.sin() * z], dim=-1)
        return about.flatten(1)[:, _PLACE]


def turn_gradient(rotvec: Float[Tensor, "*n 3"], d_rotvec: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """Returns the gradient for a further small turn of the rotations, given that for their axis-angles below 2 pi.

    The transposed inverse of `left_jacobian` (Solà et al., 2018, equation 146).
    """
    squared = rotvec.square().sum(-1, keepdim=True)
    half = squared.sqrt() / 2
    safe = half.clamp(min=0.05)
    bent = torch.where(half > 0.05, (1 - safe / safe.tan()) / squared.clamp(min=1e-2), 1 / 12 + squared / 720)
    once = torch.linalg.cross(rotvec, d_rotvec)
    gradient: Tensor = d_rotvec + once / 2 + bent * torch.linalg.cross(rotvec, once)
    return gradient


def _every_joint(angles: Float[Tensor, "n 22"]) -> Float[Tensor, "n 15 3"]:
    every = angles.new_zeros(len(angles), 45)
    every[:, _PLACE] = angles
    return every.reshape(-1, 15, 3)


def _times(quat: Float[Tensor, "n 4"]) -> Float[Tensor, "n 4 4"]:
    """Returns the matrices that multiply a quaternion by the given ones from the right."""
    w, x, y, z = quat.unbind(-1)
    rows = [w, -x, -y, -z, x, w, z, -y, y, -z, w, x, z, y, -x, w]
    return torch.stack(rows, dim=-1).reshape(-1, 4, 4)
