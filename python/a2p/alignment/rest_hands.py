"""The two hand models as a keypoint fit sees them: hinges, keypoints and priors instead of meshes."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.alignment.hand_chain import HandChain, HandState
from a2p.alignment.keypoint_terms import Priors
from a2p.errors import HandModelError
from a2p.hand.anatomy import DOFS, HandAnatomy
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.model import HandModel
from a2p.hand.parameters import HandParameters
from a2p.hand.prior import PosePrior
from a2p.hand.rotations import rotvec_from_rotmat

_PRIOR_POSES = 4000
"""Draws that the pose prior's mean and covariance are measured on."""


class RestHands:
    """Left and right hand at rest, in float64, ready to be stacked into any batch of hands."""

    def __init__(self, left_model: HandModel, right_model: HandModel, conventions: tuple[str, str]) -> None:
        for name, model in (("left", left_model), ("right", right_model)):
            if model.side != name:
                raise HandModelError(
                    f"{name}_model must be a model of the {name} hand; got one of the {model.side}. "
                    f'Load it with HandModel.load(..., side="{name}").'
                )
        models = (left_model, right_model)
        chains = [_rest_chain(model, conventions) for model in models]
        self.both = chains[0].followed_by(chains[1])
        """The left hand, then the right."""
        self._wrists = torch.stack([_rest_joints(model)[0] for model in models])
        self._anatomy = HandAnatomy.from_rest_joints(right_model.J_template, side="right")
        generator = torch.Generator().manual_seed(0)
        self._usual_angles = PosePrior(self._anatomy).sample_angles(_PRIOR_POSES, generator=generator).double()
        self._mean_poses = torch.stack([_mean_pose(model) for model in models])

    def none(self) -> HandState:
        """Returns the state of no hands."""
        return HandState(*(self._wrists.new_zeros(0, *shape) for shape in ((3, 3), (3,), (len(DOFS),), (10,))))

    def chain(self, is_right: Bool[Tensor, " n"]) -> HandChain:
        """Returns a batch of hands of these sides."""
        return self.both[is_right.long()]

    def priors(
        self,
        *,
        pose_slack: float,
        pose_weight: float,
        shape_weight: float,
        size_sigma: float,
        robust_2d: float = torch.inf,
        robust_3d: float = torch.inf,
    ) -> Priors:
        """Returns the priors of a fit. `pose_slack` (rad) widens the prior's synergies in every direction."""
        covariance = torch.cov(self._usual_angles.mT)
        widened = covariance + pose_slack**2 * torch.eye(len(covariance), dtype=covariance.dtype)
        return Priors(
            angle_mean=self._usual_angles.mean(0),
            angle_precision=pose_weight * torch.linalg.inv(widened),
            angle_lower=self._anatomy.lower.double(),
            angle_upper=self._anatomy.upper.double(),
            beta_precision=shape_weight,
            size_sigma=size_sigma,
            robust_2d=robust_2d,
            robust_3d=robust_3d,
        )

    def parameters(
        self, state: HandState, joint_rotmats: Float[Tensor, "n 15 3 3"], is_right: Bool[Tensor, " n"]
    ) -> HandParameters:
        """Returns the models' parameters of hands posed so, each in its own side's convention."""
        side = is_right.long()
        shape = torch.cat([torch.ones_like(state.betas[:, :1]), state.betas], dim=1)
        rotvecs = rotvec_from_rotmat(torch.cat([state.orient_rotmat[:, None], joint_rotmats], dim=1))
        return HandParameters(
            global_orient=rotvecs[:, 0],
            hand_pose=rotvecs[:, 1:] - self._mean_poses[side],
            betas=state.betas,
            transl=state.wrist - (self._wrists[side] @ shape[..., None])[..., 0],
        )


def _mean_pose(model: HandModel) -> Float[Tensor, "15 3"]:
    mean = model.hands_mean.double()
    return torch.zeros_like(mean) if model.flat_hand_mean else mean


def _rest_chain(model: HandModel, conventions: tuple[str, str]) -> HandChain:
    """Returns one resting hand with the keypoints of both conventions."""
    regressors = [KeypointRegressor.for_model(model, convention) for convention in conventions]
    anatomy = HandAnatomy.from_rest_joints(model.J_template.double(), side=model.side)
    mirror = anatomy.proximal.new_tensor([1.0 if model.side == "right" else -1.0, 1.0, 1.0])
    axes = anatomy.proximal.mT.flip(1) * mirror * mirror[0]
    turns = mirror[:, None] * (anatomy.proximal @ anatomy.distal.mT) * mirror
    points = torch.cat([regressor.template for regressor in regressors])
    shapedirs = torch.cat([regressor.shapedirs for regressor in regressors])
    return HandChain.build(
        joints=_rest_joints(model)[None],
        points=torch.cat([points[..., None], shapedirs], dim=-1).double()[None],
        point_joint=torch.cat([regressor.joint for regressor in regressors]),
        axes=axes[None],
        rest_turns=turns[None],
        hinges=torch.tensor([3 * dof.joint + dof.axis for dof in DOFS], device=axes.device),
    )


def _rest_joints(model: HandModel) -> Float[Tensor, "16 3 11"]:
    """Returns the joints at zero betas, followed by their change a unit of each beta."""
    return torch.cat([model.J_template[..., None], model.J_shapedirs], dim=-1).double()
