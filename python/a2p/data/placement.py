"""Brings MANO parameters from a data set's frame and conventions into the camera's, for one hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import ConfigError
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.hand.hand_data import Side
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat


@dataclass(frozen=True)
class RigidTransform:
    """Maps points of a data set's frame to the camera's: `rotation @ point + translation`, m."""

    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, " 3"]

    @classmethod
    def identity(cls) -> RigidTransform:
        """Returns the transform that changes nothing."""
        return cls(np.eye(3), np.zeros(3))

    def __call__(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Returns the points in the camera frame."""
        moved: Float[np.ndarray, "*batch 3"] = points @ self.rotation.T + self.translation
        return moved


@dataclass(frozen=True)
class ManoFit:
    """MANO parameters as data sets store them."""

    pose: Float[np.ndarray, " 48"]
    """Axis-angle of the wrist and the 15 joints, rad."""
    shape: Float[np.ndarray, " 10"]
    trans: Float[np.ndarray, " 3"]
    """m."""


def checked_models(models: HandPair | None) -> HandPair | None:
    """Returns the models if samples can be posed with them."""
    if models is not None and not all(model.flat_hand_mean for model in models):
        raise ConfigError(
            "models must be loaded with flat_hand_mean=True; got False. Loaders add the mean pose where their data set "
            "leaves it out, so that all samples agree."
        )
    return models


def placed(fit: ManoFit, model: HandModel, to_camera: RigidTransform, *, flat_hand_mean: bool) -> HandParameters:
    """Returns a fit as parameters in the camera frame; zero `hand_pose` is the flat hand.

    The model turns about its rest wrist w, not about the origin: a rigid motion (R, t) of the posed hand turns
    `global_orient` by R and makes `transl` R (w + transl) + t - w. `flat_hand_mean` is the data set's convention.
    """
    orient = rotmat_from_rotvec(_tensor(fit.pose[:3]))
    rotation, translation = _tensor(to_camera.rotation), _tensor(to_camera.translation)
    betas = _tensor(fit.shape)
    wrist = model.rest_joints(betas.float())[0].double()
    hand_pose = _tensor(fit.pose[3:]).reshape(15, 3)
    return HandParameters(
        global_orient=rotvec_from_rotmat(rotation @ orient).float(),
        hand_pose=(hand_pose if flat_hand_mean else hand_pose + model.hands_mean.double()).float(),
        betas=betas.float(),
        transl=(rotation @ (wrist + _tensor(fit.trans)) + translation - wrist).float(),
    )


def posed_vertices(model: HandModel, parameters: HandParameters) -> Float[Tensor, "v 3"]:
    """Returns the mesh of a hand."""
    with torch.no_grad():
        vertices: Tensor = model(parameters).vertices
    return vertices


def model_of(models: HandPair, side: Side) -> HandModel:
    """Returns one hand's model."""
    return models.right if side == "right" else models.left


def _tensor(array: Float[np.ndarray, "*shape"]) -> Float[Tensor, "*shape"]:
    return torch.from_numpy(np.array(array, dtype=np.float64))
