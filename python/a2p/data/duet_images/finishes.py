"""How things that are not skin look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Shaped

from a2p.data.duet_images.colours import any_colour
from a2p.data.duet_images.draws import Draws

PLAIN, STRIPES, CHECKS, KNITTED, MOTTLED, WOOD = range(6)
"""Patterns, as the renderer numbers them."""


def fill_finish(
    finish: Shaped[np.ndarray, " b"],
    draws: Draws,
    name: str,
    colour: Float64[np.ndarray, "b 3"],
    *,
    patterns: Sequence[float | int],
    scales: tuple[float, float] = (20.0, 200.0),
) -> None:
    """Fills the fields of a finish: its colour, a second one for its pattern, and how large that is.

    `patterns` are the weights of the six patterns, `scales` repeats a metre, uniform in log.
    """
    finish["colour"] = colour
    near = colour * draws.uniform(f"{name}/near", 0.55, 1.5)[:, None]
    other = np.where(draws.chance(f"{name}/is_near", 0.6)[:, None], near, any_colour(draws, f"{name}/second"))
    finish["pattern"] = draws.choice(f"{name}/pattern", patterns)
    is_fine = finish["pattern"] == KNITTED
    finish["second"] = np.clip(np.where((finish["pattern"] == MOTTLED)[:, None], near, other), 0.0, 1.0)
    scale = draws.log_uniform(f"{name}/scale", *scales)
    finish["scale"] = np.where(is_fine, 4.0 * scale, scale)
    finish["gloss"] = np.where(draws.chance(f"{name}/is_glossy", 0.2), draws.uniform(f"{name}/gloss", 0.2, 1.0), 0.05)
