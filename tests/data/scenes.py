"""A true pair of hands before a camera, and its picture: what the fabricated data sets are written from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from a2p.camera import Camera
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.hand.hand_data import Side
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat
from a2p.render import RenderMesh, colour_of, draw_overlay

SIZE = (320, 240)
CAMERA = Camera(400.0, 410.0, 161.0, 118.5)
ROTATION: npt.NDArray[np.float64] = rotmat_from_rotvec(torch.tensor([0.4, -1.1, 0.7], dtype=torch.float64)).numpy()
"""World to camera."""
TRANSLATION = np.array([0.31, -0.22, 0.87])


@cache
def models() -> HandPair:
    return HandModel.load_pair("open")


@dataclass(frozen=True)
class TrueHand:
    """One hand in the camera frame, m."""

    side: Side
    parameters: HandParameters
    vertices: npt.NDArray[np.float64]
    joints: npt.NDArray[np.float64]
    """16, MANO's order."""
    keypoints: npt.NDArray[np.float64]
    """21, MediaPipe's order, convention `skinning`."""

    @property
    def pixels(self) -> npt.NDArray[np.float64]:
        return CAMERA.project(torch.from_numpy(self.keypoints)).numpy()

    @property
    def world_keypoints(self) -> npt.NDArray[np.float64]:
        return (self.keypoints - TRANSLATION) @ ROTATION

    def mano(self, *, world: bool, flat_hand_mean: bool) -> dict[str, list[float]]:
        """The hand as data sets write MANO fits."""
        model = models().right if self.side == "right" else models().left
        orient = rotmat_from_rotvec(self.parameters.global_orient.double()).numpy()
        trans = self.parameters.transl.double().numpy()
        wrist = model.rest_joints(self.parameters.betas)[0].double().numpy()
        if world:  # vertices = skinned + trans, so the wrist, about which the hand turns, moves rigidly
            orient = ROTATION.T @ orient
            trans = ROTATION.T @ (wrist + trans - TRANSLATION) - wrist
        pose = self.parameters.hand_pose.double() - (0.0 if flat_hand_mean else model.hands_mean.double())
        first = rotvec_from_rotmat(torch.from_numpy(orient)).numpy()
        return {
            "pose": [*first.tolist(), *pose.ravel().tolist()],
            "shape": self.parameters.betas.double().tolist(),
            "trans": trans.tolist(),
        }


@cache
def true_hand(side: Side) -> TrueHand:
    generator = torch.Generator().manual_seed(3 if side == "right" else 4)
    model = models().right if side == "right" else models().left
    sign = 1.0 if side == "right" else -1.0
    parameters = HandParameters(
        global_orient=torch.tensor([1.3, sign * 0.4, sign * 1.2]),
        hand_pose=0.25 * torch.randn(15, 3, generator=generator),
        betas=0.7 * torch.randn(10, generator=generator),
        transl=torch.tensor([-sign * 0.07, 0.03, 0.55]),
    )
    posed = model(parameters)
    keypoints = KeypointRegressor.for_model(model, "skinning")(posed, parameters.betas)
    return TrueHand(
        side, parameters, posed.vertices.double().numpy(), posed.joints.double().numpy(), keypoints.double().numpy()
    )


@cache
def picture(*sides: Side, camera: Camera = CAMERA, size: tuple[int, int] = SIZE) -> Image.Image:
    """The hands as the camera sees them."""
    ground = np.full((size[1], size[0], 3), 90, dtype=np.uint8)
    meshes = [
        RenderMesh(true_hand(side).vertices, getattr(models(), side).topology.faces.numpy(), colour_of(side))
        for side in sides
    ]
    return draw_overlay(ground, meshes, camera, opacity=1.0)
