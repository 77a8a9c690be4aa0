"""How a pair of hands gives way: the quadratic cost of moving it, factorised, and the moves that resolve a collision.

The cost is that of `metric.py`, for batches and without joint limits: the image holds the keypoints across the viewing
rays, anatomy holds the joints, and depth is free. A move is a change of 51 numbers a hand: `global_orient`,
`hand_pose`, `transl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.hand.anatomy import ABDUCTION, DOFS, TWIST, HandAnatomy
from a2p.hand.keypoints import FINGERTIP_VERTICES, JOINT_OF_KEYPOINT
from a2p.hand.model import HandPair
from a2p.hand.parameters import HandParameters
from a2p.hand.rotations import left_jacobian, rotmat_from_rotvec
from a2p.hand.skinning import PosedHand
from a2p.penetration import FusedPenetration
from a2p.plausibility.metric import SIZE, EstimatorErrors
from a2p.plausibility.representation import POINT_ORDER

Moves = Float[Tensor, "b 2 51"]
"""Changes of the right and the left hand's numbers."""


@dataclass(frozen=True)
class Collision:
    """How deep pairs of hands lie in each other, and which way is out."""

    loss: Float[Tensor, " b"]
    """Half the summed squared depths, m^2."""
    gradient: Moves
    max_depth: Float[Tensor, " b"]
    """Of the deepest vertex of either hand, m."""

    @classmethod
    def of(cls, step: FusedPenetration, right: HandParameters, left: HandParameters) -> Collision:
        """Returns the collision of pairs (float32, one leading dimension)."""
        there = step(right, left)
        gradient = torch.stack([_numbers(there.gradient_right), _numbers(there.gradient_left)], dim=1)
        return cls(there.loss, gradient, there.depth_right.amax(1).maximum(there.depth_left.amax(1)))

    def __getitem__(self, rows: Tensor) -> Collision:
        """Returns the collisions of some of the pairs."""
        return Collision(self.loss[rows], self.gradient[rows], self.max_depth[rows])


@dataclass(frozen=True)
class SeenPoints:
    """Where the image shows both hands' keypoints."""

    rays: Float[Tensor, "b 2 21 2"]
    """x / z and y / z; without a camera x and y, m."""
    weights: Float[Tensor, "b 2 21"]
    """How much each keypoint counts, 0 to 1."""
    has_camera: bool

    def __getitem__(self, rows: Tensor) -> SeenPoints:
        """Returns what is seen of some of the pairs."""
        return SeenPoints(self.rays[rows], self.weights[rows], self.has_camera)

    @classmethod
    def of(cls, points: Float[Tensor, "b 2 21 3"], weights: Float[Tensor, "b 2 21"], *, has_camera: bool) -> SeenPoints:
        """Returns what an image of these points shows."""
        rays = points[..., :2] / points[..., 2:] if has_camera else points[..., :2]
        return cls(rays, weights, has_camera)

    def across(self, points: Float[Tensor, "b 2 21 3"]) -> Float[Tensor, "b 2 21 2 3"]:
        """Returns the derivative of a point's place across its viewing ray with respect to the point."""
        across = points.new_zeros(*points.shape[:-1], 2, 3)
        across[..., 0, 0] = across[..., 1, 1] = 1
        if self.has_camera:
            across[..., 2] = -self.rays
        return across

    def residual(self, points: Float[Tensor, "b 2 21 3"]) -> Float[Tensor, "b 2 21 2"]:
        """Returns how far the points lie beside their viewing rays, m."""
        return points[..., :2] - (self.rays * points[..., 2:] if self.has_camera else self.rays)


class Compliance:
    """The factorised cost of moving pairs away from where they were when it was made."""

    def __init__(self, factor: Float[Tensor, "b 2 51 51"], pull: Float[Tensor, "b 2 51 42"]) -> None:
        self._factor = factor
        self._pull = pull

    def __getitem__(self, rows: Tensor) -> Compliance:
        """Returns the compliance of some of the pairs."""
        return Compliance(self._factor[rows], self._pull[rows])

    def resolving(self, collision: Collision, *, longest: float, given: Moves | None = None) -> Moves:
        """Returns the moves that part the hands at the least cost if depth changes linearly: Polyak's step.

        For half a square f with minimum 0 it is 2 f / |g|^2 times the gradient g, here in the cost's own geometry. A
        move is at most `longest` standard deviations of the pose long. `given` are moves that are made in any case:
        what they add to the collision is resolved as well, and what they resolve is not resolved twice.
        """
        gradient = collision.gradient.to(self._factor)
        direction = torch.cholesky_solve(gradient[..., None], self._factor)[..., 0]
        squared = (gradient * direction).sum((1, 2)).clamp(min=1e-30)
        wanted = 2 * collision.loss.to(squared)
        if given is not None:
            wanted = (wanted + (gradient * given).sum((1, 2))).clamp(min=0)
        rate = torch.minimum(wanted / squared, longest / squared.sqrt())
        return -(rate[:, None, None] * direction).to(collision.gradient)

    def shortened(self, moves: Moves, longest: float) -> Moves:
        """Returns the moves, those that are longer than so many standard deviations of the pose cut to that length."""
        lengths = (self._factor.mT @ moves.to(self._factor)[..., None]).square().sum((1, 2, 3)).sqrt()
        return moves * (longest / lengths.clamp(min=longest)).to(moves)[:, None, None]

    def returning(self, residual: Float[Tensor, "b 2 21 2"]) -> Moves:
        """Returns the moves that bring the keypoints back to their viewing rays, as far as the cost allows."""
        pulled = self._pull @ residual.to(self._pull).flatten(2)[..., None]
        return -torch.cholesky_solve(pulled, self._factor)[..., 0].to(residual)


class ComplianceModel:
    """Makes compliances for two hand models."""

    def __init__(self, models: HandPair, errors: EstimatorErrors) -> None:
        self.models = models
        self.errors = errors
        self._hands = _HandConstants.of(models, errors)

    def __call__(self, right: HandParameters, left: HandParameters, seen: SeenPoints) -> Compliance:
        """Returns the compliance of pairs (float32, one leading dimension)."""
        posed = [model(hand) for model, hand in zip(self.models, (right, left), strict=True)]
        orient = torch.stack([right.global_orient, left.global_orient], dim=1)
        pose = torch.stack([right.hand_pose, left.hand_pose], dim=1) + self._hands.pose_offset
        turns = torch.cat([orient[:, :, None], pose], dim=2)
        jacobians = left_jacobian(turns)
        points = torch.stack([_points(hand) for hand in posed], dim=1)
        rates = self._hands.point_rates(posed, points, jacobians)
        image_rates = (seen.across(points) @ rates).double().flatten(2, 3)
        weights = (seen.weights.double() / self.errors.image_m**2).repeat_interleave(2, dim=-1)
        pull = (image_rates * weights[..., None]).mT
        precision = pull @ image_rates
        joints = precision[:, :, 3:48, 3:48].view(-1, 2, 15, 3, 15, 3)
        joints.diagonal(dim1=2, dim2=4).add_(self._hands.joint_precision(turns, jacobians).movedim(2, -1))
        precision.diagonal(dim1=-2, dim2=-1)[..., :3] += self.errors.orientation_rad**-2
        precision.diagonal(dim1=-2, dim2=-1)[..., 48:] += self.errors.depth_m**-2
        return Compliance(torch.linalg.cholesky(precision), pull)


@dataclass(frozen=True)
class _HandConstants:
    """What the right and the left hand model contribute."""

    carries: Float[Tensor, "21 16"]
    """Which keypoints each joint carries."""
    flexion: Float[Tensor, "2 15 3"]
    distal: Float[Tensor, "2 15 3 3"]
    precisions: Float[Tensor, "15 3"]
    """Of each joint about its flexion, abduction and twist axis, 1 / rad^2."""
    pose_offset: Float[Tensor, "2 15 3"]
    parents: list[int]

    @classmethod
    def of(cls, models: HandPair, errors: EstimatorErrors) -> _HandConstants:
        parents = models.right.parents.tolist()
        carries = torch.zeros(21, 16)
        for keypoint, start in enumerate(JOINT_OF_KEYPOINT):
            # A joint does not move itself: its own keypoint starts at its parent's bone, fingertips at the last joint.
            joint = start
            while joint >= 0:
                carries[keypoint, joint] = 1
                joint = parents[joint]
        sigmas = torch.full((15, 3), errors.other_rad)
        for dof in DOFS:
            loose = errors.abduction_rad if dof.axis in (ABDUCTION, TWIST) else errors.flexion_rad
            sigmas[dof.joint, dof.axis] = loose
        anatomies = [HandAnatomy.from_rest_joints(model.J_template, side=model.side) for model in models]
        mirrors = [
            model.J_template.new_tensor([1.0, 1.0, 1.0] if model.side == "right" else [1.0, -1.0, -1.0])
            for model in models
        ]
        sides = list(zip(anatomies, mirrors, strict=True))
        return cls(
            carries=carries,
            flexion=torch.stack([anatomy.proximal[..., 2] * mirror for anatomy, mirror in sides]),
            distal=torch.stack([anatomy.distal * mirror[:, None] for anatomy, mirror in sides]),
            precisions=sigmas**-2,
            pose_offset=torch.stack(
                [torch.zeros(15, 3) if model.flat_hand_mean else model.hands_mean for model in models]
            ),
            parents=parents,
        )

    def point_rates(
        self, posed: Sequence[PosedHand], points: Float[Tensor, "b 2 21 3"], jacobians: Float[Tensor, "b 2 16 3 3"]
    ) -> Float[Tensor, "b 2 21 3 51"]:
        """Returns how the keypoints move (m) a unit rate of the hands' numbers."""
        rotmats = torch.stack([hand.joint_rotmats for hand in posed], dim=1)
        joints = torch.stack([hand.joints for hand in posed], dim=1)
        world = torch.eye(3).expand(len(points), 2, 1, 3, 3)
        turning = torch.cat([world, rotmats[:, :, self.parents[1:]]], dim=2) @ jacobians
        arms = points[:, :, :, None] - joints[:, :, None]
        columns = turning.mT[:, :, None].expand(-1, -1, 21, -1, -1, -1)
        moves = torch.linalg.cross(columns, arms[..., None, :].expand_as(columns), dim=-1)
        moves = (moves * self.carries[:, :, None, None]).flatten(3, 4).mT
        shift = torch.eye(3).expand(len(points), 2, 21, 3, 3)
        return torch.cat([moves, shift], dim=-1)

    def joint_precision(
        self, turns: Float[Tensor, "b 2 16 3"], jacobians: Float[Tensor, "b 2 16 3 3"]
    ) -> Float[Tensor, "b 2 15 3 3"]:
        """Returns the precision of the joints' axis-angles: each joint is loose about the axes that it turns about."""
        distal = rotmat_from_rotvec(turns[:, :, 1:]) @ self.distal
        flexion = self.flexion.expand(len(turns), 2, 15, 3)
        axes = torch.stack([flexion, distal[..., 1], distal[..., 0]], dim=-2) @ jacobians[:, :, 1:]
        axes = axes.double()
        return axes.mT @ (axes * self.precisions.double()[..., None])


def moved(
    right: HandParameters, left: HandParameters, moves: Moves, rows: Bool[Tensor, " b"] | None = None
) -> tuple[HandParameters, HandParameters]:
    """Returns the pairs after their moves; only those of `rows`, if given."""
    if rows is not None:
        moves = moves * rows[:, None, None]
    return _moved(right, moves[:, 0]), _moved(left, moves[:, 1])


def _moved(hand: HandParameters, move: Float[Tensor, "b 51"]) -> HandParameters:
    return HandParameters(
        global_orient=hand.global_orient + move[:, :3],
        hand_pose=hand.hand_pose + move[:, 3:48].reshape(-1, 15, 3),
        betas=hand.betas,
        transl=hand.transl + move[:, 48:SIZE],
    )


def _numbers(hand: HandParameters) -> Float[Tensor, "b 51"]:
    return torch.cat([hand.global_orient, hand.hand_pose.flatten(1), hand.transl], dim=1)


def _points(posed: PosedHand) -> Float[Tensor, "b 21 3"]:
    return torch.cat([posed.joints, posed.vertices[:, list(FINGERTIP_VERTICES)]], dim=1)[:, POINT_ORDER]
