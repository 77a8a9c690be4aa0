"""A hand's box: about its outline, as people draw it, and about its keypoints, as the alignment network wants it."""

from __future__ import annotations

from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1, px."""
OUTLINE = 1.2
"""How much larger a hand's outline is than the box of its keypoints: on duet's hands 1.18 (median; nine tenths lie
within 1.10 and 1.31). InterWild enlarges boxes of keypoints by this much, too."""


def outline_box(keypoints_box: Box) -> Box:
    """Returns the box of a hand's outline about that of its keypoints."""
    return _scaled(keypoints_box, OUTLINE)


def keypoints_box(outline: Box) -> Box:
    """Returns the box of a hand's keypoints within that of its outline."""
    return _scaled(outline, 1.0 / OUTLINE)


def _scaled(box: Box, scale: float) -> Box:
    x0, y0, x1, y1 = box
    x, y, across, down = 0.5 * (x0 + x1), 0.5 * (y0 + y1), 0.5 * scale * (x1 - x0), 0.5 * scale * (y1 - y0)
    return (x - across, y - down, x + across, y + down)
