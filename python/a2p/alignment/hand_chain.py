"""The posed keypoints of a batch of hands and their exact derivatives, as articulated chains of hinges.

Every unknown angle turns everything beyond its joint about one axis, so its derivative is the cross product of the
axis with the lever (Craig, Introduction to Robotics, sec. 5.4): no autograd is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.hand.rotations import cross_matrix, rotmat_from_rotvec

ROTATION = slice(0, 3)
"""Columns of the Jacobian: a small rotation (rad, camera axes) applied after the hand's orientation."""
ROOT = slice(3, 6)
"""Columns: the wrist's x/z, y/z and log z."""
FIRST_ANGLE = 6
"""The first angle's column; the betas follow the last angle."""
_PER_HAND = ("bones", "arms", "axes", "axes_cross", "rest_turns")
_PARENT = tuple(0 if joint % 3 == 0 else joint for joint in range(15))
"""The joint that each finger joint hangs on."""


@dataclass(frozen=True)
class HandState:
    """The unknowns of a batch of hands."""

    orient_rotmat: Float[Tensor, "n 3 3"]
    root: Float[Tensor, "n 3"]
    """The wrist's x/z, y/z and log z (z in m)."""
    angles: Float[Tensor, "n a"]
    betas: Float[Tensor, "n 10"]

    def moved(self, delta: Float[Tensor, "n p"]) -> HandState:
        """Returns the state after a step in the Jacobian's columns."""
        end = FIRST_ANGLE + self.angles.shape[1]
        return HandState(
            orient_rotmat=rotmat_from_rotvec(delta[:, ROTATION]) @ self.orient_rotmat,
            root=self.root + delta[:, ROOT],
            angles=self.angles + delta[:, FIRST_ANGLE:end],
            betas=self.betas + delta[:, end:],
        )

    def where(self, mask: Bool[Tensor, " m"], other: HandState) -> HandState:
        """Returns this state's hands where the mask is set, the other's elsewhere; a flag may stand for several."""
        mask = mask.repeat_interleave(len(self.angles) // max(len(mask), 1))
        return HandState(
            orient_rotmat=torch.where(mask[:, None, None], self.orient_rotmat, other.orient_rotmat),
            root=torch.where(mask[:, None], self.root, other.root),
            angles=torch.where(mask[:, None], self.angles, other.angles),
            betas=torch.where(mask[:, None], self.betas, other.betas),
        )

    def __getitem__(self, index: Int[Tensor, " m"] | slice) -> HandState:
        """Returns the hands at `index`."""
        return HandState(self.orient_rotmat[index], self.root[index], self.angles[index], self.betas[index])

    def replaced(self, index: Int[Tensor, " m"], other: HandState) -> HandState:
        """Returns the state with the hands at `index` taken from the other, in its order."""
        return HandState(
            self.orient_rotmat.index_copy(0, index, other.orient_rotmat),
            self.root.index_copy(0, index, other.root),
            self.angles.index_copy(0, index, other.angles),
            self.betas.index_copy(0, index, other.betas),
        )

    @staticmethod
    def joined(states: list[HandState]) -> HandState:
        """Returns the hands of all states, one state after the other."""
        return HandState(
            torch.cat([state.orient_rotmat for state in states]),
            torch.cat([state.root for state in states]),
            torch.cat([state.angles for state in states]),
            torch.cat([state.betas for state in states]),
        )

    @property
    def wrist(self) -> Float[Tensor, "n 3"]:
        """Returns the wrist in the camera frame, m."""
        depth = torch.exp(self.root[:, 2:])
        return torch.cat([self.root[:, :2] * depth, depth], dim=1)


@dataclass(frozen=True)
class PosedChain:
    """Keypoints (m, camera frame) with their derivatives by the columns rotation, root, angles, betas."""

    points: Float[Tensor, "n k 3"]
    jacobian: Float[Tensor, "n k 3 p"]
    joint_rotmats: Float[Tensor, "n 15 3 3"]
    """The finger joints' rotations relative to their parents."""


@dataclass(frozen=True)
class HandChain:
    """The geometry of a batch of hands at rest: bones, keypoints and the hinges' axes, each hand its own.

    The last axis of `bones` and `arms` is the vector at zero betas, then its change a unit of each beta.
    """

    bones: Float[Tensor, "n 15 3 11"]
    """From each finger joint's parent to the joint, m."""
    arms: Float[Tensor, "n k 3 11"]
    """From the joint that a keypoint rides on to the keypoint, m."""
    arm_joint: Int[Tensor, " k"]
    """That joint."""
    axes: Float[Tensor, "n 15 3 3"]
    """Three hinge axes (rows) a finger joint, in its parent's rest frame, the outermost first."""
    axes_cross: Float[Tensor, "n 15 3 2 3 3"]
    """Every axis's cross product matrix and that one's square."""
    rest_turns: Float[Tensor, "n 15 3 3"]
    """The finger joints' rotations where all angles are zero."""
    hinges: Int[Tensor, " a"]
    """Which of the 45 axes the angles drive: 3 * finger joint + row."""
    reach: Float[Tensor, "k q"]
    """1 where a column (rotation, root, angles) moves a keypoint, else 0."""

    @classmethod
    def build(
        cls,
        *,
        joints: Float[Tensor, "n 16 3 11"],
        points: Float[Tensor, "n k 3 11"],
        point_joint: Int[Tensor, " k"],
        axes: Float[Tensor, "n 15 3 3"],
        rest_turns: Float[Tensor, "n 15 3 3"],
        hinges: Int[Tensor, " a"],
    ) -> HandChain:
        """Returns the chain of resting joints and of points that ride on them; the last axis as in `bones`."""
        cross = cross_matrix(axes)
        return cls(
            bones=joints[:, 1:] - joints[:, _PARENT],
            arms=points - joints[:, point_joint],
            arm_joint=point_joint,
            axes=axes,
            axes_cross=torch.stack([cross, cross @ cross], dim=-3),
            rest_turns=rest_turns,
            hinges=hinges,
            reach=_reach(point_joint, hinges).to(axes.dtype),
        )

    def __getitem__(self, index: Int[Tensor, " m"]) -> HandChain:
        """Returns the hands at `index`."""
        return replace(self, **{name: getattr(self, name)[index] for name in _PER_HAND})

    def followed_by(self, other: HandChain) -> HandChain:
        """Returns this batch's hands, then the other's."""
        return replace(self, **{name: torch.cat([getattr(self, name), getattr(other, name)]) for name in _PER_HAND})

    def pose(self, state: HandState) -> PosedChain:
        """Returns the keypoints of a state and their derivatives."""
        local, hinge_axes = self._local_rotations(state.angles)
        shape = torch.cat([torch.ones_like(state.betas[:, :1]), state.betas], dim=1)[:, None, :, None]
        rotmats, places = self._places(state, local, shape)
        arms = torch.cat([self.arms @ shape, self.arms[..., 1:]], dim=-1)
        carried = places.index_select(1, self.arm_joint) + rotmats.index_select(1, self.arm_joint) @ arms
        points = carried[..., 0]
        turned = self._by_rotations(points, rotmats, places[..., 0], hinge_axes)
        jacobian = torch.cat([turned, carried[..., 1:]], dim=-1)
        jacobian[..., ROOT] = _by_root(places[:, 0, :, 0])[:, None]
        return PosedChain(points, jacobian, local)

    def _local_rotations(
        self, angles: Float[Tensor, "n a"]
    ) -> tuple[Float[Tensor, "n 15 3 3"], Float[Tensor, "n 15 3 3"]]:
        """Returns the finger joints' rotations, and their hinges' axes (rows) turned by the hinges further out."""
        full = angles.new_zeros(len(angles), 45).index_copy(1, self.hinges, angles).reshape(-1, 15, 3, 1, 1)
        cross, squared = self.axes_cross.unbind(-3)
        turns = full.sin() * cross + (1.0 - full.cos()) * squared
        turns.diagonal(dim1=-2, dim2=-1).add_(1.0)
        first = turns[:, :, 0]
        second = first @ turns[:, :, 1]
        columns = self.axes[..., None]
        axes = torch.stack([columns[:, :, 0], first @ columns[:, :, 1], second @ columns[:, :, 2]], dim=2)
        return second @ (turns[:, :, 2] @ self.rest_turns), axes[..., 0]

    def _places(
        self, state: HandState, local: Float[Tensor, "n 15 3 3"], shape: Float[Tensor, "n 1 11 1"]
    ) -> tuple[Float[Tensor, "n 16 3 3"], Float[Tensor, "n 16 3 11"]]:
        """Returns the joints' global rotations, and their positions followed by the derivatives by betas.

        Joints 1, 4, ... 13 hang on the wrist, 2, 5, ... 14 on those and so on: a level of five at a time.
        """
        hung = torch.cat([local, self.bones @ shape, self.bones[..., 1:]], dim=-1)
        count = len(local)
        rotmats = local.new_empty(count, 16, 3, 3)
        places = local.new_zeros(count, 16, 3, 11)
        rotmats[:, 0], places[:, 0, :, 0] = state.orient_rotmat, state.wrist
        parent = slice(0, 1)
        for level in (1, 2, 3):
            turned = rotmats[:, parent] @ hung[:, level - 1 :: 3]
            rotmats[:, level::3] = turned[..., :3]
            places[:, level::3] = places[:, parent] + turned[..., 3:]
            parent = slice(level, None, 3)
        return rotmats, places

    def _by_rotations(
        self,
        points: Float[Tensor, "n k 3"],
        rotmats: Float[Tensor, "n 16 3 3"],
        positions: Float[Tensor, "n 16 3"],
        hinge_axes: Float[Tensor, "n 15 3 3"],
    ) -> Float[Tensor, "n k 3 q"]:
        """Returns the derivatives by the global rotation, three columns left for the root, and every angle."""
        count = len(points)
        axes = (hinge_axes @ rotmats[:, _PARENT].mT).reshape(count, 45, 3).index_select(1, self.hinges)
        pivots = positions.index_select(1, 1 + self.hinges // 3)
        camera_axes = torch.eye(FIRST_ANGLE, 3, dtype=points.dtype, device=points.device).expand(count, -1, -1)
        axes = torch.cat([camera_axes, axes], dim=1)
        pivots = torch.cat([positions[:, :1].expand(-1, FIRST_ANGLE, -1), pivots], dim=1)
        levers = points[:, :, None] - pivots[:, None]
        by_column: Tensor = torch.linalg.cross(axes[:, None], levers) * self.reach[..., None]
        return by_column.mT


def _reach(point_joint: Int[Tensor, " k"], hinges: Int[Tensor, " a"]) -> Bool[Tensor, "k q"]:
    """Returns which columns (rotation, root, angles) move which keypoint."""
    joint, hinge_joint = point_joint[:, None], 1 + hinges // 3
    same_finger = (joint > 0) & ((joint - 1) // 3 == (hinge_joint - 1) // 3)
    moved = same_finger & (joint >= hinge_joint)
    return torch.cat([moved.new_ones(len(joint), FIRST_ANGLE), moved], dim=1)


def _by_root(wrist: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3 3"]:
    """Returns the derivative of the wrist by its x/z, y/z and log z."""
    jacobian = torch.zeros(len(wrist), 3, 3, dtype=wrist.dtype, device=wrist.device)
    jacobian[:, 0, 0] = jacobian[:, 1, 1] = wrist[:, 2]
    jacobian[:, :, 2] = wrist
    return jacobian
