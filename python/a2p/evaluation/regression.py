"""Joints as linear functions of a mesh's vertices: how truth without joints is scored, and which wrist MPVPE aligns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.arrays import Keypoints3D
from a2p.errors import ConfigError
from a2p.hand.hand_file import read_hand_data
from a2p.hand.keypoints import FINGERTIP_VERTICES

_JOINTS_THEN_TIPS = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
"""MANO's joints, then the tips of thumb to pinky, in MediaPipe's order."""


@dataclass(frozen=True)
class JointRegressor:
    """Weights of each vertex for each of 21 keypoints, wrist first, then thumb to pinky, base to tip."""

    weights: Float[Tensor, "21 v"]
    is_given: bool = False
    """Whether the user chose it; then it makes the keypoints of truth and predictions alike."""

    @classmethod
    def of_model(cls, hand_model: str) -> JointRegressor:
        """Returns the hand model's own: its `J_regressor` and the fingertip vertices."""
        joints = read_hand_data(hand_model, side="right").J_regressor
        tips = np.eye(joints.shape[1], dtype=joints.dtype)[list(FINGERTIP_VERTICES)]
        return cls(torch.from_numpy(np.concatenate([joints, tips])[list(_JOINTS_THEN_TIPS)]).double())

    @classmethod
    def load(cls, path: Path) -> JointRegressor:
        """Returns the regressor in a .npy file of shape (21, v)."""
        try:
            weights = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ConfigError(f"a joint regressor must be a .npy file of plain numbers; {path}: {error}.") from error
        if weights.ndim != 2 or len(weights) != 21:
            raise ConfigError(
                f"a joint regressor must have shape (21, v); {path} has {weights.shape}. Order its rows from the wrist "
                "over thumb to pinky, base to tip."
            )
        return cls(torch.from_numpy(weights.astype(np.float64)), is_given=True)

    def fits(self, vertices: Tensor | None) -> bool:
        """Whether the mesh has as many vertices as there are weights."""
        return vertices is not None and len(vertices) == self.weights.shape[1]

    def __call__(self, vertices: Float[Tensor, "v 3"]) -> Keypoints3D:
        """Returns the keypoints of a mesh, float64."""
        keypoints: Tensor = self.weights @ vertices.double()
        return keypoints
