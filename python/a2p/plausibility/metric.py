"""What it costs to move a pair of hands away from where the estimator put them.

The cost is half the squared Mahalanobis length of the change of pose, under the errors that an estimator makes: the
hand's keypoints are well known in the image, angles less well, and depth along the viewing ray least. Penetration is
therefore resolved where it does not show in the image, by relative depth, before anything that does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.camera import Camera
from a2p.hand import HandModel, HandParameters
from a2p.hand.anatomy import ABDUCTION, DOFS, TWIST, HandAnatomy
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.rotations import left_jacobian

SIZE = 51
"""Numbers that place one hand: 3 of `global_orient`, 45 of `hand_pose`, 3 of `transl`."""


@dataclass(frozen=True, kw_only=True)
class EstimatorErrors:
    """Standard deviations of the parameters that stage 2 is given."""

    image_m: float = 2e-3
    """Of a keypoint across the viewing ray, at the hand's distance."""
    depth_m: float = 20e-3
    """Of a hand along the viewing ray."""
    orientation_rad: float = 0.15
    """Of the hand's orientation, as far as its keypoints do not tell."""
    flexion_rad: float = 0.25
    """Of a joint's flexion."""
    abduction_rad: float = 0.10
    """Of abduction and of the thumb's twist."""
    other_rad: float = 0.03
    """Of what healthy joints do not do."""


@dataclass(frozen=True)
class HandMetric:
    """One hand's quadratic cost of a change x of its 51 numbers, and its joint angles to first order in x."""

    precision: Float[Tensor, "51 51"]
    """The cost is x^T precision x / 2."""
    angles: Float[Tensor, " 22"]
    """Anatomical angles before the change, rad."""
    angle_rates: Float[Tensor, "22 51"]
    lower: Float[Tensor, " 22"]
    """The least each angle may be: its limit, or where it is if that is less already."""
    upper: Float[Tensor, " 22"]


@dataclass(frozen=True)
class Anatomy:
    """What the metric needs of one hand model, in float64."""

    model: HandModel
    joints: HandAnatomy
    keypoints: KeypointRegressor

    @classmethod
    def of(cls, model: HandModel) -> Anatomy:
        """Returns the anatomy of a model's mean hand."""
        joints = HandAnatomy.from_rest_joints(model.J_template.double(), side=model.side)
        return cls(model, joints, KeypointRegressor.for_model(model, "mediapipe"))


def hand_metric(
    anatomy: Anatomy,
    parameters: HandParameters,
    *,
    camera: Camera | None,
    confidence: Float[Tensor, " 21"] | None,
    errors: EstimatorErrors,
) -> HandMetric:
    """Returns the metric about the parameters (float32, one hand); without a camera the rays run along z."""
    with torch.no_grad():
        posed = anatomy.model(parameters)
        points = anatomy.keypoints(posed, parameters.betas).double()
    turning = _turning_axes(anatomy.model, parameters, posed.joint_rotmats.double())
    image_rates = _image_rates(anatomy, points, posed.joints.double(), turning, camera)
    weights = torch.ones(21, dtype=torch.float64) if confidence is None else confidence.double()
    rates = (image_rates * weights.sqrt()[:, None, None]).flatten(0, 1) / errors.image_m
    precision = rates.T @ rates
    angles = anatomy.joints.angles(parameters.hand_pose.double())
    rotation_precision, angle_rates = _angle_terms(anatomy, parameters, angles, errors)
    precision[3:48, 3:48] += rotation_precision
    precision[:3, :3] += torch.eye(3, dtype=torch.float64) / errors.orientation_rad**2
    precision[48:, 48:] += torch.eye(3, dtype=torch.float64) / errors.depth_m**2
    lower = torch.minimum(anatomy.joints.lower, angles)
    upper = torch.maximum(anatomy.joints.upper, angles)
    return HandMetric(precision, angles, angle_rates, lower, upper)


def _turning_axes(
    model: HandModel, parameters: HandParameters, rotmats: Float[Tensor, "16 3 3"]
) -> Float[Tensor, "16 3 3"]:
    """Returns, for each joint, the angular velocity in the camera frame a unit rate of its axis-angle (columns)."""
    rotvecs = torch.cat([parameters.global_orient[None], parameters.hand_pose]).double()
    if not model.flat_hand_mean:
        rotvecs[1:] += model.hands_mean.double()
    parents = rotmats[model.parents.clamp(min=0)].clone()
    parents[0] = torch.eye(3, dtype=torch.float64)
    return parents @ left_jacobian(rotvecs)


def _image_rates(
    anatomy: Anatomy,
    points: Float[Tensor, "21 3"],
    joints: Float[Tensor, "16 3"],
    turning: Float[Tensor, "16 3 3"],
    camera: Camera | None,
) -> Float[Tensor, "21 2 51"]:
    """Returns the rates of the keypoints across the viewing rays (m) a unit rate of the hand's numbers."""
    parents = anatomy.model.parents.tolist()
    carries = torch.zeros(21, 16, dtype=torch.float64)
    for keypoint, start in enumerate(anatomy.keypoints.joint.tolist()):
        joint = start
        while joint >= 0:
            carries[keypoint, joint] = 1
            joint = parents[joint]
    arms = points[:, None] - joints
    rates = -torch.linalg.cross(arms[..., None], turning.expand(21, 16, 3, 3), dim=-2) * carries[..., None, None]
    moves = torch.zeros(21, 3, SIZE, dtype=torch.float64)
    moves[..., :48] = rates.permute(0, 2, 1, 3).flatten(2)
    moves[..., 48:] = torch.eye(3, dtype=torch.float64)
    across = torch.zeros(21, 2, 3, dtype=torch.float64)
    across[:, 0, 0] = across[:, 1, 1] = 1
    if camera is not None:
        across[..., 2] = -points[:, :2] / points[:, 2:]
    return across @ moves


def _angle_terms(
    anatomy: Anatomy, parameters: HandParameters, angles: Float[Tensor, " 22"], errors: EstimatorErrors
) -> tuple[Float[Tensor, "45 45"], Float[Tensor, "22 51"]]:
    """Returns the precision of the joints' axis-angles, and the rates of the anatomical angles."""
    axes = anatomy.joints.posed_joints(angles).axes
    jacobians = left_jacobian(parameters.hand_pose.double())
    precision = torch.zeros(45, 45, dtype=torch.float64)
    rates = torch.zeros(22, SIZE, dtype=torch.float64)
    loose = torch.zeros(15, 3, 3, dtype=torch.float64)
    for k, dof in enumerate(DOFS):
        sigma = errors.abduction_rad if dof.axis in (ABDUCTION, TWIST) else errors.flexion_rad
        loose[dof.joint] += (sigma**2 - errors.other_rad**2) * torch.outer(axes[k], axes[k])
        rates[k, 3 + 3 * dof.joint : 6 + 3 * dof.joint] = axes[k] @ jacobians[dof.joint]
    for joint in range(15):
        covariance = loose[joint] + errors.other_rad**2 * torch.eye(3, dtype=torch.float64)
        block = slice(3 * joint, 3 * joint + 3)
        precision[block, block] = jacobians[joint].T @ torch.linalg.solve(covariance, jacobians[joint])
    return precision, rates
