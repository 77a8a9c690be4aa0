"""From rendered pictures of two hands to the crops and labels that the alignment network trains on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
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
    boxes,
)
from a2p.alignment.crop_view import depth_in_view
from a2p.alignment.mirroring import crop_intrinsics_mirrored, mirrored_points
from a2p.data.duet_images import DuetImageBatch
from a2p.data.duet_images.renderer import LEFT_HAND, RIGHT_HAND
from a2p.errors import ConfigError
from a2p.hand import HandPair, HandParameters, mirror_parameters


@dataclass(frozen=True, kw_only=True)
class CropSettings:
    """How a hand's crop lies about its box, and how wrong the boxes are that say so."""

    margin: float = 1.5
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


@dataclass(frozen=True)
class _Windows:
    """Squares of the picture, px, one a hand."""

    low: Float[Tensor, "b 2 2"]
    side: Float[Tensor, "b 2 1"]

    @classmethod
    def around(cls, box: Float[Tensor, "b 2 4"], settings: CropSettings, generator: torch.Generator) -> _Windows:
        """Returns squares about boxes, with the settings' errors."""
        across = (box[..., 2:] - box[..., :2]).amax(-1, keepdim=True).clamp(min=8.0)
        noise = torch.randn((len(box), 2, 3), generator=generator)
        side = across * settings.margin * (1.0 + settings.margin_spread * noise[..., :1].clamp(-2.0, 2.0))
        centre = 0.5 * (box[..., :2] + box[..., 2:]) + settings.shift_spread * across * noise[..., 1:]
        return cls(centre - 0.5 * side, side)

    def seen(self, points: Float[Tensor, "b 2 k 2"]) -> Float[Tensor, "b 2 k 2"]:
        """Returns where points of the picture are in each crop, mirrored for left hands; units of the crop's side."""
        return _mirrored_left((points - self.low[:, :, None]) / self.side[:, :, None])

    def boxes(self, box: Float[Tensor, "b 2 4"]) -> Float[Tensor, "b 2 4"]:
        """Returns boxes of the picture as each crop sees them."""
        corners = self.seen(box.reshape(-1, 2, 2, 2))
        return torch.cat([corners.amin(2), corners.amax(2)], dim=-1)

    def intrinsics(self, camera: Float[Tensor, "b 4"]) -> Float[Tensor, "b 2 4"]:
        """Returns each crop's intrinsics in units of its side."""
        focal = camera[:, None, :2] / self.side
        plain = torch.cat([focal, (camera[:, None, 2:] - self.low) / self.side], dim=-1)
        return torch.stack([plain[:, 0], crop_intrinsics_mirrored(plain[:, 1])], dim=1)

    def grid(self, size: int, height: int, width: int) -> Float[Tensor, "b 2 size size 2"]:
        """Returns where each crop's pixels lie in the picture, as `grid_sample` takes it."""
        centres = (torch.arange(size) + 0.5) / size
        rows, columns = torch.meshgrid(centres, centres, indexing="ij")
        places = torch.stack([columns, rows], dim=-1).reshape(1, 1, -1, 2).expand(len(self.low), 2, -1, 2)
        pixels = _mirrored_left(places) * self.side[:, :, None] + self.low[:, :, None]
        normal = 2.0 * pixels / torch.tensor([width, height]) - 1.0
        return normal.reshape(-1, 2, size, size, 2)


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
    windows = _Windows.around(own, settings, generator)
    inside = ((points >= 0) & (points <= whole[2:])).all(-1).float().mean(-1)
    error = (
        torch.randn(own.shape, generator=generator)
        * settings.box_spread
        * (own[..., 2:] - own[..., :2]).repeat(1, 1, 2)
    )
    empty = torch.tensor([0.0, 0.0, -1.0, -1.0])
    told = own + error
    meant = torch.where(exists[..., None], windows.boxes(told), empty)
    other = torch.where(exists.flip(1)[..., None], windows.boxes(told.flip(1)), empty)
    grid = windows.grid(size, height, width).to(device)
    rgb = torch.from_numpy(pictures.rgb).to(device).movedim(-1, 1).float() / 255.0
    intrinsics = windows.intrinsics(torch.from_numpy(pictures.intrinsics))
    given = AlignmentInput(
        crops=_sampled(rgb, grid, "bilinear").clamp(0.0, 1.0),
        target=boxes(meant, other, size).to(device),
        present=(exists & (inside >= settings.least_inside)).to(device),
        intrinsics=intrinsics.to(device),
    )
    labels = _labels(pictures, models, windows, intrinsics, _sampled(_planes(pictures).to(device), grid, "nearest"))
    return AlignmentBatch(given, labels).to(device)


def _labels(
    pictures: DuetImageBatch, models: HandPair, windows: _Windows, intrinsics: Tensor, planes: Tensor
) -> AlignmentLabels:
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
        keypoints_25d=torch.cat([seen, depth_in_view(about, intrinsics)], dim=-1),
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


def _sampled(images: Float[Tensor, "b c h w"], grid: Float[Tensor, "b 2 s s 2"], mode: str) -> Tensor:
    """Returns (b, 2, c, s, s); zero outside the picture."""
    crops = [F.grid_sample(images, grid[:, side], mode=mode, align_corners=False) for side in range(2)]
    return torch.stack(crops, dim=1)


def _mirrored_left(points: Float[Tensor, "b 2 k 2"]) -> Float[Tensor, "b 2 k 2"]:
    """Returns points in crops, of which the left hand's are mirrored."""
    x = torch.stack([points[:, 0, :, 0], 1.0 - points[:, 1, :, 0]], dim=1)
    return torch.stack([x, points[..., 1]], dim=-1)
