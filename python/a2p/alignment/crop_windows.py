"""The squares of a picture that the alignment network sees: cut about boxes, left hands mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from a2p.alignment.batch import AlignmentInput, boxes
from a2p.alignment.mirroring import crop_intrinsics_mirrored

CROP_MARGIN = 1.5
"""Side of a crop over the larger side of the box of the hand's keypoints."""
_EMPTY_BOX = (0.0, 0.0, -1.0, -1.0)


@dataclass(frozen=True)
class CropWindows:
    """Squares of the picture, px, one a hand; right, left."""

    low: Float[Tensor, "b 2 2"]
    side: Float[Tensor, "b 2 1"]

    @classmethod
    def about(cls, box: Float[Tensor, "b 2 4"], *, margin: float = CROP_MARGIN) -> CropWindows:
        """Returns squares about the middles of boxes."""
        side = margin * longer_side(box)
        return cls(0.5 * (box[..., :2] + box[..., 2:]) - 0.5 * side, side)

    def seen(self, points: Float[Tensor, "b 2 k 2"]) -> Float[Tensor, "b 2 k 2"]:
        """Returns where points of the picture are in each crop, mirrored for left hands; units of the crop's side."""
        return _mirrored_left((points - self.low[:, :, None]) / self.side[:, :, None])

    def boxes(self, box: Float[Tensor, "b 2 4"]) -> Float[Tensor, "b 2 4"]:
        """Returns boxes of the picture as each crop sees them."""
        corners = self.seen(box.reshape(-1, 2, 2, 2))
        return torch.cat([corners.amin(2), corners.amax(2)], dim=-1)

    def target(
        self, told: Float[Tensor, "b 2 4"], exists: Bool[Tensor, "b 2"], size: int
    ) -> Float[Tensor, "b 2 2 size size"]:
        """Returns the channels that say which hand is meant, out of the boxes that the network is told."""
        empty = told.new_tensor(_EMPTY_BOX)
        meant = torch.where(exists[..., None], self.boxes(told), empty)
        other = torch.where(exists.flip(1)[..., None], self.boxes(told.flip(1)), empty)
        return boxes(meant, other, size)

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


def longer_side(box: Float[Tensor, "b 2 4"]) -> Float[Tensor, "b 2 1"]:
    """Returns the longer side of each box, at least 8 px."""
    return (box[..., 2:] - box[..., :2]).amax(-1, keepdim=True).clamp(min=8.0)


def alignment_input(
    pixels: UInt8[Tensor, "h w 3"],
    box: Float[Tensor, "2 4"],
    exists: Bool[Tensor, " 2"],
    camera: Float[Tensor, " 4"],
    *,
    size: int,
) -> AlignmentInput:
    """Returns what the network sees of one picture.

    `box` holds x0, y0, x1, y1 (px) about the keypoints of the right and the left hand, anything where `exists` does not
    hold; `camera` is fx, fy, cx, cy (px). A crop of more pixels than the network takes is averaged, not thinned out.
    """
    height, width = pixels.shape[:2]
    whole = torch.tensor([0.0, 0.0, width, height])
    own = torch.where(exists[:, None], box, whole)[None]
    windows = CropWindows.about(own)
    finer = max(1, round(float(windows.side[0, exists].max()) / size)) if bool(exists.any()) else 1
    rgb = pixels.movedim(-1, 0)[None].float() / 255.0
    crops = sampled_crops(rgb, windows.grid(size * finer, height, width), "bilinear").flatten(0, 1)
    return AlignmentInput(
        crops=F.avg_pool2d(crops, finer).clamp(0.0, 1.0)[None],
        target=windows.target(own, exists[None], size),
        present=exists[None],
        intrinsics=windows.intrinsics(camera[None]),
    )


def sampled_crops(images: Float[Tensor, "b c h w"], grid: Float[Tensor, "b 2 s s 2"], mode: str) -> Tensor:
    """Returns (b, 2, c, s, s); zero outside the picture."""
    crops = [F.grid_sample(images, grid[:, side], mode=mode, align_corners=False) for side in range(2)]
    return torch.stack(crops, dim=1)


def _mirrored_left(points: Float[Tensor, "b 2 k 2"]) -> Float[Tensor, "b 2 k 2"]:
    """Returns points in crops, of which the left hand's are mirrored."""
    x = torch.stack([points[:, 0, :, 0], 1.0 - points[:, 1, :, 0]], dim=1)
    return torch.stack([x, points[..., 1]], dim=-1)
