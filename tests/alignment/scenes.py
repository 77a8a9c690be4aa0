"""Hands whose keypoints are known exactly, seen by a known camera."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.keypoint_observations import KeypointObservations
from a2p.camera import Camera
from a2p.hand import HandModel, HandParameters, PosedHand
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.prior import PosePrior
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_quat_wxyz

CAMERA = Camera(fx=900.0, fy=905.0, cx=640.0, cy=480.0)


class Scene(NamedTuple):
    """What is seen, and the hands that it shows."""

    observations: KeypointObservations
    parameters: HandParameters
    posed: PosedHand


def random_hands(model: HandModel, count: int, *, seed: int, mean_pose: Tensor | None = None) -> HandParameters:
    """Returns usual poses and shapes, turned any way, 0.4 to 1 m before the camera."""
    generator = torch.Generator().manual_seed(seed)
    anatomy = HandAnatomy.from_rest_joints(model.J_template, side=model.side)
    quat = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    quat = torch.nn.functional.normalize(torch.cat([quat[:, :1].abs(), quat[:, 1:]], dim=1), dim=1)
    pose = PosePrior(anatomy).sample(count, generator=generator).double()
    place = torch.rand(count, 3, generator=generator, dtype=torch.float64) - torch.tensor([0.5, 0.5, 0.0])
    return HandParameters(
        global_orient=rotvec_from_quat_wxyz(quat),
        hand_pose=pose if mean_pose is None else pose - mean_pose,
        betas=0.5 * torch.randn(count, 10, generator=generator, dtype=torch.float64),
        transl=place * torch.tensor([0.3, 0.3, 0.6]) + torch.tensor([0.0, 0.0, 0.4]),
    )


def scene_of(
    model: HandModel, parameters: HandParameters, *, noise_px: float = 0.0, with_3d: bool = True, seed: int = 0
) -> Scene:
    """Returns the keypoints that `CAMERA` sees of hands, with Gaussian noise."""
    posed = model(parameters)
    points, metric = (
        KeypointRegressor.for_model(model, convention)(posed, parameters.betas)
        for convention in ("mediapipe", "mediapipe_world")
    )
    pixels = CAMERA.project(points)
    noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    observations = KeypointObservations(
        is_right=torch.full((len(pixels),), model.side == "right"),
        keypoints_2d=pixels + noise_px * noise,
        confidence=torch.ones(len(pixels), 21, dtype=torch.float64),
        keypoints_3d=_along_the_view(metric, pixels) if with_3d else None,
    )
    return Scene(observations, parameters, posed)


def _along_the_view(points: Float[Tensor, "n 21 3"], pixels: Float[Tensor, "n 21 2"]) -> Float[Tensor, "n 21 3"]:
    """Returns points along the axes of a camera that was turned by the least angle to look at each hand."""
    x = ((pixels[..., 0] - CAMERA.cx) / CAMERA.fx).mean(1)
    y = ((pixels[..., 1] - CAMERA.cy) / CAMERA.fy).mean(1)
    angle = torch.atan(torch.hypot(x, y))
    axis = torch.nn.functional.normalize(torch.stack([-y, x, torch.zeros_like(x)], dim=1), dim=1)
    return (points - points.mean(1, keepdim=True)) @ rotmat_from_rotvec(axis * angle[:, None])
