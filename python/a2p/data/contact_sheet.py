"""Sheets of pictures with everything drawn that is labelled, to be looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

from a2p.data.reading import LoadedSample
from a2p.data.sample import Box, HandLabels, Sample
from a2p.hand.keypoints import PARENT_OF_KEYPOINT
from a2p.render import colour_of

_CAPTION = 28
_GROUND = (245, 245, 245)


def contact_sheet(samples: Iterable[LoadedSample], *, columns: int = 4, tile: int = 320) -> Image.Image:
    """Returns the samples side by side, each cut to its hands, with skeleton, box, mesh vertices and caption.

    Right hands are coral, left hands sky blue; hollow points are annotated in 3D but not marked in this picture, or
    known to be hidden. Where pixels are labelled, white lines part what they show.
    """
    tiles = [sample_tile(loaded.sample, loaded.pixels, size=tile) for loaded in samples]
    rows = max(1, -(-len(tiles) // columns))
    width, height = tile, tile + _CAPTION
    sheet = Image.new("RGB", (min(columns, max(len(tiles), 1)) * width, rows * height), _GROUND)
    for number, picture in enumerate(tiles):
        sheet.paste(picture, (number % columns * width, number // columns * height))
    return sheet


def sample_tile(sample: Sample, pixels: UInt8[np.ndarray, "h w 3"], *, size: int) -> Image.Image:
    """Returns one sample's hands with the labels drawn, and a caption below."""
    window = hands_window(sample, pixels.shape[1], pixels.shape[0])
    x0, y0, side = window
    scale = size / side
    cut = cut_window(Image.fromarray(_with_borders(sample, pixels)), window, size=size)
    pen = ImageDraw.Draw(cut)
    for name, hand in sample.hands:
        red, green, blue = (round(255 * part) for part in colour_of(name))
        _draw_hand(pen, sample, hand, (red, green, blue), torch.tensor([x0, y0]), scale)
    picture = Image.new("RGB", (size, size + _CAPTION), _GROUND)
    picture.paste(cut, (0, 0))
    caption = ImageDraw.Draw(picture)
    caption.text((3, size + 2), f"{sample.dataset} {sample.split} {sample.id}"[-size // 6 :], fill=(0, 0, 0))
    caption.text((3, size + 14), f"{sample.hand_type}: {sample.source_frame}"[: size // 6], fill=(90, 90, 90))
    return picture


def _draw_hand(
    pen: ImageDraw.ImageDraw,
    sample: Sample,
    hand: HandLabels,
    colour: tuple[int, int, int],
    origin: Float[Tensor, " 2"],
    scale: float,
) -> None:
    pale = tuple((part + 2 * 255) // 3 for part in colour)
    for x, y in ((_mesh_pixels(sample, hand) - origin) * scale).tolist():
        pen.point((x, y), fill=pale)
    points = ((hand.keypoints_2d - origin) * scale).tolist()
    drawn = torch.isfinite(hand.keypoints_2d).all(dim=-1).tolist()
    for child, parent in enumerate(PARENT_OF_KEYPOINT):
        if parent >= 0 and drawn[child] and drawn[parent]:
            pen.line([*points[parent], *points[child]], fill=colour, width=2)
    shown = hand.keypoints_2d_valid if hand.visible is None else hand.keypoints_2d_valid & hand.visible
    for (x, y), there, is_shown in zip(points, drawn, shown.tolist(), strict=True):
        if there:
            pen.ellipse([x - 2.5, y - 2.5, x + 2.5, y + 2.5], outline=(20, 20, 20), fill=colour if is_shown else None)
    if hand.box_xyxy_px is not None:
        corners = (torch.tensor(hand.box_xyxy_px).reshape(2, 2) - origin) * scale
        pen.rectangle(corners.flatten().tolist(), outline=colour, width=1)


def _with_borders(sample: Sample, pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the picture with a line wherever its pixels' labels change; as it is without labels."""
    if sample.pixel_labels is None:
        return pixels
    part = sample.pixel_labels.part
    border = np.zeros(part.shape, dtype=bool)
    border[:, 1:] |= part[:, 1:] != part[:, :-1]
    border[1:] |= part[1:] != part[:-1]
    drawn: UInt8[np.ndarray, "h w 3"] = np.where(border[..., None], np.uint8(255), pixels)
    return drawn


def _mesh_pixels(sample: Sample, hand: HandLabels) -> Float[Tensor, "v 2"]:
    """Returns where the mesh's vertices appear; none where there is no mesh or no camera."""
    if hand.vertices is None or (hand.camera is None and sample.camera is None):
        return torch.zeros(0, 2)
    vertices = hand.vertices[hand.vertices[:, 2] > 1e-3]
    return sample.project(vertices) if hand.camera is None else hand.camera.project(vertices)


def hands_window(sample: Sample, width: int, height: int) -> tuple[float, float, float]:
    """Returns the square around all hands: its corner and side, px; the whole picture without boxes."""
    boxes: list[Box] = [box for _, box in sample.boxes]
    if not boxes:
        side = float(max(width, height))
        return 0.5 * (width - side), 0.5 * (height - side), side
    low, high = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
    side = max(1.4 * float((high - low).max()), 32.0)
    x, y = 0.5 * (low + high) - 0.5 * side
    return float(x), float(y), side


def cut_window(picture: Image.Image, window: tuple[float, float, float], *, size: int) -> Image.Image:
    """Returns a square part of a picture, scaled; black beyond the border.

    Pixels have their centres at halves, before and after: cutting and scaling are all there is.
    """
    x0, y0, side = window
    return picture.transform(
        (size, size), Image.Transform.EXTENT, (x0, y0, x0 + side, y0 + side), Image.Resampling.BILINEAR
    )
