"""Pictures of reconstructed meshes: blended onto the photo, and seen from aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Integer, UInt8
from PIL import Image, ImageFilter

from a2p.camera import Camera
from a2p.errors import MeshError
from a2p.render.mesh import SmoothMesh, joined, smooth_mesh, tessellate, unit
from a2p.render.palette import Colour
from a2p.render.rasterize import NEAR, Raster, rasterize
from a2p.render.shading import (
    Lights,
    Surface,
    ambient_visibility,
    key_visibility,
    linear_from_srgb,
    shade,
    srgb_from_linear,
)

_CHANNELS = 6
"""What a pixel blends of each mesh: coverage, normal, ambient and key light."""
_MAX_PIXELS = 1_000_000
"""A larger box is rendered smaller and enlarged: shading is smooth, and photos have tens of megapixels."""
_MAX_FACES = 40_000
"""Meshes with fewer faces are tessellated once."""
_MAX_SAMPLES = 3_000_000
"""About how many samples a picture has; between 2 and 4 a side of each pixel."""


@dataclass(frozen=True)
class RenderMesh:
    """One mesh to draw, in the camera frame (m)."""

    vertices: Float[np.ndarray, "v 3"]
    faces: Integer[np.ndarray, "f 3"]
    colour: Colour
    """sRGB."""


def draw_overlay(
    image: UInt8[np.ndarray, "h w 3"],
    meshes: Sequence[RenderMesh],
    camera: Camera,
    *,
    opacity: float = 0.85,
    aside: bool = False,
    lights: Lights | None = None,
) -> Image.Image:
    """Returns the photo with the meshes drawn over it, the nearer one in front; `aside` adds a view from the side.

    The photo keeps its size; the view from aside is a square panel to its right.
    """
    lights = lights or Lights()
    lit = _lit(meshes, lights)
    height, width = image.shape[:2]
    canvas = Image.fromarray(image)
    box = _box_of(lit, camera, width, height)
    if box is not None:
        layer = _layer_in_box(lit, meshes, camera, box, lights)
        canvas.paste(layer, box[:2], layer.getchannel("A").point(lambda alpha: round(alpha * opacity)))
    if not aside:
        return canvas
    both = Image.new("RGB", (width + height, height))
    both.paste(canvas, (0, 0))
    both.paste(view_from_aside(meshes, size=height, lights=lights), (width, 0))
    return both


def view_from_aside(
    meshes: Sequence[RenderMesh],
    *,
    size: int,
    yaw_deg: float = 70.0,
    pitch_deg: float = 20.0,
    lights: Lights | None = None,
) -> Image.Image:
    """Returns a square picture on neutral ground with the meshes seen from the camera's right and above."""
    lights = lights or Lights()
    ramp = np.linspace(0.95, 0.80, size)[:, None, None]
    ground = np.broadcast_to(ramp, (size, size, 3)) * np.array([0.985, 0.99, 1.0])
    picture = Image.fromarray(np.round(ground * 255.0).astype(np.uint8))
    if meshes:
        turned, camera = _turned(meshes, np.radians(yaw_deg), np.radians(pitch_deg), size)
        layer = _layer_in_box(_lit(turned, lights), turned, camera, (0, 0, size, size), lights)
        picture.paste(layer, (0, 0), layer)
    return picture


def _turned(meshes: Sequence[RenderMesh], yaw: float, pitch: float, size: int) -> tuple[list[RenderMesh], Camera]:
    """Returns the meshes turned about their middle, and a long lens that holds them."""
    points = np.concatenate([np.asarray(mesh.vertices, dtype=np.float64) for mesh in meshes])
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    cos_y, sin_y, cos_p, sin_p = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cos_y, 0.0, sin_y], [0.0, 1.0, 0.0], [-sin_y, 0.0, cos_y]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos_p, -sin_p], [0.0, sin_p, cos_p]])
    rotation = about_x @ about_y
    radius = max(float(np.linalg.norm(points - middle, axis=1).max()), 1e-6)
    distance = 5.0 * radius
    turned = [
        RenderMesh((mesh.vertices - middle) @ rotation.T + [0.0, 0.0, distance], mesh.faces, mesh.colour)
        for mesh in meshes
    ]
    focal = 0.46 * size * distance / radius
    return turned, Camera(focal, focal, size / 2.0, size / 2.0)


def _lit(meshes: Sequence[RenderMesh], lights: Lights) -> list[SmoothMesh]:
    """Returns the meshes, smooth, with two values a vertex: the shares of ambient and of key light that arrive."""
    if not meshes:
        return []
    for mesh in meshes:
        if not np.isfinite(mesh.vertices).all():
            raise MeshError("vertices must be finite; got NaN or infinity. Drop the meshes that have no position.")
    plain = [smooth_mesh(mesh.vertices, mesh.faces) for mesh in meshes]
    scene = joined(plain)
    light = np.stack([ambient_visibility(scene), key_visibility(scene, lights)], axis=1)
    starts = np.cumsum([len(mesh.vertices) for mesh in plain])[:-1]
    smooth = [
        SmoothMesh(mesh.vertices, mesh.normals, mesh.faces, values)
        for mesh, values in zip(plain, np.split(light, starts), strict=True)
    ]
    return [tessellate(mesh) if len(mesh.faces) < _MAX_FACES else mesh for mesh in smooth]


def _box_of(meshes: Sequence[SmoothMesh], camera: Camera, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Returns the part of the image (x0, y0, x1, y1) that the meshes and their outline may touch."""
    if not meshes:
        return None
    points = np.concatenate([mesh.vertices for mesh in meshes])
    in_front = points[points[:, 2] >= NEAR]
    if len(in_front) == 0:
        return None
    if len(in_front) < len(points):
        return 0, 0, width, height
    pixels = in_front[:, :2] / in_front[:, 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]
    margin = 8.0 + 0.01 * max(width, height)
    x0, y0 = np.clip(np.floor(pixels.min(axis=0) - margin), 0, [width, height]).astype(int)
    x1, y1 = np.clip(np.ceil(pixels.max(axis=0) + margin), 0, [width, height]).astype(int)
    return None if x0 >= x1 or y0 >= y1 else (int(x0), int(y0), int(x1), int(y1))


def _layer_in_box(
    lit: Sequence[SmoothMesh],
    meshes: Sequence[RenderMesh],
    camera: Camera,
    box: tuple[int, int, int, int],
    lights: Lights,
) -> Image.Image:
    """Returns the meshes' picture (RGBA) in a box of the image, rendered smaller where the box is very large."""
    x0, y0, x1, y1 = box
    scale = min(1.0, float(np.sqrt(_MAX_PIXELS / ((x1 - x0) * (y1 - y0)))))
    width, height = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    sx, sy = width / (x1 - x0), height / (y1 - y0)
    local = Camera(camera.fx * sx, camera.fy * sy, (camera.cx - x0) * sx, (camera.cy - y0) * sy)
    scene = joined(lit)
    samples = min(max(int(np.sqrt(_MAX_SAMPLES / (width * height))), 2), 4)
    raster = rasterize(scene.vertices, scene.faces, local, width=width, height=height, samples=samples)
    layer = _shaded(raster, lit, meshes, local, lights)
    layer.alpha_composite(_outline(raster, lit, local))
    return layer if scale == 1.0 else layer.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR)


def _shaded(
    raster: Raster, lit: Sequence[SmoothMesh], meshes: Sequence[RenderMesh], camera: Camera, lights: Lights
) -> Image.Image:
    """Returns the shaded meshes (RGBA), each pixel the blend of what its samples see."""
    values = _per_mesh([np.concatenate([np.ones((len(m.vertices), 1)), m.normals, m.values], axis=1) for m in lit])
    resolved = raster.resolve(values)
    colour = np.zeros((*resolved.shape[:2], 3), dtype=np.float32)
    coverage = resolved[..., ::_CHANNELS].sum(axis=-1)
    for i, mesh in enumerate(meshes):
        y, x = np.nonzero(resolved[..., _CHANNELS * i] > 0.0)
        covered = resolved[y, x, _CHANNELS * i : _CHANNELS * (i + 1)]
        normals, light = unit(covered[:, 1:4]), np.clip(covered[:, 4:] / covered[:, :1], 0.0, 1.0)
        rays = np.stack([(x + 0.5 - camera.cx) / camera.fx, (y + 0.5 - camera.cy) / camera.fy, np.ones(len(x))], axis=1)
        surface = Surface(normals, unit(-rays.astype(np.float32)), light[:, 0], light[:, 1])
        shaded = srgb_from_linear(shade(surface, linear_from_srgb(np.array(mesh.colour, dtype=np.float32)), lights))
        colour[y, x] += covered[:, :1] / coverage[y, x, None] * shaded
    pixels = np.concatenate([colour, np.minimum(coverage, 1.0)[..., None]], axis=-1)
    return Image.fromarray(np.round(pixels * 255.0).astype(np.uint8))


def _per_mesh(values: Sequence[Float64[np.ndarray, "_ c"]]) -> Float64[np.ndarray, "v n_times_c"]:
    """Returns the values of all vertices, each mesh's in columns of its own, so that pixels tell meshes apart."""
    table = np.zeros((sum(len(block) for block in values), _CHANNELS * len(values)))
    start = 0
    for i, block in enumerate(values):
        table[start : start + len(block), _CHANNELS * i : _CHANNELS * (i + 1)] = block
        start += len(block)
    return table


def _outline(raster: Raster, lit: Sequence[SmoothMesh], camera: Camera) -> Image.Image:
    """Returns dark lines (RGBA): where a mesh ends, and where a finger passes before another."""
    owner_of_face = np.repeat(np.arange(1, len(lit) + 1, dtype=np.int8), [len(mesh.faces) for mesh in lit])
    owner = np.append(owner_of_face, np.int8(0))[raster.face]
    jump = np.maximum(0.006, 8.0 / (max(camera.fx, camera.fy) * raster.samples) * raster.depth)
    edge = np.zeros(owner.shape, dtype=bool)
    for ahead, behind in (np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1]):
        with np.errstate(invalid="ignore"):
            here = np.abs(raster.depth[ahead] - raster.depth[behind]) > np.minimum(jump[ahead], jump[behind])
        here |= owner[ahead] != owner[behind]
        edge[ahead] |= here
        edge[behind] |= here
    size = float(np.sqrt(np.count_nonzero(owner))) / raster.samples
    line = Image.fromarray(edge.view(np.uint8) * np.uint8(255)).reduce(raster.samples)
    line = line.filter(ImageFilter.GaussianBlur(min(max(size / 450.0, 0.5), 3.0)))
    ink = Image.new("RGBA", line.size, (18, 15, 23, 0))
    ink.putalpha(line.point(lambda value: min(round(value * 0.72), 160)))
    return ink
