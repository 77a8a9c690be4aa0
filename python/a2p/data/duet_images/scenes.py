"""From settings and draws to the numbers that the renderer takes: one entry of `SCENE` a picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from a2p.data.duet_images.backdrops import fill_backdrop
from a2p.data.duet_images.colours import any_colour, cloth_colour, coloured_light, light_of, skin_of
from a2p.data.duet_images.draws import Draws
from a2p.data.duet_images.finishes import fill_finish
from a2p.data.duet_images.renderer import SCENE, Scenes
from a2p.data.duet_images.settings import (
    ArmSettings,
    ImageSettings,
    LightSettings,
    OpticsSettings,
    SkinSettings,
)
from a2p.data.duet_images.solids import fill_solids
from a2p.data.duet_images.view_facts import ViewFacts

METALS = np.array([(0.85, 0.65, 0.28), (0.72, 0.72, 0.74), (0.80, 0.50, 0.40), (0.05, 0.05, 0.055)])
"""Linear: gold, silver, rose gold, black."""


def make_scenes(
    draws: Draws, settings: ImageSettings, facts: ViewFacts, photo_sizes: Float64[np.ndarray, "n 2"]
) -> Scenes:
    """Returns the scene of each picture."""
    scenes = np.zeros(draws.count, dtype=SCENE)
    for k, name in enumerate(("fx", "fy", "cx", "cy")):
        scenes[name] = facts.intrinsics[:, k]
    scenes["phase"] = draws.uniform("phase", 0.0, 40.0)
    tone = draws.uniform("skin/tone", *settings.skin.tone)
    _fill_skin(scenes, draws, settings.skin, tone)
    _fill_wear(scenes, draws, settings.skin, facts.present)
    _fill_arms(scenes, draws, settings.arm, facts)
    _fill_light(scenes, draws, settings.light)
    fill_solids(scenes, draws, settings.solid, facts)
    fill_backdrop(scenes, draws, settings, facts, tone, photo_sizes)
    _fill_optics(scenes, draws, settings.optics, settings.size_px / 128.0)
    return scenes


def _fill_skin(scenes: Scenes, draws: Draws, settings: SkinSettings, tone: Float64[np.ndarray, " b"]) -> None:
    skin = scenes["skin"]
    tint = np.exp(draws.normals("skin/tint", 3) * [0.05, 0.04, 0.09])
    skin["back"] = skin_of(tone, "back") * tint
    skin["palm"] = skin_of(tone, "palm") * tint
    pink = (
        (0.5 * skin["palm"] + 0.5 * skin["back"])
        * [1.12, 1.02, 1.03]
        * draws.uniform("skin/nail_shade", 0.9, 1.12)[:, None]
    )
    polish = any_colour(draws, "skin/polish", vivid=0.8)
    skin["nail"] = np.where(draws.chance("skin/nail_polish", settings.nail_polish)[:, None], polish, pink)
    for name in ("mottle", "redness", "creases", "veins", "gloss", "softness"):
        skin[name] = draws.uniform(f"skin/{name}", *getattr(settings, name))
    # Dark skin hides redness and veins.
    skin["redness"] *= 1.0 - 0.55 * tone
    skin["veins"] *= 1.0 - 0.7 * tone
    skin["relief"] = draws.uniform("skin/relief", *settings.relief_m)
    skin["hair"] = np.where(draws.chance("skin/is_hairy", 0.35), draws.uniform("skin/hair", 0.1, 0.5), 0.0)


def _fill_wear(scenes: Scenes, draws: Draws, settings: SkinSettings, present: Bool[np.ndarray, "b 2"]) -> None:
    has_gloves = draws.chance("wear/glove", settings.glove)
    colour = cloth_colour(draws, "wear/glove/colour")
    for side in range(2):
        wear = scenes["wear"][:, side]
        wear["present"] = present[:, side]
        wear["is_gloved"] = has_gloves & ~draws.chance(f"wear/{side}/bare", 0.15)
        fill_finish(wear["glove"], draws, "wear/glove/finish", colour, patterns=(6, 0, 0, 3, 1, 0))
        has_ring = draws.chance(f"wear/{side}/ring", settings.ring)
        wear["ring_finger"] = np.where(has_ring, draws.choice(f"wear/{side}/finger", (0.3, 1, 1.5, 4, 0.7)), -1)
        begin = draws.uniform(f"wear/{side}/ring_begin", 0.30, 0.55)
        wear["ring_begin"] = begin
        wear["ring_end"] = begin + draws.uniform(f"wear/{side}/ring_width", 0.07, 0.17)
        wear["ring"]["colour"] = METALS[draws.choice(f"wear/{side}/metal", (3, 3, 1, 0.5))]
        wear["ring"]["gloss"] = 2.5


def _fill_arms(scenes: Scenes, draws: Draws, settings: ArmSettings, facts: ViewFacts) -> None:
    has_arm, has_sleeve = draws.chance("arm/arm", settings.arm), draws.chance("arm/sleeve", settings.sleeve)
    is_long = draws.chance("arm/long_sleeve", settings.long_sleeve)
    begin = np.where(is_long, draws.uniform("arm/hem", 0.0, 0.05), draws.uniform("arm/short_hem", 0.06, 0.18))
    colour = cloth_colour(draws, "arm/colour")
    pull = np.stack(
        [
            draws.normal("arm/pull/x", 0.0, 0.35),
            draws.uniform("arm/pull/y", 0.0, 1.0),
            draws.normal("arm/pull/z", 0.0, 0.5),
        ],
        axis=1,
    )
    growth, folds, loose = (
        draws.uniform("arm/growth", 0.30, 0.75),
        draws.uniform("arm/folds", 0.0005, 0.006),
        draws.uniform("arm/loose", 0.001, 0.016),
    )
    for side in range(2):
        arm = scenes["arms"][:, side]
        bent = facts.outward[:, side] + 0.35 * draws.uniform(f"arm/{side}/pulled")[:, None] * pull
        bent = bent + np.tan(np.radians(settings.bend_deg)) * draws.normals(f"arm/{side}/bend", 3) * 0.6
        arm["direction"] = _unit(bent)
        arm["length"] = np.where(has_arm, 0.6, 0.0)
        arm["growth"] = growth
        shown = has_sleeve & ~draws.chance(f"arm/{side}/rolled_up", 0.08)
        arm["sleeve_begin"] = np.where(shown, begin + 0.02 * draws.uniform(f"arm/{side}/slip"), 9.0)
        arm["sleeve_loose"] = loose
        arm["sleeve_folds"] = folds
        arm["sleeve_phase"] = draws.uniform(f"arm/{side}/phase", 0.0, 6.3)
        fill_finish(arm["sleeve"], draws, "arm/finish", colour, patterns=(5, 1.2, 0.8, 3, 1.5, 0), scales=(25.0, 130.0))
        has_band = draws.chance(f"arm/{side}/band", settings.band)
        arm["band_begin"] = np.where(has_band, draws.uniform(f"arm/{side}/band_begin", 0.012, 0.05), 9.0)
        arm["band_width"] = draws.uniform(f"arm/{side}/band_width", 0.004, 0.028)
        arm["band_height"] = draws.uniform(f"arm/{side}/band_height", 0.001, 0.004)
        metal = METALS[draws.choice(f"arm/{side}/metal", (1, 1, 1, 3))]
        strap = cloth_colour(draws, f"arm/{side}/strap")
        is_metal = draws.chance(f"arm/{side}/is_metal", 0.5)
        arm["band"]["colour"] = np.where(is_metal[:, None], metal, strap)
        arm["band"]["gloss"] = np.where(is_metal, 2.0, 0.3)


def _fill_light(scenes: Scenes, draws: Draws, settings: LightSettings) -> None:
    light = scenes["light"]
    hardness = draws.uniform("light/hardness", *settings.hardness)
    azimuth = draws.normal("light/azimuth", 0.0, 1.0)
    azimuth = np.where(draws.chance("light/from_behind", settings.from_behind), azimuth + np.pi, azimuth)
    height = np.radians(draws.uniform("light/height_deg", -10.0, 80.0))
    light["to_key"] = np.stack(
        [np.sin(azimuth) * np.cos(height), -np.sin(height), -np.cos(azimuth) * np.cos(height)], axis=1
    )
    white = light_of(draws.log_uniform("light/kelvin", *settings.kelvin))
    is_coloured = draws.chance("light/coloured", settings.coloured)[:, None]
    key = np.where(is_coloured, coloured_light(draws, "light/colour"), white)
    light["key"] = 1.5 * hardness[:, None] * key
    light["key_radius"] = draws.log_uniform("light/lamp_radius", *settings.lamp_radius)
    sky = light_of(draws.log_uniform("light/sky_kelvin", 4200.0, 10000.0)) * (1.0 - hardness)[:, None]
    bounce = draws.uniform("light/bounce", 0.25, 0.85)[:, None] * (0.6 + 0.8 * any_colour(draws, "light/floor"))
    light["sky"] = 1.1 * sky
    light["ground"] = 1.1 * sky * bounce
    light["up"] = _unit(np.array([0.0, -1.0, -0.35]) + draws.normals("light/up", 3, 0.4))
    has_fill = draws.chance("light/has_fill", 0.5)
    light["to_fill"] = _unit(draws.normals("light/to_fill", 3) + np.array([0.0, 0.0, -0.6]))
    fill = light_of(draws.log_uniform("light/fill_kelvin", 3000.0, 9000.0))
    light["fill"] = np.where(has_fill, draws.uniform("light/fill", 0.1, 0.5), 0.0)[:, None] * fill
    light["occlusion"] = draws.uniform("light/occlusion", *settings.occlusion)


def _fill_optics(scenes: Scenes, draws: Draws, settings: OpticsSettings, scale: float) -> None:
    optics, light = scenes["optics"], scenes["light"]
    level = 0.55 * light["key"].mean(axis=1) + 0.8 * light["sky"].mean(axis=1) + 0.4 * light["fill"].mean(axis=1)
    stops = np.clip(draws.normal("optics/stops", 0.0, settings.exposure_stops), -1.2, 0.8)
    is_dark = draws.chance("optics/low_light", settings.low_light)
    exposure = 0.95 / np.maximum(level, 0.05) * 2.0 ** np.where(is_dark, stops - 1.4, stops)
    # Cameras see dark hands brighter and light ones darker than they are, by a fraction.
    exposure *= (0.32 / np.maximum(scenes["skin"]["back"].mean(axis=1), 0.03)) ** 0.22
    optics["exposure"] = exposure
    # A camera takes most of the light's colour away.
    cast = light["key"] + light["sky"] + 1e-3
    adapt = (cast / cast.mean(axis=1, keepdims=True)) ** -draws.uniform("optics/adapts", 0.3, 1.0)[:, None]
    optics["white_balance"] = adapt * np.exp(draws.normals("optics/white_balance", 3, settings.white_balance))
    optics["vignette"] = np.where(draws.chance("optics/vignettes", 0.3), draws.uniform("optics/vignette", 0.05, 0.5), 0)
    has_defocus = draws.chance("optics/defocus", settings.defocus)
    optics["defocus"] = scale * np.where(has_defocus, draws.uniform("optics/defocus_px", *settings.defocus_px), 0.0)
    path = np.where(
        draws.chance("optics/motion", settings.motion), draws.uniform("optics/path", *settings.motion_px), 0
    )
    angle = draws.uniform("optics/angle", 0.0, 2.0 * np.pi)
    optics["motion_x"], optics["motion_y"] = scale * path * np.cos(angle), scale * path * np.sin(angle)
    optics["shrink"] = np.where(
        draws.chance("optics/shrink", settings.shrink), draws.uniform("optics/share", 0.4, 0.9), 1
    )
    level = np.where(
        draws.chance("optics/noise", settings.noise), draws.log_uniform("optics/level", *settings.noise_level), 0
    )
    level = np.where(is_dark, np.minimum(4.0 * level, 0.05), level)
    optics["read_noise"], optics["shot_noise"] = 0.5 * level, 2.0 * level
    optics["noise_grain"] = np.where(draws.chance("optics/is_blotchy", 0.5), draws.uniform("optics/grain"), 0.0)
    optics["noise_chroma"] = draws.uniform("optics/chroma", 0.0, 0.8)
    optics["contrast"] = draws.uniform("optics/contrast", 0.82, 1.22)
    is_grey = draws.chance("optics/grey", settings.grey)
    optics["saturation"] = np.where(is_grey, 0.0, draws.uniform("optics/saturation", 0.65, 1.25))
    optics["lift"] = draws.normal("optics/lift", 0.0, 6.0)
    optics["sharpen"] = np.where(
        draws.chance("optics/sharpen", settings.sharpen), draws.uniform("optics/edge", 0.2, 1.1), 0
    )
    has_jpeg = draws.chance("optics/jpeg", settings.jpeg)
    optics["jpeg_quality"] = np.where(has_jpeg, draws.uniform("optics/quality", *settings.jpeg_quality), 0.0)


def _unit(vectors: Float64[np.ndarray, "b 3"]) -> Float64[np.ndarray, "b 3"]:
    directions: Float64[np.ndarray, "b 3"] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return directions
