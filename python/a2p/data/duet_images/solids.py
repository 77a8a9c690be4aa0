"""Things in the hands, behind them and before them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Shaped

from a2p.data.duet_images.colours import any_colour
from a2p.data.duet_images.draws import Draws
from a2p.data.duet_images.finishes import fill_finish
from a2p.data.duet_images.renderer import Scenes
from a2p.data.duet_images.settings import SolidSettings
from a2p.data.duet_images.view_facts import ViewFacts

NONE, BOX, ELLIPSOID, CYLINDER, CUP = range(5)
"""Kinds of bodies, as the renderer numbers them."""
_BEHIND, _BEFORE = range(2, 5), 5
"""Slots after one for each hand: three behind, one before."""


def fill_solids(scenes: Scenes, draws: Draws, settings: SolidSettings, facts: ViewFacts) -> None:
    """Puts things into the scenes."""
    for side in range(2):
        is_held = draws.chance(f"solid/held/{side}", settings.held) & facts.present[:, side]
        _fill_held(scenes["solids"][:, side], draws, f"solid/held/{side}", side, is_held, facts)
    number = np.where(draws.chance("solid/behind", settings.behind), draws.choice("solid/number", (1, 1, 1)) + 1, 0)
    for slot in _BEHIND:
        _fill_loose(scenes["solids"][:, slot], draws, f"solid/{slot}", number > slot - 2, facts, (1.15, 1.8))
    is_before = draws.chance("solid/occluder", settings.occluder)
    _fill_loose(scenes["solids"][:, _BEFORE], draws, "solid/occluder/body", is_before, facts, (0.62, 0.85))


def _fill_held(
    solid: Shaped[np.ndarray, " b"],
    draws: Draws,
    name: str,
    side: int,
    is_held: Bool[np.ndarray, " b"],
    facts: ViewFacts,
) -> None:
    """A body where palm and fingertips enclose it, across the palm."""
    kind = draws.choice(f"{name}/kind", (0, 2, 2, 4, 1.5))
    points, out = facts.keypoints[:, side], facts.out_of_palm[:, side]
    palm = points[:, [5, 9, 13]].mean(axis=1)
    tips = points[:, [4, 8, 12]].mean(axis=1)
    room = np.clip(0.5 * np.linalg.norm(tips - palm, axis=1) - 0.006, 0.008, 0.034)
    radius = room * draws.uniform(f"{name}/radius", 0.6, 1.05)
    solid["kind"] = np.where(is_held, kind, NONE)
    solid["centre"] = 0.5 * (palm + tips) + (0.004 + 0.3 * radius)[:, None] * out
    axis = facts.across[:, side] + draws.normals(f"{name}/axis", 3, 0.3)
    solid["axes"] = _frame(axis, out).reshape(-1, 9)
    length = np.where(kind == CYLINDER, draws.log_uniform(f"{name}/length", 0.04, 0.16), 0.05)
    solid["half_size"] = np.stack(
        [radius, radius * np.where(kind == BOX, 0.45, 1.0), np.where(kind == ELLIPSOID, radius, length)], axis=1
    )
    colour = any_colour(draws, f"{name}/colour", vivid=0.55)
    fill_finish(solid["finish"], draws, f"{name}/finish", colour, patterns=(6, 1, 1, 0, 1, 1))


def _fill_loose(
    solid: Shaped[np.ndarray, " b"],
    draws: Draws,
    name: str,
    is_there: Bool[np.ndarray, " b"],
    facts: ViewFacts,
    depth: tuple[float, float],
) -> None:
    """A body somewhere in the picture, at `depth` times the hands' distance."""
    kind = draws.choice(f"{name}/kind", (0, 4, 2, 3, 1))
    z = facts.depth * draws.uniform(f"{name}/depth", *depth)
    place = draws.normals(f"{name}/place", 2, 0.4) * facts.size_px + 0.5 * facts.size_px
    ray = (place - facts.intrinsics[:, 2:]) / facts.intrinsics[:, :2]
    solid["kind"] = np.where(is_there, kind, NONE)
    solid["centre"] = np.concatenate([ray * z[:, None], z[:, None]], axis=1)
    solid["axes"] = _frame(draws.normals(f"{name}/axis", 3), draws.normals(f"{name}/front", 3)).reshape(-1, 9)
    size = np.exp(draws.uniforms(f"{name}/size", 3, np.log(0.05), np.log(0.28)))
    largest = 0.12 * np.abs(z - facts.depth) / facts.width  # it stays clear of the hands
    solid["half_size"] = np.minimum(size, np.maximum(largest, 0.06)[:, None] * 3.0) * facts.width[:, None]
    colour = any_colour(draws, f"{name}/colour")
    fill_finish(solid["finish"], draws, f"{name}/finish", colour, patterns=(5, 1, 1, 0, 2, 1))


def _frame(along: Float64[np.ndarray, "b 3"], front: Float64[np.ndarray, "b 3"]) -> Float64[np.ndarray, "b 3 3"]:
    """Returns right-handed frames whose third row is `along` and whose second is near `front`."""
    z = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    x = np.cross(front, z)
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
    return np.stack([x, np.cross(z, x), z], axis=1)
