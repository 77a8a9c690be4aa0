"""A picture of crops with what a network says about them, for eyes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from a2p.alignment.batch import AlignmentBatch
from a2p.hand.keypoints import PARENT_OF_KEYPOINT

_TRUE, _SAID = (90, 220, 90), (255, 80, 60)
_CROP_PX = 160


def save_grid(path: Path, batch: AlignmentBatch, keypoints: Float[Tensor, "b 2 21 3"], *, columns: int = 8) -> None:
    """Writes the crops of the hands there are: true bones green, those of the network red."""
    tiles = []
    for row, side in batch.given.present.nonzero().tolist():
        pixels = (255.0 * batch.given.crops[row, side]).byte().movedim(0, -1).cpu().numpy()
        tile = Image.fromarray(np.ascontiguousarray(pixels)).resize((_CROP_PX, _CROP_PX), Image.Resampling.BILINEAR)
        draw = ImageDraw.Draw(tile)
        _bones(draw, batch.labels.keypoints_25d[row, side], _TRUE)
        _bones(draw, keypoints[row, side], _SAID)
        tiles.append(tile)
    sheet = Image.new("RGB", (columns * _CROP_PX, max(1, -(-len(tiles) // columns)) * _CROP_PX))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * _CROP_PX, number // columns * _CROP_PX))
    sheet.save(path)


def _bones(draw: ImageDraw.ImageDraw, keypoints: Float[Tensor, "21 3"], colour: tuple[int, int, int]) -> None:
    points = [(float(x) * _CROP_PX, float(y) * _CROP_PX) for x, y in keypoints[:, :2].tolist()]
    for child, parent in enumerate(PARENT_OF_KEYPOINT):
        if parent >= 0:
            draw.line([points[parent], points[child]], fill=colour, width=1)
