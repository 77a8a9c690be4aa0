"""The hand's pose in anatomical joint angles: what each joint can do, in which sense, and how far.

A joint's rotation is taken apart in the joint coordinate system of Grood and Suntay (1983), which the International
Society of Biomechanics recommends for the hand (Wu et al., J. Biomech. 2005): flexion about an axis fixed in the
proximal bone, then abduction, then twist about the distal bone. Angles mean the same on both hands.

- The fingers' joints and the thumb's MCP and IP: flexion + towards the palm, abduction + towards the thumb's side,
  twist + by the right-hand rule about the bone, tip to base (of the right hand).
- The thumb's CMC: flexion is radial abduction, + away from the index metacarpal in the palm's plane; abduction is
  palmar abduction, + out of that plane; twist is pronation, + when the pad turns to face the palm.

Fingers' angles are 0 in the rest pose; the thumb's CMC angles say where its metacarpal points, so rest is not 0 there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.arrays import Joints
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat

FLEXION, ABDUCTION, TWIST = 0, 1, 2
FINGERS = ("index", "middle", "pinky", "ring")
"""Fingers in the order of the kinematic joints; the thumb follows them."""


class Dof(NamedTuple):
    """One way in which one joint moves, and its active range in healthy adults."""

    name: str
    joint: int
    """Row of `hand_pose`: 0 to 14."""
    axis: int
    lower_deg: float
    upper_deg: float


def _finger_dofs(first_joint: int, finger: str) -> tuple[Dof, ...]:
    return (
        Dof(f"{finger}_mcp_flexion", first_joint, FLEXION, -45, 90),
        Dof(f"{finger}_mcp_abduction", first_joint, ABDUCTION, -25 if finger == "pinky" else -20, 20),
        Dof(f"{finger}_pip_flexion", first_joint + 1, FLEXION, 0, 105),
        Dof(f"{finger}_dip_flexion", first_joint + 2, FLEXION, 0, 80),
    )


DOFS: tuple[Dof, ...] = (
    *(dof for k, finger in enumerate(FINGERS) for dof in _finger_dofs(3 * k, finger)),
    Dof("thumb_cmc_radial", 12, FLEXION, -15, 60),
    Dof("thumb_cmc_palmar", 12, ABDUCTION, 0, 50),
    Dof("thumb_cmc_twist", 12, TWIST, -20, 40),
    Dof("thumb_mcp_flexion", 13, FLEXION, -10, 55),
    Dof("thumb_mcp_abduction", 13, ABDUCTION, -10, 10),
    Dof("thumb_ip_flexion", 14, FLEXION, -15, 80),
)
"""Every free angle, with the norms of e-hand.com and the American Academy of Orthopaedic Surgeons."""

DOF_INDEX: dict[str, int] = {dof.name: k for k, dof in enumerate(DOFS)}
"""Where each angle stands in a vector of angles."""

_PLACE = [3 * dof.joint + dof.axis for dof in DOFS]
"""Where each angle stands among the 45 of all joints."""
_SOURCE = [_PLACE.index(k) if k in _PLACE else len(DOFS) for k in range(45)]
"""Which angle each of the 45 is; one past the last for those that stay zero."""

THUMB_AIM_DROP = 0.3
"""How far below the ring and pinky knuckles the thumb's pad aims at rest, in palm lengths.

With it the thumb's flexion axis lies within 1 degree of the width of the open hand's thumb nail.
"""

Angles = Float[Tensor, "*batch 22"]
"""Anatomical angles in the order of `DOFS`, rad."""
JointAngles = Float[Tensor, "*batch 15 3"]
"""Flexion, abduction and twist of every joint, rad."""
HandPose = Float[Tensor, "*batch 15 3"]
"""Axis-angle of every joint, rad, as in `HandParameters`; zero is the flat hand."""
Rotations = Float[Tensor, "*batch 15 3 3"]


class PosedJoints(NamedTuple):
    """Every joint's rotation and the axes that turn it further."""

    rotmats: Rotations
    """Relative to the parent joint, as `hand_pose` is."""
    axes: Float[Tensor, "*batch 22 3"]
    """d(rotmat)/d(angle) = skew(axis) @ rotmat, for the joint that the angle moves; unit, in the parent's frame."""


@dataclass(frozen=True)
class HandAnatomy:
    """The anatomical axes of one hand model's joints, with limits for the angles about them.

    Everything is differentiable in the angles and in `hand_pose`, except at 90 degrees of abduction (limits: 50).
    """

    proximal: Float[Tensor, "15 3 3"]
    """Columns: the axes before the joint, in the parent's rest frame, of the right hand."""
    distal: Float[Tensor, "15 3 3"]
    """Columns: the axes behind the joint; equal to `proximal` where the rest pose is the zero of the angles."""
    side: Literal["right", "left"]

    @classmethod
    def from_rest_joints(cls, rest_joints: Float[Tensor, "16 3"], *, side: Literal["right", "left"]) -> HandAnatomy:
        """Returns the axes that a model's rest joints (m, model's own frame, flat hand) imply.

        A left hand's joints are mirrored first: it gets the axes of the right hand that it mirrors.
        """
        joints = rest_joints * rest_joints.new_tensor([1.0 if side == "right" else -1.0, 1.0, 1.0])
        proximal = torch.stack([_proximal_axes(joints, joint) for joint in range(15)])
        distal = proximal.clone()
        distal[12] = _cmc_distal_axes(joints, proximal[12])
        return cls(proximal=proximal, distal=distal, side=side)

    @property
    def lower(self) -> Float[Tensor, " 22"]:
        """The least value of every angle, rad."""
        return self.proximal.new_tensor([math.radians(dof.lower_deg) for dof in DOFS])

    @property
    def upper(self) -> Float[Tensor, " 22"]:
        """The greatest value of every angle, rad."""
        return self.proximal.new_tensor([math.radians(dof.upper_deg) for dof in DOFS])

    @property
    def rest(self) -> Float[Tensor, " 22"]:
        """The angles of the rest pose: `hand_pose` zero."""
        return self.angles(self.proximal.new_zeros(15, 3))

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> HandAnatomy:
        """Returns the anatomy in another dtype or on another device."""
        proximal, distal = (axes.to(dtype=dtype, device=device) for axes in (self.proximal, self.distal))
        return HandAnatomy(proximal=proximal, distal=distal, side=self.side)

    def hand_pose(self, angles: Angles) -> HandPose:
        """Returns the axis-angle pose; joints turn only about the axes of `DOFS`."""
        return self._mirror(rotvec_from_rotmat(self._right_hand(angles).rotmats))

    def angles(self, hand_pose: HandPose) -> Angles:
        """Returns the angles of `DOFS`, not clamped; what a joint turns about other axes is left out."""
        return self.joint_angles(hand_pose).flatten(-2)[..., _PLACE]

    def joint_angles(self, hand_pose: HandPose) -> JointAngles:
        """Returns all 45 angles, also those about which a healthy joint does not turn; a full description."""
        rotmats = rotmat_from_rotvec(self._mirror(hand_pose))
        turn = self.proximal.mT @ rotmats @ self.distal
        flexion = torch.atan2(turn[..., 1, 0], turn[..., 0, 0])
        abduction = torch.atan2(-turn[..., 2, 0], torch.hypot(turn[..., 0, 0], turn[..., 1, 0]))
        twist = torch.atan2(turn[..., 2, 1], turn[..., 2, 2])
        return torch.stack([flexion, abduction, twist], dim=-1)

    def clamp(self, angles: Angles) -> Angles:
        """Returns the angles moved into their limits."""
        return torch.minimum(torch.maximum(angles, self.lower), self.upper)

    def project(self, hand_pose: HandPose) -> HandPose:
        """Returns the pose whose angles are those of `hand_pose`, within the limits, and about no other axis."""
        return self.hand_pose(self.clamp(self.angles(hand_pose)))

    def posed_joints(self, angles: Angles) -> PosedJoints:
        """Returns rotations and turning axes: what a geometric Jacobian is made of."""
        right = self._right_hand(angles)
        if self.side == "right":
            return right
        mirror = angles.new_tensor([-1.0, 1.0, 1.0])
        return PosedJoints(right.rotmats * mirror * mirror[:, None], right.axes * -mirror)

    def _right_hand(self, angles: Angles) -> PosedJoints:
        padded = torch.cat([angles, torch.zeros_like(angles[..., :1])], dim=-1)
        flexion, abduction, twist = padded[..., _SOURCE].reshape(*angles.shape[:-1], 15, 3).unbind(-1)
        turned_once = self.proximal @ _turn(flexion, about=2)
        turned_twice = turned_once @ _turn(abduction, about=1)
        rotmats = turned_twice @ _turn(twist, about=0) @ self.distal.mT
        flexion_axes = self.proximal[..., 2].expand(*angles.shape[:-1], 15, 3)
        axes = torch.stack([flexion_axes, turned_once[..., 1], turned_twice[..., 0]], dim=-2)
        return PosedJoints(rotmats, axes.flatten(-3, -2)[..., _PLACE, :])

    def _mirror(self, hand_pose: HandPose) -> HandPose:
        return hand_pose if self.side == "right" else hand_pose * hand_pose.new_tensor([1.0, -1.0, -1.0])


def _unit(vector: Float[Tensor, " 3"]) -> Float[Tensor, " 3"]:
    return torch.nn.functional.normalize(vector, dim=0)


def _palm_axes(joints: Joints) -> Float[Tensor, "3 3"]:
    """Rows: towards the wrist, out of the back of the hand, towards the thumb."""
    proximal = _unit(joints[0] - joints[4])
    dorsal = _unit(torch.linalg.cross(joints[1] - joints[7], proximal))
    return torch.stack([proximal, dorsal, torch.linalg.cross(proximal, dorsal)])


def _proximal_axes(joints: Joints, joint: int) -> Float[Tensor, "3 3"]:
    """Columns: twist, abduction and flexion axis of row `joint` of `hand_pose`."""
    palm = _palm_axes(joints)
    if joint == 12:
        towards_index = joints[1] - joints[0]
        metacarpal = _unit(towards_index - palm[1] * (towards_index @ palm[1]))
        return torch.stack([metacarpal, torch.linalg.cross(palm[1], metacarpal), palm[1]], dim=-1)
    bone_start = 1 + min(joint, 3 * (joint // 3) + 1)
    bone = _unit(joints[bone_start] - joints[bone_start + 1])
    lateral = _thumb_flexion_axis(joints, palm) if joint > 12 else palm[2]
    flexion = _unit(lateral - bone * (lateral @ bone))
    return torch.stack([bone, torch.linalg.cross(flexion, bone), flexion], dim=-1)


def _thumb_flexion_axis(joints: Joints, palm: Float[Tensor, "3 3"]) -> Float[Tensor, " 3"]:
    aim = (joints[7] + joints[10]) / 2 - THUMB_AIM_DROP * (joints[4] - joints[0]).norm() * palm[1]
    axis: Tensor = torch.linalg.cross(joints[15] - joints[13], aim - joints[14])
    return axis


def _cmc_distal_axes(joints: Joints, proximal: Float[Tensor, "3 3"]) -> Float[Tensor, "3 3"]:
    """The proximal axes turned so that the first points along the resting metacarpal, without twist."""
    bone = proximal.mT @ _unit(joints[14] - joints[13])
    radial = torch.atan2(bone[1], bone[0])
    palmar = torch.atan2(-bone[2], torch.hypot(bone[0], bone[1]))
    return proximal @ _turn(radial, about=2) @ _turn(palmar, about=1)


def _turn(angle: Float[Tensor, "*batch"], *, about: int) -> Float[Tensor, "*batch 3 3"]:
    """The rotation by `angle` about one coordinate axis."""
    cos, sin, one, zero = torch.cos(angle), torch.sin(angle), torch.ones_like(angle), torch.zeros_like(angle)
    rows = {
        0: (one, zero, zero, zero, cos, -sin, zero, sin, cos),
        1: (cos, zero, sin, zero, one, zero, -sin, zero, cos),
        2: (cos, -sin, zero, sin, cos, zero, zero, zero, one),
    }[about]
    return torch.stack(rows, dim=-1).reshape(*angle.shape, 3, 3)
