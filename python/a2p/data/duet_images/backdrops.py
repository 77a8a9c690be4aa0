"""What lies behind the hands: photos, walls, patterns, a person, clutter."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Shaped

from a2p.data.duet_images.colours import Colours, any_colour, cloth_colour, skin_of
from a2p.data.duet_images.draws import Draws
from a2p.data.duet_images.finishes import CHECKS, KNITTED, PLAIN, STRIPES, WOOD, fill_finish
from a2p.data.duet_images.renderer import Scenes
from a2p.data.duet_images.settings import BackdropSettings, ImageSettings
from a2p.data.duet_images.view_facts import ViewFacts

_RECTANGLE, _ELLIPSE, _ROUNDED = 1, 2, 3
_CLUTTER, _TORSO, _FACE = range(7), 7, range(8, 16)
"""Patches, painted in this order: clutter, a torso, what a head is made of."""

Numbers = Float64[np.ndarray, " b"]


def fill_backdrop(
    scenes: Scenes,
    draws: Draws,
    settings: ImageSettings,
    facts: ViewFacts,
    tone: Numbers,
    photo_sizes: Float64[np.ndarray, "n 2"],
) -> None:
    """Fills what is behind."""
    backdrop = settings.backdrop
    background = scenes["background"]
    _fill_photo(background, draws, backdrop, photo_sizes)
    _fill_wall(background, draws, backdrop)
    _fill_clutter(background["patches"], draws, backdrop)
    _fill_person(background["patches"], draws, backdrop, facts, tone)
    is_blurred = draws.chance("backdrop/blur", backdrop.blur)
    blur = draws.log_uniform("backdrop/blur_px", *backdrop.blur_px) * settings.size_px / 128.0
    background["blur"] = np.where(is_blurred, blur, 0.0)
    takes = draws.chance("backdrop/shadow", backdrop.shadow)
    background["receives_shadow"] = np.where(takes, draws.uniform("backdrop/strength", 0.5, 1.0), 0.0)
    normal = np.array([0.0, 0.0, -1.0]) + draws.normals("backdrop/normal", 3) * [0.15, 0.45, 0.0]
    normal[:, 1] = -np.abs(normal[:, 1])
    background["surface"] = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    background["surface_gap"] = draws.log_uniform("backdrop/gap", 0.003, 0.25)


def _fill_photo(
    background: Shaped[np.ndarray, " b"],
    draws: Draws,
    settings: BackdropSettings,
    photo_sizes: Float64[np.ndarray, "n 2"],
) -> None:
    background["photo"] = -1.0
    background["tint"] = (
        np.exp(draws.normals("backdrop/tint", 3, 0.06)) * draws.log_uniform("backdrop/gain", 0.5, 1.4)[:, None]
    )
    if not len(photo_sizes):
        return
    which = draws.choice("backdrop/which", np.ones(len(photo_sizes)).tolist())
    background["photo"] = np.where(draws.chance("backdrop/photo", settings.photo), which, -1)
    height, width = photo_sizes[which].T
    span = np.minimum(height, width) * draws.log_uniform("backdrop/span", 0.15, 0.95)
    turn = np.where(draws.chance("backdrop/turned", 0.2), 6.3, 0.12) * draws.normal("backdrop/turn")
    flip = np.where(draws.chance("backdrop/flip", 0.5), -1.0, 1.0)
    background["photo_u"], background["photo_v"] = flip * span * np.cos(turn), span * np.sin(turn)
    background["photo_x"] = draws.uniform("backdrop/x") * (1 - span / width) + 0.5 * span / width
    background["photo_y"] = draws.uniform("backdrop/y") * (1 - span / height) + 0.5 * span / height


def _fill_wall(background: Shaped[np.ndarray, " b"], draws: Draws, settings: BackdropSettings) -> None:
    colour = any_colour(draws, "backdrop/wall", vivid=0.12)
    pale = 0.35 + 0.5 * any_colour(draws, "backdrop/pale", vivid=0.1)
    colour = np.where(draws.chance("backdrop/is_pale", 0.4)[:, None], pale, colour)
    fill_finish(background["finish"], draws, "backdrop/finish", colour, patterns=(4, 0, 0, 0, 4, 0), scales=(1.0, 10.0))
    has_pattern = draws.chance("backdrop/pattern", settings.pattern)
    pattern = np.array([STRIPES, CHECKS, WOOD, KNITTED])[draws.choice("backdrop/kind", (1, 1, 3, 0.6))]
    background["finish"]["pattern"] = np.where(has_pattern, pattern, background["finish"]["pattern"])
    is_wood = background["finish"]["pattern"] == WOOD
    brown = np.array([0.42, 0.24, 0.11]) * np.exp(draws.normals("backdrop/brown", 3) * [0.4, 0.45, 0.5])
    background["finish"]["colour"] = np.where(is_wood[:, None], brown, background["finish"]["colour"])
    background["finish"]["second"] = np.where(is_wood[:, None], 0.45 * brown, background["finish"]["second"])
    angle = draws.uniform("backdrop/angle", 0.0, 2 * np.pi)
    background["cosine"], background["sine"] = np.cos(angle), np.sin(angle)
    background["top"] = draws.uniform("backdrop/top", 0.6, 1.2)[:, None]
    background["bottom"] = draws.uniform("backdrop/bottom", 0.5, 1.2)[:, None]


def _fill_clutter(patches: Shaped[np.ndarray, "b p"], draws: Draws, settings: BackdropSettings) -> None:
    has_clutter = draws.chance("clutter/there", settings.clutter)
    number = draws.choice("clutter/number", (2, 2, 2, 2, 1, 1, 1)) + 1
    for k in _CLUTTER:
        name, patch = f"clutter/{k}", patches[:, k]
        kind = draws.choice(f"{name}/kind", (0, 4, 2, 2))
        patch["kind"] = np.where(has_clutter & (number > k), kind, 0)
        patch["x"], patch["y"] = draws.normals(f"{name}/place", 2, 0.4).T
        patch["half_width"], patch["half_height"] = np.exp(
            draws.uniforms(f"{name}/size", 2, np.log(0.03), np.log(0.6))
        ).T
        is_level = draws.chance(f"{name}/is_level", 0.7)
        _turn(patch, np.where(is_level, 0.06, 2.0) * draws.normal(f"{name}/turn"))
        patch["softness"] = draws.log_uniform(f"{name}/softness", 0.005, 0.06)
        patch["shade"] = np.where(draws.chance(f"{name}/is_round", 0.7), draws.uniform(f"{name}/shade", 0.4, 1.0), 0.0)
        like_skin = skin_of(draws.uniform(f"{name}/tone"), "back")
        colour = np.where(
            draws.chance(f"{name}/is_skin", 0.15)[:, None], like_skin, any_colour(draws, f"{name}/colour")
        )
        fill_finish(patch["finish"], draws, f"{name}/finish", colour, patterns=(6, 1, 1, 0, 3, 1), scales=(2.0, 14.0))


def _fill_person(
    patches: Shaped[np.ndarray, "b p"], draws: Draws, settings: BackdropSettings, facts: ViewFacts, tone: Numbers
) -> None:
    """A body behind the hands, as large as bodies are, with the sleeves' owner's skin."""
    is_there = draws.chance("person/there", settings.person)
    far = facts.depth + draws.uniform("person/behind", 0.08, 0.6)
    unit = facts.depth / facts.width / far  # picture widths a metre
    x, y = draws.normals("person/place", 2).T * [[0.25], [0.3]]
    shoulders = y + unit * draws.uniform("person/shoulders", -0.25, 0.25)
    torso = patches[:, _TORSO]
    half = 0.5 * draws.uniform("person/height", 0.55, 0.75)
    _place(torso, is_there, _ROUNDED, x, shoulders + unit * half, unit * 0.21, unit * half)
    torso["softness"], torso["shade"] = 0.02, 0.35
    fill_finish(
        torso["finish"],
        draws,
        "person/clothes",
        cloth_colour(draws, "person/colour"),
        patterns=(6, 1, 0.7, 1, 1, 0),
        scales=(2.0, 14.0),
    )
    has_face = is_there & draws.chance("person/face", settings.face)
    _fill_head(patches, draws, has_face, (x, shoulders - unit * 0.17, unit), tone)


def _fill_head(
    patches: Shaped[np.ndarray, "b p"],
    draws: Draws,
    has_face: Bool[np.ndarray, " b"],
    place: tuple[Numbers, Numbers, Numbers],
    tone: Numbers,
) -> None:
    x, y, unit = place
    skin = skin_of(np.clip(tone + draws.normal("person/tone", 0.0, 0.06), 0.0, 1.0), "back")
    hair = np.array([0.02, 0.014, 0.01]) * np.exp(draws.normals("person/hair", 1, 1.0) * [1.0, 0.9, 0.8])
    lip, brow = skin * [0.85, 0.55, 0.55], 0.4 * skin
    long = draws.uniform("person/hair_length", 0.0, 0.09)
    wide = draws.uniform("person/hair_width", 0.076, 0.11)
    parts: tuple[tuple[int, float, Numbers | float, Numbers | float, Numbers | float, Colours, float], ...] = (
        (_ELLIPSE, 0.0, -0.02 + long, wide, 0.115 + long, hair, 0.2),
        (_ROUNDED, 0.0, 0.12, 0.05, 0.07, skin * 0.7, 0.6),
        (_ELLIPSE, 0.0, 0.0, 0.072, 0.105, skin, 0.9),
        (_ELLIPSE, 0.0, -0.082, 0.066, 0.036, hair, 0.2),
        (_ELLIPSE, -0.03, -0.012, 0.015, 0.006, brow * 0.5, 0.0),
        (_ELLIPSE, 0.03, -0.012, 0.015, 0.006, brow * 0.5, 0.0),
        (_ELLIPSE, 0.0, 0.03, 0.013, 0.012, skin * 0.8, 0.5),
        (_ELLIPSE, 0.0, 0.06, 0.025, 0.008, lip, 0.0),
    )
    for slot, (kind, dx, dy, width, height, colour, shade) in zip(_FACE, parts, strict=True):
        patch = patches[:, slot]
        _place(patch, has_face, kind, x + unit * dx, y + unit * dy, unit * width, unit * height)
        patch["softness"] = 0.35 * unit * np.minimum(width, 0.02)
        patch["shade"] = shade
        patch["finish"]["colour"], patch["finish"]["pattern"] = np.clip(colour, 0.0, 1.0), PLAIN
        patch["finish"]["scale"] = 1.0


def _place(
    patch: Shaped[np.ndarray, " b"],
    is_there: Bool[np.ndarray, " b"],
    kind: int,
    x: Numbers,
    y: Numbers,
    half_width: Numbers,
    half_height: Numbers,
) -> None:
    patch["kind"] = np.where(is_there, kind, 0)
    patch["x"], patch["y"] = x, y
    patch["half_width"], patch["half_height"] = half_width, half_height
    _turn(patch, np.zeros(len(patch)))


def _turn(patch: Shaped[np.ndarray, " b"], angle: Numbers) -> None:
    patch["cosine"], patch["sine"] = np.cos(angle), np.sin(angle)
