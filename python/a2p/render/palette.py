"""The two colours by which pictures and files tell a right from a left hand."""

from __future__ import annotations

from typing import Literal

Colour = tuple[float, float, float]
"""Red, green and blue in [0, 1], sRGB."""

RIGHT_COLOUR: Colour = (1.00, 0.57, 0.38)
"""The person's right hand: coral."""
LEFT_COLOUR: Colour = (0.45, 0.74, 1.00)
"""The person's left hand: sky blue, told from coral with any colour vision."""


def colour_of(handedness: Literal["left", "right"]) -> Colour:
    """Returns the colour of a hand."""
    return RIGHT_COLOUR if handedness == "right" else LEFT_COLOUR
