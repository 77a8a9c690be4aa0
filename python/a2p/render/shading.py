"""Light: how much of it reaches a surface, and what colour the surface then has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from a2p.camera import Camera
from a2p.render.mesh import SmoothMesh, neighbour_mean, unit
from a2p.render.rasterize import rasterize

Directions = Float64[np.ndarray, "d 3"]
"""Unit vectors."""
Pixels = Float[np.ndarray, "p 3"]
"""One row a pixel."""


@dataclass(frozen=True, kw_only=True)
class Lights:
    """Light in the camera's frame: a sky above a ground, a key light, a rim; linear light, 1 is white."""

    sky: tuple[float, float, float] = (0.44, 0.47, 0.54)
    """Ambient light from above."""
    ground: tuple[float, float, float] = (0.20, 0.17, 0.17)
    """Ambient light from below."""
    key: tuple[float, float, float] = (0.98, 0.93, 0.86)
    """The lamp whose shadows show the form."""
    to_key: tuple[float, float, float] = (-0.70, -0.75, -0.45)
    """Direction to the lamp: over the viewer's left shoulder."""
    key_radius: float = 0.16
    """Tangent of the half angle that the lamp spans; larger is softer."""
    gloss: float = 0.14
    """Strength of the lamp's highlight."""
    gloss_exponent: float = 28.0
    """How sharp the highlight is."""
    wrap: float = 0.2
    """How far past the terminator the lamp reaches, as in flesh; 0 is a hard body."""
    rim: float = 0.45
    """Strength of the light that grazes the outline."""


def srgb_from_linear(linear: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Returns linear light as sRGB (IEC 61966-2-1), both clamped to [0, 1]."""
    light = np.clip(linear, 0.0, 1.0)
    srgb: Float[np.ndarray, "*batch 3"] = np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
    )
    return srgb


def linear_from_srgb(srgb: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Returns sRGB (IEC 61966-2-1) as linear light."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def sphere_directions(count: int) -> Directions:
    """Returns unit vectors spread evenly over the sphere, on a Fibonacci lattice."""
    index = np.arange(count) + 0.5
    z = 1.0 - 2.0 * index / count
    angle = np.pi * (3.0 - np.sqrt(5.0)) * index
    return np.stack([np.sqrt(1.0 - z * z) * np.cos(angle), np.sqrt(1.0 - z * z) * np.sin(angle), z], axis=1)


def disk_directions(centre: tuple[float, float, float], radius: float, count: int) -> Directions:
    """Returns unit vectors within a cone around `centre`; `radius` is the tangent of its half angle."""
    index = np.arange(count) + 0.5
    angle = np.pi * (3.0 - np.sqrt(5.0)) * index
    rotation = _looking_along(unit(np.array(centre)))
    offset = radius * np.sqrt(index / count)
    return unit(np.stack([offset * np.cos(angle), offset * np.sin(angle), np.ones(count)], axis=1) @ rotation)


def sees(mesh: SmoothMesh, directions: Directions, *, size: int = 96) -> Bool[np.ndarray, "d v"]:
    """Returns whether each vertex sees far along each direction, by one depth map of `size` px a direction.

    Blockers thinner or nearer than about two pixels of the map (2 / size of the mesh's extent) may be missed.
    """
    centre = 0.5 * (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0))
    radius = max(float(np.linalg.norm(mesh.vertices - centre, axis=1).max()), 1e-9)
    distance, pixel = 30.0 * radius, 2.0 * radius / (size - 4)
    rotations = np.stack([_looking_along(-direction) for direction in directions])
    offset = np.array([0.0, 0.0, distance])
    seen_from_light = (mesh.vertices - centre) @ rotations.transpose(0, 2, 1) + offset
    camera = Camera(distance / pixel, distance / pixel, size / 2.0, size / 2.0)
    depth = rasterize(seen_from_light, mesh.faces, camera, width=size, height=size).depth
    lifted = (mesh.vertices + pixel * mesh.normals - centre) @ rotations.transpose(0, 2, 1) + offset
    columns, rows = (
        np.clip((lifted[..., axis] / lifted[..., 2] * camera.fx + size / 2.0).astype(np.int64), 0, size - 1)
        for axis in (0, 1)
    )
    nearest = depth[np.arange(len(directions))[:, None], rows, columns]
    facing = directions @ mesh.normals.T > 0.0
    visible: Bool[np.ndarray, "d v"] = facing & (lifted[..., 2] <= nearest + pixel)
    return visible


def ambient_visibility(mesh: SmoothMesh, *, directions: int = 40) -> Float64[np.ndarray, " v"]:
    """Returns the share of a bright surrounding's light that reaches each vertex: 1 on a convex body."""
    towards = sphere_directions(directions)
    cosine = np.maximum(towards @ mesh.normals.T, 0.0)
    share = (cosine * sees(mesh, towards)).sum(axis=0) / np.maximum(cosine.sum(axis=0), 1e-9)
    return neighbour_mean(share, mesh.faces)


def key_visibility(mesh: SmoothMesh, lights: Lights, *, directions: int = 8) -> Float64[np.ndarray, " v"]:
    """Returns the share of the key light that reaches each vertex; a surface that faces away counts as lit.

    Facing away already darkens it by the cosine, and a second cut there would only make the terminator jagged.
    """
    towards = disk_directions(lights.to_key, lights.key_radius, directions)
    lit = sees(mesh, towards, size=192) | (towards @ mesh.normals.T <= 0.0)
    return neighbour_mean(lit.mean(axis=0), mesh.faces)


@dataclass(frozen=True)
class Surface:
    """Points of a surface to shade."""

    normals: Pixels
    """Unit normals."""
    to_viewer: Pixels
    """Unit vectors towards the camera."""
    ambient: Float[np.ndarray, " p"]
    """Share of the ambient light that arrives."""
    lit: Float[np.ndarray, " p"]
    """Share of the key light that arrives."""


def shade(surface: Surface, albedo_linear: Float[np.ndarray, "*p 3"], lights: Lights) -> Pixels:
    """Returns linear light: a hemisphere and a key light on a diffuse body, a soft highlight and a grazing rim.

    The key light wraps a little around the body, as it does in flesh.
    """
    normals, dtype = surface.normals, surface.normals.dtype
    sky, ground, key, to_key = (
        np.array(value, dtype=dtype) for value in (lights.sky, lights.ground, lights.key, lights.to_key)
    )
    to_key = unit(to_key)
    up = 0.5 - 0.5 * normals[:, 1]
    wrapped = np.maximum((normals @ to_key + lights.wrap) / (1.0 + lights.wrap), 0.0) * surface.lit
    shine = np.maximum(_dot(normals, unit(surface.to_viewer + to_key)), 0.0) ** lights.gloss_exponent
    grazing = np.clip(1.0 - _dot(normals, surface.to_viewer), 0.0, 1.0) ** 3
    colour = np.outer(up * surface.ambient, sky) + np.outer((1.0 - up) * surface.ambient, ground)
    colour += np.outer(wrapped, key)
    colour *= albedo_linear
    colour += np.outer(lights.rim * grazing * surface.ambient * up, sky)
    colour += np.outer(lights.gloss * shine * surface.lit, key)
    return colour


def _dot(a: Pixels, b: Pixels) -> Float[np.ndarray, " p"]:
    products: Float[np.ndarray, " p"] = np.einsum("ij,ij->i", a, b)
    return products


def _looking_along(direction: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, "3 3"]:
    """Returns the rotation whose third row is the unit vector `direction`."""
    helper = np.eye(3)[np.argmin(np.abs(direction))]
    right = unit(np.cross(helper, direction))
    return np.stack([right, np.cross(direction, right), direction])
