"""What the surfaces in the packaged example image look like: skin with nails and creases, knitted cloth, noise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from a2p.render.mesh import unit
from example_hands import Fingers


@dataclass(frozen=True)
class Material:
    """What light meets at each point."""

    albedo: np.ndarray
    """(p, 3) linear."""
    gloss: np.ndarray
    """(p,) strength of the highlight."""
    height: np.ndarray
    """(p,) m, of fine relief, to tilt normals by."""


def noise(points: np.ndarray, frequency: float, seed: int) -> np.ndarray:
    """Returns value noise in [-1, 1] that varies over 1 / frequency; deterministic."""
    scaled = points * frequency
    cell = np.floor(scaled).astype(np.int64)
    f = scaled - cell
    f = f * f * (3.0 - 2.0 * f)
    total = np.zeros(len(points))
    for corner in range(8):
        offset = np.array([corner & 1, corner >> 1 & 1, corner >> 2 & 1])
        weight = np.prod(np.where(offset == 1, f, 1.0 - f), axis=1)
        total += weight * _hashed(cell + offset, seed)
    return total


def skin(rest: np.ndarray, normals: np.ndarray, fingers: Fingers) -> Material:
    """Returns the skin at rest positions (p, 3) of the right hand, with rest normals."""
    palmar = _smooth(0.15, 0.75, -unit(normals)[:, 1])
    mottling = noise(rest, 90.0, 1) + 0.7 * noise(rest, 260.0, 2) + 0.5 * noise(rest, 620.0, 6)
    albedo = np.array([0.49, 0.265, 0.175]) * (1 - palmar[:, None]) + np.array([0.60, 0.335, 0.245]) * palmar[:, None]
    albedo = albedo * (1.0 + 0.075 * mottling[:, None] * np.array([0.5, 1.0, 1.0]))
    near = _nearest_finger(rest, fingers)
    flush = 0.7 * near.tip + 0.34 * near.knuckle + 0.18 * palmar * np.maximum(noise(rest, 45.0, 3), 0.0)
    albedo = albedo * (1.0 - flush[:, None] * np.array([0.02, 0.24, 0.22]))
    crease = np.maximum(near.crease * palmar, 0.55 * near.wrinkle * (1 - palmar))
    crease = np.maximum(crease, palmar * _palm_lines(rest, palmar, fingers))
    albedo = albedo * (1.0 - crease[:, None] * np.array([0.26, 0.42, 0.42]))
    nail = near.nail[:, None]
    albedo = albedo * (1 - nail) + nail * (
        np.array([0.66, 0.39, 0.32]) * (1 - near.nail_edge[:, None])
        + near.nail_edge[:, None] * np.array([0.8, 0.7, 0.6])
    )
    relief = 1.1e-4 * noise(rest, 800.0, 4) + 8e-5 * noise(rest, 1900.0, 5) - 2.5e-4 * crease
    return Material(albedo, 0.35 + 0.9 * near.nail, relief * (1.0 - near.nail))


def cloth(place: np.ndarray, colour: tuple[float, float, float]) -> Material:
    """Returns knitted cloth at (p, 2) places: metres along it and radians around it."""
    along, around = place.T
    cuff = 1.0 / (1.0 + np.exp((along - 0.045) / 0.0015))
    ribs = 0.5 + 0.5 * np.cos(44.0 * around)
    stitch = np.sin(2.0 * np.pi * along / 0.0021 + np.pi * np.sign(np.sin(110.0 * around))) * np.sin(110.0 * around)
    where = np.stack([along, 0.04 * np.cos(around), 0.04 * np.sin(around)], axis=1)
    shade = 1.0 + 0.10 * stitch * (1 - cuff) - 0.30 * cuff * (1 - ribs) + 0.08 * noise(where, 700.0, 7)
    relief = 2.0e-4 * stitch * (1 - cuff) + 1e-4 * noise(where, 900.0, 8)
    return Material(np.array(colour) * shade[:, None], np.full(len(place), 0.03), relief)


@dataclass(frozen=True)
class _NearestFinger:
    """How much each point is a fingertip, knuckle, crease, dorsal wrinkle, nail and nail edge, in [0, 1]."""

    tip: np.ndarray
    knuckle: np.ndarray
    crease: np.ndarray
    wrinkle: np.ndarray
    nail: np.ndarray
    nail_edge: np.ndarray


def _nearest_finger(rest: np.ndarray, fingers: Fingers) -> _NearestFinger:
    distance = np.stack([_chain_distance(rest, chain) for chain in fingers.joints], axis=1)
    nearest = distance.argmin(axis=1)
    masks = np.zeros((6, len(rest)))
    for finger in range(5):
        mine = np.flatnonzero((nearest == finger) & (distance[:, finger] < 0.02))
        masks[:, mine] = _finger_masks(rest[mine], fingers.joints[finger], fingers.dorsal[finger])
    return _NearestFinger(*masks)


def _finger_masks(points: np.ndarray, chain: np.ndarray, dorsal: np.ndarray) -> np.ndarray:
    bone = unit(chain[3] - chain[2])
    length = np.linalg.norm(chain[3] - chain[2])
    along = (points - chain[2]) @ bone / length
    lateral = unit(np.cross(bone, dorsal))
    aside, up = (points - chain[2]) @ lateral, (points - chain[2]) @ dorsal
    tip = _smooth(0.35, 1.0, along)
    thumb = chain[0, 0] > -0.06
    half_width = 0.0080 if thumb else 0.0066
    wiggle = 0.0006 * noise(points, 300.0, 11)
    masks = np.zeros((3, len(points)))
    for joint in (0, 1, 2):
        direction = unit(chain[joint + 1] - chain[max(joint - 1, 0)])
        offset = (points - chain[joint]) @ direction
        knuckle_width, shift = (0.008, 0.0) if joint else (0.010, -0.004)
        masks[0] = np.maximum(masks[0], np.exp(-(((offset - shift) / knuckle_width) ** 2)))
        for line, strength in ((-0.0012, 0.8), (0.0016, 1.0)) if joint > thumb else ():
            masks[1] = np.maximum(masks[1], strength * np.exp(-(((offset - line + wiggle) / 0.00055) ** 2)))
        ripples = 0.5 + 0.5 * np.cos(2 * np.pi * (offset + wiggle) / 0.0021)
        masks[2] = np.maximum(masks[2], (joint > 0) * ripples**3 * np.exp(-((offset / 0.0045) ** 2)))
    oval = np.abs((along - 0.70) / 0.30) ** 3 + np.abs(aside / half_width) ** 3
    nail = _smooth(1.15, 0.85, oval) * _smooth(0.0015, 0.003, up)
    return np.stack([tip, *masks, nail, nail * _smooth(0.90, 0.97, along)])


def _palm_lines(rest: np.ndarray, palmar: np.ndarray, fingers: Fingers) -> np.ndarray:
    """Returns how much of the three great lines of the palm lies on each point."""
    wrist, index, middle, ring, pinky = (fingers.knuckles[k] for k in (0, 1, 4, 10, 7))
    up, thumb_side = middle - wrist, index - pinky
    start = wrist + 0.70 * up + 0.78 * thumb_side
    curves = [
        (start, wrist + 0.62 * up - 0.02 * thumb_side, wrist + 0.10 * up + 0.12 * thumb_side),
        (start, wrist + 0.66 * up + 0.2 * thumb_side, wrist + 0.46 * up - 0.62 * thumb_side),
        (wrist + 0.70 * up - 0.72 * thumb_side, ring - 0.26 * up, 0.5 * (index + middle) - 0.05 * up),
    ]
    lines = np.zeros(len(rest))
    t = np.linspace(0.0, 1.0, 128)[:, None]
    inside = np.flatnonzero((palmar > 0.02) & (rest[:, 0] > index[0]))
    points = rest[inside] + 0.0012 * np.stack([noise(rest[inside], 180.0, k) for k in (21, 22, 23)], axis=1)
    for a, b, c in curves:
        curve = ((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c)[:, [0, 2]]
        squared = np.full(len(inside), np.inf)
        for x, z in curve:
            squared = np.minimum(squared, (points[:, 0] - x) ** 2 + (points[:, 2] - z) ** 2)
        lines[inside] = np.maximum(lines[inside], 0.85 * np.exp(-squared / 0.0009**2))
    return lines


def _chain_distance(points: np.ndarray, chain: np.ndarray) -> np.ndarray:
    nearest = np.full(len(points), np.inf)
    for a, b in pairwise(chain):
        t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
        nearest = np.minimum(nearest, np.linalg.norm(points - a - t[:, None] * (b - a), axis=1))
    return nearest


def _smooth(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """Returns the cubic step from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _hashed(cell: np.ndarray, seed: int) -> np.ndarray:
    """Returns a number in [-1, 1) for each integer cell."""
    x, y, z = (cell & 0xFFFFFFFF).astype(np.uint64).T
    h = x * np.uint64(374761393) + y * np.uint64(668265263) + z * np.uint64(2246822519) + np.uint64(seed * 3266489917)
    h = (h ^ (h >> np.uint64(15))) * np.uint64(2654435761)
    h = (h ^ (h >> np.uint64(13))) * np.uint64(3266489917) & np.uint64(0xFFFFFFFF)
    return (h ^ (h >> np.uint64(16))).astype(np.float64) / 2**31 - 1.0
