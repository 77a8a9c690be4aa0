"""Pictures for the detection network, with the maps that it should say of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.data.duet_images import DuetImageBatch
from a2p.detection.network import STRIDE, cell_centres

_WRIST, _MIDDLE_KNUCKLE = 0, 9


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """What counts as a hand, and as its centre."""

    least_inside: float = 0.5
    """Share of a hand's keypoints that the picture must show. A hand that shows less counts neither way."""
    bell: float = 0.1
    """Standard deviation of the bell about a centre, in sides of the box that is seen."""
    least_bell_cells: float = 0.6
    bars: float = 0.5
    """Share of pictures with black bars, as photos that are no squares have them."""


@dataclass(frozen=True)
class DetectionBatch:
    """Pictures and their truth; axis 1 of the maps is right, left. Lengths in units of the picture's side."""

    pictures: Float[Tensor, "b 3 s s"]
    bells: Float[Tensor, "b 2 h w"]
    """1 in the cell of a centre, falling off around it."""
    counts: Bool[Tensor, "b 2 h w"]
    """Whether a cell says anything about centres."""
    boxes: Float[Tensor, "b 2 4"]
    """x0, y0, x1, y1 of all 21 keypoints."""
    pointing: Float[Tensor, "b 2 2"]
    """As `CentreMaps.pointing`."""
    present: Bool[Tensor, "b 2"]

    def __len__(self) -> int:
        return len(self.pictures)

    def to(self, device: torch.device | str) -> DetectionBatch:
        """Returns the batch on another device."""
        return DetectionBatch(**{item.name: getattr(self, item.name).to(device) for item in fields(self)})


def detection_batch(
    batch: DuetImageBatch, generator: torch.Generator, *, settings: TargetSettings | None = None
) -> DetectionBatch:
    """Returns rendered pictures with their maps."""
    settings = settings or TargetSettings()
    size = batch.rgb.shape[1]
    pictures = torch.from_numpy(batch.rgb).movedim(-1, 1).float() / 255.0
    points = torch.from_numpy(batch.keypoints_2d) / size
    low, high = _shown(points, torch.from_numpy(batch.present), generator, settings)
    inside_picture = (points >= low[:, None, None]) & (points <= high[:, None, None])
    inside = inside_picture.all(-1).float().mean(-1)
    there = torch.from_numpy(batch.present)
    present = there & (inside >= settings.least_inside)
    boxes = torch.cat([points.amin(2), points.amax(2)], dim=-1)
    seen = torch.cat([boxes[..., :2].maximum(low[:, None]), boxes[..., 2:].minimum(high[:, None])], dim=-1)
    centre, extent = 0.5 * (seen[..., :2] + seen[..., 2:]), (seen[..., 2:] - seen[..., :2]).clamp(min=0.0)
    cells = cell_centres(size // STRIDE, points)
    bells = _bells(centre, extent, cells, settings) * present[..., None, None]
    partial = there & ~present & (inside > 0)
    side = (boxes[..., 2:] - boxes[..., :2]).amax(-1, keepdim=True).clamp(min=1e-3)
    return DetectionBatch(
        pictures=pictures * _within(cells.new_tensor(np.arange(size) + 0.5) / size, low, high)[:, None],
        bells=bells,
        counts=~(partial[..., None, None] & _inside_box(seen, cells)),
        boxes=boxes,
        pointing=(points[:, :, _MIDDLE_KNUCKLE] - points[:, :, _WRIST]) / side,
        present=present,
    )


def _shown(
    points: Float[Tensor, "b 2 21 2"],
    there: Bool[Tensor, "b 2"],
    generator: torch.Generator,
    settings: TargetSettings,
) -> tuple[Float[Tensor, "b 2"], Float[Tensor, "b 2"]]:
    """Returns the corners of what black bars leave, which holds the middle of the hands."""
    count = len(points)
    middle = torch.where(there[..., None], points.mean(2), 0.0).sum(1) / there.sum(1, keepdim=True)
    drawn = torch.rand((count, 4), generator=generator)
    share = 0.5 + 0.5 * drawn[:, 0]
    across = (drawn[:, 1] < 0.5)[:, None] == torch.tensor([True, False])
    start = (middle - share[:, None] * (0.2 + 0.6 * drawn[:, 2:3])).clamp(min=0.0).minimum(1.0 - share[:, None])
    barred = across & (drawn[:, 3] < settings.bars)[:, None]
    low = torch.where(barred, start, 0.0)
    return low, torch.where(barred, start + share[:, None], 1.0)


def _bells(
    centre: Float[Tensor, "b 2 2"], extent: Float[Tensor, "b 2 2"], cells: Tensor, settings: TargetSettings
) -> Float[Tensor, "b 2 h w"]:
    count = len(cells)
    sigma = (settings.bell * extent).clamp(min=settings.least_bell_cells / count)
    at = ((centre * count).floor().clamp(0, count - 1) + 0.5) / count
    along = torch.exp(-0.5 * ((cells - at[..., None]) / sigma[..., None]).square())
    return along[:, :, 1, :, None] * along[:, :, 0, None, :]


def _inside_box(box: Float[Tensor, "b 2 4"], cells: Tensor) -> Bool[Tensor, "b 2 h w"]:
    columns, rows = (
        (cells >= box[..., axis : axis + 1]) & (cells <= box[..., axis + 2 : axis + 3]) for axis in range(2)
    )
    return rows[..., :, None] & columns[..., None, :]


def _within(places: Tensor, low: Float[Tensor, "b 2"], high: Float[Tensor, "b 2"]) -> Float[Tensor, "b h w"]:
    columns, rows = ((places >= low[:, k, None]) & (places <= high[:, k, None]) for k in range(2))
    return (rows[:, :, None] & columns[:, None, :]).float()
