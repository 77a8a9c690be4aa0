"""Colours of skin, cloth and light, as linear red, green and blue."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from a2p.data.duet_images.draws import Draws
from a2p.render.shading import linear_from_srgb

Colours = Float64[np.ndarray, "b 3"]
Numbers = Float64[np.ndarray, " b"]

_BACK_OF_HAND = np.array(
    [
        (240, 208, 188),
        (228, 188, 162),
        (214, 168, 138),
        (196, 146, 114),
        (170, 118, 88),
        (138, 92, 66),
        (104, 69, 50),
        (74, 50, 38),
        (56, 39, 32),
    ]
)
"""sRGB under white light, from the lightest to the darkest skin."""
_PALM = np.array(
    [
        (244, 206, 190),
        (238, 194, 174),
        (230, 182, 158),
        (218, 166, 140),
        (204, 150, 122),
        (190, 138, 112),
        (174, 126, 104),
        (158, 114, 96),
        (148, 106, 92),
    ]
)
"""The palms of the same people: they differ far less."""


def skin_of(tone: Numbers, table: str) -> Colours:
    """Returns the colour of `back` or `palm` for tones from 0, light, to 1, dark."""
    colours = linear_from_srgb((_BACK_OF_HAND if table == "back" else _PALM) / 255.0)
    place = np.clip(tone, 0.0, 1.0) * (len(colours) - 1)
    low = np.minimum(place.astype(np.int64), len(colours) - 2)
    t = (place - low)[:, None]
    mixed: Colours = colours[low] * (1 - t) + colours[low + 1] * t
    return mixed


def any_colour(draws: Draws, name: str, *, vivid: float = 0.35, bright: float = 1.0) -> Colours:
    """Returns colours of things: mostly muted, some `vivid`, from black to white."""
    hue, value = draws.uniform(f"{name}/hue"), draws.uniform(f"{name}/value", 0.05, 1.0) * bright
    is_vivid = draws.chance(f"{name}/is_vivid", vivid)
    strength = np.where(is_vivid, draws.uniform(f"{name}/much", 0.3, 0.8), draws.uniform(f"{name}/little", 0.0, 0.35))
    srgb = value[:, None] * (1.0 - strength[:, None] * (1.0 - _hue(hue)))
    return linear_from_srgb(srgb)


def cloth_colour(draws: Draws, name: str) -> Colours:
    """Returns colours that clothes have: many dark, white, grey and blue ones."""
    palette = np.array(
        [
            (24, 24, 28),
            (44, 46, 54),
            (232, 230, 226),
            (150, 150, 152),
            (34, 46, 78),
            (72, 96, 140),
            (120, 120, 118),
            (92, 34, 40),
            (58, 74, 58),
            (196, 180, 156),
            (214, 170, 60),
            (170, 190, 214),
        ]
    )
    chosen = linear_from_srgb(palette / 255.0)[draws.choice(f"{name}/which", (4, 3, 3, 2, 3, 3, 2, 1, 1, 2, 0.7, 2))]
    chosen = chosen * np.exp(draws.normals(f"{name}/shade", 3, 0.18))
    other = any_colour(draws, f"{name}/other", vivid=0.6)
    return np.clip(np.where(draws.chance(f"{name}/is_other", 0.25)[:, None], other, chosen), 0.005, 0.95)


def light_of(kelvin: Numbers) -> Colours:
    """Returns the colour of a black body, of luminance 1, by a fit to the range of lamps and skies."""
    x = kelvin / 6500.0
    red, blue = np.clip(x**-0.55, 0.6, 2.2), np.clip(x**0.75, 0.3, 1.5)
    colour = np.stack([red, np.ones_like(x), blue], axis=1)
    return _of_luminance_one(colour)


def coloured_light(draws: Draws, name: str) -> Colours:
    """Returns saturated light of any hue, of luminance 1."""
    colour: Colours = linear_from_srgb(
        1.0 - draws.uniform(f"{name}/strength", 0.3, 0.75)[:, None] * (1.0 - _hue(draws.uniform(name)))
    )
    return _of_luminance_one(colour)


def _of_luminance_one(colour: Colours) -> Colours:
    scaled: Colours = colour / (colour @ [0.2126, 0.7152, 0.0722])[:, None]
    return scaled


def _hue(hue: Numbers) -> Colours:
    """Returns the pure colour of a hue in [0, 1)."""
    offsets = np.array([0.0, 2.0 / 3.0, 1.0 / 3.0])
    pure: Colours = np.clip(np.abs((hue[:, None] + offsets) % 1.0 * 6.0 - 3.0) - 1.0, 0.0, 1.0)
    return pure
