"""A contact sheet of hand pairs, a family a row."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw

from a2p.data.duet.pairs import FAMILIES, DuetPairs
from a2p.hand import HandPair
from a2p.render import LEFT_COLOUR, RIGHT_COLOUR, RenderMesh, view_from_aside

_YAWS_DEG = (25.0, -60.0, 110.0, 200.0)
"""Where neighbouring pictures are seen from."""
_FINGERS_UP = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def duet_sheet(pairs: DuetPairs, models: HandPair, *, columns: int = 8, tile_px: int = 150) -> Image.Image:
    """Returns the first pairs of every family side by side; right hands coral, left hands sky blue."""
    sheet = Image.new("RGB", (tile_px * columns, tile_px * len(FAMILIES)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, family in enumerate(FAMILIES):
        chosen = (pairs.family == row).nonzero()[:columns, 0]
        with torch.no_grad():
            right, left = models.right(pairs.right[chosen]).vertices, models.left(pairs.left[chosen]).vertices
        for column in range(len(chosen)):
            meshes = [
                RenderMesh(vertices[column].numpy() @ _FINGERS_UP.T, model.topology.faces.numpy(), colour)
                for vertices, model, colour in ((right, models.right, RIGHT_COLOUR), (left, models.left, LEFT_COLOUR))
            ]
            yaw = _YAWS_DEG[column % len(_YAWS_DEG)]
            picture = view_from_aside(meshes, size=tile_px, yaw_deg=yaw, pitch_deg=25.0)
            sheet.paste(picture, (column * tile_px, row * tile_px))
        pen.text((3, row * tile_px + 3), family, fill="black")
    return sheet
