"""Makes the packaged example image: a photo-like picture of an open palm and a pointing hand.

    python tools/make_example_image.py python/a2p/assets/example.jpg

Everything in it is made here: the open hand model (CC0), procedural skin and cloth, a procedural room. The same
arguments give the same picture.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from a2p import Camera
from a2p.render.mesh import SmoothMesh, joined, unit
from a2p.render.rasterize import Raster, rasterize
from a2p.render.shading import ambient_visibility, disk_directions, sees, srgb_from_linear
from example_hands import OPEN_PALM, POINTING, Placement, posed_hand, rest_fingers, sleeve
from example_skin import Material, cloth, noise, skin

WIDTH, HEIGHT, SAMPLES = 640, 480, 3
AMBIENT_DIRECTIONS, KEY_DIRECTIONS = 160, 48
FOV_DEG = 52.0
TO_KEY = (-0.62, -0.62, -0.48)
"""Direction to the window that lights the scene."""
KEY = np.array([2.05, 1.90, 1.66])
SKY, BOUNCE = np.array([0.38, 0.42, 0.50]), np.array([0.24, 0.19, 0.17])
SWEATER = (0.055, 0.105, 0.135)

HANDS = (
    Placement("right", OPEN_PALM, (-0.057, 0.088, 0.455), (-8.0, 16.0, -9.0), (-0.10, 0.34, 0.12)),
    Placement("left", POINTING, (0.047, 0.098, 0.490), (-4.0, 28.0, 7.0), (0.10, 0.33, 0.12)),
)


@dataclass(frozen=True)
class Lit:
    """The samples that see a body: where in the picture, with what normal, and how much light arrives."""

    rows: np.ndarray
    columns: np.ndarray
    normals: np.ndarray
    to_viewer: np.ndarray
    ambient: np.ndarray
    key: np.ndarray


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    picture = render()
    Image.fromarray(picture).save(arguments.output, quality=92, optimize=True)


def render() -> np.ndarray:
    """Returns the picture (h, w, 3) uint8."""
    camera = Camera.from_fov(WIDTH, HEIGHT, fov_deg=FOV_DEG)
    bodies = [posed_hand(hand) for hand in HANDS] + [sleeve(hand) for hand in HANDS]
    scene = joined([_with_values(body, np.zeros((len(body.vertices), 0))) for body in bodies])
    light = _light(scene)
    raster = rasterize(scene.vertices, scene.faces, _scaled(camera), width=WIDTH * SAMPLES, height=HEIGHT * SAMPLES)
    picture = background(raster.face >= 0)
    starts = np.cumsum([0] + [len(body.vertices) for body in bodies])
    for i, body in enumerate(bodies):
        values = np.zeros((len(scene.vertices), 5 + body.values.shape[1]))
        own = slice(starts[i], starts[i + 1])
        values[own] = np.concatenate([scene.normals[own], light[own], body.values], axis=1)
        lit, own_values = _samples_of(raster, bodies, i, values, camera)
        material = skin(own_values[:, :3], own_values[:, 3:], rest_fingers()) if i < 2 else cloth(own_values, SWEATER)
        picture[lit.rows, lit.columns] = _shaded(lit, material, picture.shape[:2], flesh=i < 2)
    return _photographed(picture)


def background(occupied: np.ndarray) -> np.ndarray:
    """Returns the room behind, out of focus, in linear light; bodies leave a soft shadow on the person's sweater."""
    height, width = occupied.shape
    y, x = np.meshgrid(np.linspace(0, 0.75, height), np.linspace(0, 1, width), indexing="ij")
    wall = np.array([0.46, 0.42, 0.36]) * (1.15 - 0.75 * x - 0.25 * y)[..., None]
    picture = wall.copy()
    for left, right, top, bottom, colour in (
        (-0.1, 0.17, -0.1, 0.42, (1.9, 2.0, 2.1)),
        (0.06, 0.075, -0.1, 0.42, (0.5, 0.47, 0.42)),
        (0.76, 1.1, 0.16, 0.185, (0.16, 0.10, 0.06)),
        (0.79, 0.815, 0.03, 0.16, (0.35, 0.07, 0.05)),
        (0.82, 0.85, 0.05, 0.16, (0.06, 0.16, 0.22)),
        (0.855, 0.875, 0.02, 0.16, (0.45, 0.36, 0.12)),
        (0.90, 0.96, 0.09, 0.16, (0.10, 0.22, 0.08)),
        (0.76, 1.1, 0.40, 0.425, (0.16, 0.10, 0.06)),
        (0.84, 0.93, 0.30, 0.40, (0.42, 0.30, 0.20)),
    ):
        picture[(x > left) & (x < right) & (y > top) & (y < bottom)] = colour
    picture = blurred(picture, 16.0 * SAMPLES / 3)
    aside = np.abs(x - 0.5)
    neck = (aside < 0.085) & (y < 0.15)
    picture = np.where(neck[..., None], np.array([0.62, 0.36, 0.25]) * (1.1 - 0.9 * x - 1.5 * y)[..., None], picture)
    hem = 0.045 + 0.26 * np.maximum(aside - 0.09, 0.0) + 0.09 * np.sqrt(np.maximum(1.0 - (aside / 0.088) ** 2, 0.0))
    hem += 9.0 * np.maximum(aside - 0.33, 0.0) ** 1.4
    torso = np.clip((y - hem) / 0.015, 0.0, 1.0)
    coarse = np.stack([x, y, np.zeros_like(x)], axis=-1)[::SAMPLES, ::SAMPLES]
    folds = noise(coarse.reshape(-1, 3) * [1.0, 0.35, 1.0], 9.0, 31).reshape(coarse.shape[:2])
    folds = np.repeat(np.repeat(folds, SAMPLES, axis=0), SAMPLES, axis=1)
    cloth_light = (0.95 - 0.75 * x + 0.18 * folds)[..., None]
    picture += blurred(torso[..., None], 7.0 * SAMPLES / 3) * (np.array(SWEATER) * 1.9 * cloth_light - picture)
    shadow = np.roll(occupied.astype(np.float64), (22 * SAMPLES, 30 * SAMPLES), axis=(0, 1))[..., None]
    return blurred(picture, 5.0 * SAMPLES / 3) * (1.0 - 0.42 * blurred(shadow, 14.0 * SAMPLES) * torso[..., None])


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Returns the (h, w, c) image under a Gaussian of `sigma` px, its border repeated."""
    margin = int(3 * sigma) + 1
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    fy, fx = np.fft.fftfreq(padded.shape[0])[:, None], np.fft.rfftfreq(padded.shape[1])[None]
    kernel = np.exp(-2.0 * (np.pi * sigma) ** 2 * (fx * fx + fy * fy))[..., None]
    soft = np.fft.irfft2(np.fft.rfft2(padded, axes=(0, 1)) * kernel, s=padded.shape[:2], axes=(0, 1))
    return soft[margin:-margin, margin:-margin]


def _light(scene: SmoothMesh) -> np.ndarray:
    """Returns the shares of ambient and of key light that reach each vertex."""
    towards = disk_directions(TO_KEY, 0.22, KEY_DIRECTIONS)
    lit = sees(scene, towards, size=640) | (towards @ scene.normals.T <= 0.0)
    return np.stack([ambient_visibility(scene, directions=AMBIENT_DIRECTIONS), lit.mean(axis=0)], axis=1)


def _samples_of(
    raster: Raster, bodies: list[SmoothMesh], body: int, values: np.ndarray, camera: Camera
) -> tuple[Lit, np.ndarray]:
    """Returns what the samples of one body see, and the body's own values there."""
    ends = np.cumsum([0] + [len(mesh.faces) for mesh in bodies])
    rows, columns = np.nonzero((raster.face >= ends[body]) & (raster.face < ends[body + 1]))
    corners = raster.faces[raster.face[rows, columns]]
    here = np.einsum("pk,pkc->pc", raster.weights[rows, columns].astype(np.float64), values[corners])
    focal = camera.fx * SAMPLES
    rays = np.stack(
        [
            (columns + 0.5 - WIDTH * SAMPLES / 2) / focal,
            (rows + 0.5 - HEIGHT * SAMPLES / 2) / focal,
            np.ones(len(rows)),
        ],
        axis=1,
    )
    return Lit(rows, columns, unit(here[:, :3]), unit(-rays), here[:, 3], here[:, 4]), here[:, 5:]


def _shaded(lit: Lit, material: Material, shape: tuple[int, int], *, flesh: bool) -> np.ndarray:
    """Returns linear light. In flesh, light enters at one point and leaves around it, red the farthest."""
    normals = _tilted(lit, material.height, shape)
    wrap = np.array([0.32, 0.14, 0.10]) if flesh else np.full(3, 0.05)
    cosine = (normals @ unit(np.array(TO_KEY)))[:, None]
    direct = np.maximum((cosine + wrap) / (1.0 + wrap), 0.0) ** 1.15 * lit.key[:, None] * KEY
    up = (0.5 - 0.5 * normals[:, 1])[:, None]
    ambient = (up * SKY + (1.0 - up) * BOUNCE) * lit.ambient[:, None] ** np.array([0.8, 1.15, 1.2])
    arriving = direct + ambient
    if flesh:
        arriving = _spread(arriving, lit, shape)
    halfway = unit(lit.to_viewer + unit(np.array(TO_KEY)))
    shine = np.maximum(np.einsum("ij,ij->i", normals, halfway), 0.0)
    facing = np.clip(np.einsum("ij,ij->i", normals, lit.to_viewer), 0.0, 1.0)
    fresnel = 0.04 + 0.96 * (1.0 - facing) ** 5
    glint = material.gloss * lit.key * (0.20 * shine**18 + 0.22 * shine**60)
    sheen = 0.32 * fresnel * lit.ambient * up[:, 0]
    return material.albedo * arriving + glint[:, None] * KEY * 0.5 + sheen[:, None] * SKY


def _tilted(lit: Lit, height: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Returns the normals tilted by fine relief, from its slope in the picture."""
    field = np.full(shape, np.nan)
    field[lit.rows, lit.columns] = height
    pixel = 0.5 / (0.5 * WIDTH * SAMPLES / np.tan(np.radians(FOV_DEG / 2)))  # m a sample, half a metre away
    slope_y, slope_x = (np.nan_to_num(np.gradient(field, pixel, axis=axis))[lit.rows, lit.columns] for axis in (0, 1))
    return unit(lit.normals - np.stack([slope_x, slope_y, np.zeros(len(slope_x))], axis=1))


def _spread(arriving: np.ndarray, lit: Lit, shape: tuple[int, int]) -> np.ndarray:
    """Returns the light after it has wandered under the skin: about 2.5 mm in red, 1 in green, half in blue."""
    mask = np.zeros((*shape, 1))
    mask[lit.rows, lit.columns] = 1.0
    soft = np.empty_like(arriving)
    for channel, sigma in enumerate((7.0, 3.2, 1.8)):
        field = np.zeros((*shape, 1))
        field[lit.rows, lit.columns, 0] = arriving[:, channel]
        spread = blurred(field, sigma)[lit.rows, lit.columns, 0] / blurred(mask, sigma)[lit.rows, lit.columns, 0]
        soft[:, channel] = 0.3 * arriving[:, channel] + 0.7 * spread
    return soft


def _photographed(linear: np.ndarray) -> np.ndarray:
    """Returns what a camera makes of the light: a lens's softness and falling edges, a tone curve, grain."""
    soft = 0.88 * linear + 0.12 * blurred(linear, 12.0 * SAMPLES)
    pixels = blurred(soft, 0.42 * SAMPLES).reshape(HEIGHT, SAMPLES, WIDTH, SAMPLES, 3).mean(axis=(1, 3))
    y, x = np.meshgrid(np.linspace(-0.75, 0.75, HEIGHT), np.linspace(-1, 1, WIDTH), indexing="ij")
    exposed = 1.05 * pixels * (1.0 - 0.16 * (x * x + y * y))[..., None]
    toned = exposed * (1.0 + exposed / 2.6) / (1.0 + exposed)  # rolls off highlights
    grain = np.random.default_rng(7).normal(size=(HEIGHT, WIDTH, 3)) @ (0.7 * np.eye(3) + 0.3 / 3)
    srgb = srgb_from_linear(toned * 1.25) + 0.010 * blurred(grain, 0.5)
    return np.round(np.clip(srgb, 0.0, 1.0) * 255.0).astype(np.uint8)


def _scaled(camera: Camera) -> Camera:
    return Camera(camera.fx * SAMPLES, camera.fy * SAMPLES, camera.cx * SAMPLES, camera.cy * SAMPLES)


def _with_values(mesh: SmoothMesh, values: np.ndarray) -> SmoothMesh:
    return SmoothMesh(mesh.vertices, mesh.normals, mesh.faces, values)


if __name__ == "__main__":
    main()
