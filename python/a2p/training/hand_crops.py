"""From rendered pictures of two hands to the crops and labels that the alignment network trains on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.batch import (
    BACKGROUND,
    COVER,
    MEANT_HAND,
    OTHER_HAND,
    AlignmentBatch,
    AlignmentInput,
    AlignmentLabels,
)
from a2p.alignment.crop_windows import CROP_MARGIN, CropWindows, longer_side, sampled_crops
from a2p.alignment.mirroring import mirrored_points
from a2p.data.duet_images import DuetImageBatch
from a2p.data.duet_images.renderer import LEFT_HAND, RIGHT_HAND
from a2p.errors import ConfigError
from a2p.hand import HandPair, HandParameters, mirror_parameters


@dataclass(frozen=True, kw_only=True)
class CropSettings:
    """How a hand's crop lies about its box, and how wrong the boxes are that say so."""

    margin: float = CROP_MARGIN
    """Side of the crop over the larger side of the hand's box."""
    margin_spread: float = 0.12
    """Standard deviation of that, as a share."""
    shift_spread: float = 0.05
    """Standard deviation of the crop's place, in sides of the box."""
    box_spread: float = 0.04
    """Standard deviation of each edge of the box that the network is told, in sides of the box."""
    least_inside: float = 0.5
    """Share of a hand's keypoints that the picture must show for the hand to count."""

    def __post_init__(self) -> None:
        if self.margin < 1 or min(self.margin_spread, self.shift_spread, self.box_spread) < 0:
            raise ConfigError(f"margin must be at least 1 and spreads at least 0; got {self}.")


def _windows_about(box: Float[Tensor, "b 2 4"], settings: CropSettings, generator: torch.Generator) -> CropWindows:
    """Returns squares about boxes, with the settings' errors."""
    across = longer_side(box)
    noise = torch.randn((len(box), 2, 3), generator=generator)
    side = across * settings.margin * (1.0 + settings.margin_spread * noise[..., :1].clamp(-2.0, 2.0))
    centre = 0.5 * (box[..., :2] + box[..., 2:]) + settings.shift_spread * across * noise[..., 1:]
    return CropWindows(centre - 0.5 * side, side)


def hand_crops(
    pictures: DuetImageBatch,
    models: HandPair,
    generator: torch.Generator,
    *,
    size: int,
    settings: CropSettings | None = None,
    device: torch.device | str = "cpu",
) -> AlignmentBatch:
    """Returns the crops of both hands of each picture with their labels, on a device. `models` are on the CPU."""
    settings = settings or CropSettings()
    height, width = pictures.rgb.shape[1:3]
    points, exists = torch.from_numpy(pictures.keypoints_2d), torch.from_numpy(pictures.present)
    whole = torch.tensor([0.0, 0.0, width, height])
    own = torch.where(exists[..., None], torch.cat([points.amin(2), points.amax(2)], dim=-1), whole)
    windows = _windows_about(own, settings, generator)
    inside = ((points >= 0) & (points <= whole[2:])).all(-1).float().mean(-1)
    error = (
        torch.randn(own.shape, generator=generator)
        * settings.box_spread
        * (own[..., 2:] - own[..., :2]).repeat(1, 1, 2)
    )
    grid = windows.grid(size, height, width).to(device)
    rgb = torch.from_numpy(pictures.rgb).to(device).movedim(-1, 1).float() / 255.0
    given = AlignmentInput(
        crops=sampled_crops(rgb, grid, "bilinear").clamp(0.0, 1.0),
        target=windows.target(own + error, exists, size).to(device),
        present=(exists & (inside >= settings.least_inside)).to(device),
        intrinsics=windows.intrinsics(torch.from_numpy(pictures.intrinsics)).to(device),
    )
    labels = _labels(pictures, models, windows, sampled_crops(_planes(pictures).to(device), grid, "nearest"))
    return AlignmentBatch(given, labels).to(device)


def _labels(pictures: DuetImageBatch, models: HandPair, windows: CropWindows, planes: Tensor) -> AlignmentLabels:
    points = torch.from_numpy(pictures.keypoints_3d)
    about = points - points[:, :, :1]
    about = torch.stack([about[:, 0], mirrored_points(about[:, 1])], dim=1)
    exists = torch.from_numpy(pictures.present)
    hands = (pictures.right, mirror_parameters(pictures.left))
    valid = exists[..., None].expand(-1, -1, 21)
    segmentation, depth, depth_valid = _maps(planes, points[:, :, 0, 2].to(planes.device))
    wrists = [_wrist(models, hand, side) for side, hand in enumerate((pictures.right, pictures.left))]
    seen = windows.seen(torch.from_numpy(pictures.keypoints_2d))
    return AlignmentLabels(
        keypoints_25d=torch.cat([seen, about[..., 2:]], dim=-1),
        keypoints_2d_valid=valid,
        visible=torch.from_numpy(pictures.visible) & valid,
        keypoints_3d=about,
        keypoints_3d_valid=valid,
        rotmats=torch.stack([models.right.local_rotmats(hand) for hand in hands], dim=1),
        betas=torch.stack([hand.betas for hand in hands], dim=1),
        parameters_valid=exists,
        relative_translation=wrists[1] - wrists[0],
        relative_valid=exists.all(dim=1),
        segmentation=segmentation,
        segmentation_valid=torch.ones_like(exists),
        depth=depth,
        depth_valid=depth_valid,
    )


def _wrist(models: HandPair, hand: HandParameters, side: int) -> Float[Tensor, "b 3"]:
    """Returns the wrist joint in the camera frame."""
    return models[side].rest_joints(hand.betas)[:, 0] + hand.transl


def _planes(pictures: DuetImageBatch) -> Float[Tensor, "b 3 h w"]:
    """Returns label, depth and whether there is a depth, as planes."""
    known = np.isfinite(pictures.depth)
    depth = np.where(known, pictures.depth, 0.0)
    return torch.from_numpy(np.stack([pictures.label, depth, known], axis=1).astype(np.float32))


def _maps(planes: Tensor, wrist_depth: Float[Tensor, "b 2"]) -> tuple[Tensor, Tensor, Tensor]:
    """Returns segmentation, depth behind the wrist, and where it is known, from each crop's side."""
    label = planes[:, :, 0].round()
    own = torch.tensor([RIGHT_HAND, LEFT_HAND], device=planes.device)[:, None, None]
    segmentation = torch.full_like(label, COVER)
    for value, meaning in ((0, BACKGROUND), (own, MEANT_HAND), (own.flip(0), OTHER_HAND)):
        segmentation = torch.where(label == value, meaning, segmentation)
    known = planes[:, :, 2] > 0.5
    depth = torch.where(known, planes[:, :, 1] - wrist_depth[..., None, None], 0.0)
    return segmentation.to(torch.uint8), depth, known
