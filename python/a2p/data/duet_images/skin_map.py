"""Where skin is red, creased, veined or nail, over the rest pose of any hand model.

Two square maps, of the hand's back and of the palm, seen along the model's y axis. They are computed from the rest
joints and vertices when a renderer is made and are nowhere stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from a2p.camera import Camera
from a2p.hand import HandModel
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.keypoints import FINGERTIP_VERTICES
from a2p.render.mesh import unit, vertex_normals
from a2p.render.rasterize import rasterize

Points = Float64[np.ndarray, "p 3"]
Amounts = Float64[np.ndarray, " p"]

SIDE = 384
"""Texels a side of the finest map."""
LEVELS = 4
"""Maps, each half as fine as the one before."""
_FIRST_JOINT = (13, 1, 4, 10, 7)
"""The proximal joint of thumb, index, middle, ring and pinky."""
_FAR = 60.0
"""Distance (m) from which the maps are looked at, so that lines of sight are parallel."""


@dataclass(frozen=True)
class RestHand:
    """A hand model's rest pose as a right hand's, with the frames that skin follows."""

    vertices: Points
    normals: Points
    faces: Int64[np.ndarray, "f 3"]
    """Skin only, outward."""
    wrist_loop: Int64[np.ndarray, " l"]
    """Vertices around the wrist, in the direction of the skin's edges."""
    joint: Int64[np.ndarray, " p"]
    """The joint that moves each vertex most."""
    joints: Float64[np.ndarray, "16 3"]
    tips: Float64[np.ndarray, "5 3"]
    """Thumb to pinky."""
    dorsal: Float64[np.ndarray, "16 3"]
    """Unit, out of the back of each joint's bone."""

    @classmethod
    def of(cls, model: HandModel) -> RestHand:
        """Returns the rest pose of a model; a left hand is mirrored."""
        mirror = np.array([-1.0 if model.side == "left" else 1.0, 1.0, 1.0])
        faces = model.topology.faces.numpy()[~model.topology.is_cap.numpy()]
        outward = faces if model.side == "right" else faces[:, [0, 2, 1]]
        vertices = model.v_template.numpy().astype(np.float64) * mirror
        joints = model.J_template.numpy().astype(np.float64) * mirror
        anatomy = HandAnatomy.from_rest_joints(model.J_template, side=model.side)
        dorsal = np.concatenate([[[0.0, 1.0, 0.0]], anatomy.distal[:, :, 1].numpy().astype(np.float64)])
        return cls(
            vertices=vertices,
            normals=vertex_normals(vertices, outward),
            faces=outward,
            wrist_loop=_wrist_loop(faces),
            joint=model.weights.numpy().argmax(axis=1),
            joints=joints,
            tips=vertices[list(FINGERTIP_VERTICES)],
            dorsal=dorsal,
        )

    def palmar(self) -> Amounts:
        """Returns 0 on the hand's back to 1 on the palm, for each vertex."""
        towards_back = np.einsum("pi,pi->p", self.normals, self.dorsal[self.joint])
        share: Amounts = np.clip(0.5 - 0.75 * towards_back, 0.0, 1.0)
        return share

    def chain(self, finger: int) -> Float64[np.ndarray, "4 3"]:
        """Returns the three joints and the tip of a finger, thumb to pinky."""
        first = _FIRST_JOINT[finger]
        return np.concatenate([self.joints[first : first + 3], self.tips[finger][None]])

    def ring_bones(self) -> Float64[np.ndarray, "10 3"]:
        """Returns both ends of each proximal phalanx, thumb to pinky."""
        return np.concatenate([self.chain(finger)[:2] for finger in range(5)])

    def relief(self) -> Amounts:
        """Returns how far tendons and knuckles stand out at each vertex; the largest is 1."""
        back = np.clip(1.0 - 2.0 * self.palmar(), 0.0, 1.0)
        height = np.zeros(len(self.vertices))
        for finger in range(5):
            chain = self.chain(finger)
            if finger:
                tendon = _segment_distance(self.vertices, 0.75 * self.joints[0] + 0.25 * chain[0], chain[0])
                height += 0.55 * back * np.exp(-((tendon / 0.0050) ** 2))
            for joint, width, strength in ((0, 0.0085, 1.0), (1, 0.0060, 0.55)):
                distance = np.linalg.norm(self.vertices - chain[joint] - [0.0, 0.006, 0.0], axis=1)
                height += strength * back * np.exp(-((distance / width) ** 2)) * (finger > 0)
        return height / max(float(height.max()), 1e-9)


@dataclass(frozen=True)
class SkinMaps:
    """Maps of skin details; texel (row, column) shows rest z and x."""

    levels: tuple[Float32[np.ndarray, "2 _ _ 4"], ...]
    """Back and palm; redness, creases, veins, nail. Finest first."""
    x: float
    """m, of the first column's left edge."""
    z: float
    """m, of the first row's upper edge."""
    texels_per_metre: float
    """Of the finest level."""

    @classmethod
    def of(cls, hand: RestHand, *, side: int = SIDE) -> SkinMaps:
        """Returns the maps of a hand."""
        low, high = hand.vertices.min(axis=0) - 0.004, hand.vertices.max(axis=0) + 0.004
        scale = side / float(max(high[0] - low[0], high[2] - low[2]))
        maps = np.stack([_side_map(hand, is_palm, low, scale, side) for is_palm in (False, True)])
        levels = [maps]
        for _ in range(LEVELS - 1):
            n = levels[-1].shape[1] // 2
            levels.append(levels[-1].reshape(2, n, 2, n, 2, 4).mean(axis=(2, 4)))
        return cls(
            levels=tuple(np.ascontiguousarray(level, dtype=np.float32) for level in levels),
            x=float(low[0]),
            z=float(low[2]),
            texels_per_metre=scale,
        )


def lattice_noise(points: Float64[np.ndarray, "p 2"], frequency: float, seed: int) -> Amounts:
    """Returns smooth noise in [-1, 1] that varies over 1 / frequency (m)."""
    lattice = np.random.default_rng(seed).uniform(-1.0, 1.0, (64, 64))
    scaled = points * frequency
    cell = np.floor(scaled).astype(np.int64)
    f = scaled - cell
    f = f * f * (3.0 - 2.0 * f)
    (x0, y0), (x1, y1) = (cell % 64).T, ((cell + 1) % 64).T
    upper = lattice[y0, x0] * (1 - f[:, 0]) + lattice[y0, x1] * f[:, 0]
    lower = lattice[y1, x0] * (1 - f[:, 0]) + lattice[y1, x1] * f[:, 0]
    noise: Amounts = upper * (1 - f[:, 1]) + lower * f[:, 1]
    return noise


def _wrist_loop(faces: Int64[np.ndarray, "f 3"]) -> Int64[np.ndarray, " l"]:
    edges = {(int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)}
    following = {a: b for a, b in edges if (b, a) not in edges}
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    return np.array(loop)


def _side_map(
    hand: RestHand, is_palm: bool, low: Float64[np.ndarray, " 3"], scale: float, side: int
) -> Float64[np.ndarray, "n n 4"]:
    on_side = (hand.palmar() > 0.5)[hand.faces].sum(axis=1) >= (1 if is_palm else 2)
    if not is_palm:
        on_side = (hand.palmar() < 0.5)[hand.faces].any(axis=1)
    depth = (hand.vertices[:, 1] if is_palm else -hand.vertices[:, 1]) + _FAR
    across = (hand.vertices[:, [0, 2]] - low[[0, 2]]) * depth[:, None] / _FAR
    camera = Camera(scale * _FAR, scale * _FAR, 0.0, 0.0)
    raster = rasterize(
        np.concatenate([across, depth[:, None]], axis=1), hand.faces[on_side], camera, width=side, height=side
    )
    seen = raster.face >= 0
    corners = hand.faces[on_side][raster.face[seen]]
    weights = raster.weights[seen].astype(np.float64)
    points = np.einsum("pk,pki->pi", weights, hand.vertices[corners])
    normals = unit(np.einsum("pk,pki->pi", weights, hand.normals[corners]))
    details = np.zeros((side, side, 4))
    details[seen] = _palm_details(hand, points) if is_palm else _back_details(hand, points, normals)
    return _spread(details, seen)


def _spread(
    details: Float64[np.ndarray, "n n 4"], seen: Bool[np.ndarray, "n n"], steps: int = 6
) -> Float64[np.ndarray, "n n 4"]:
    """Returns the map with texels near the outline filled from their neighbours."""
    for _ in range(steps):
        for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
            new = np.roll(seen, shift, axis) & ~seen
            details = np.where(new[..., None], np.roll(details, shift, axis), details)
            seen = seen | new
    return details


def _back_details(hand: RestHand, points: Points, normals: Points) -> Float64[np.ndarray, "p 4"]:
    plane = points[:, [0, 2]]
    red, crease, nail = np.zeros(len(points)), np.zeros(len(points)), np.zeros(len(points))
    wiggle = 0.0007 * lattice_noise(plane, 260.0, 3)
    for finger in range(5):
        chain, near = hand.chain(finger), _is_near(hand, finger, points)
        for joint in (0, 1, 2):
            along = (points - chain[joint]) @ unit(chain[joint + 1] - chain[max(joint - 1, 0)])
            width = (0.010, 0.0065, 0.005)[joint]
            bump = near * np.exp(-((along / width) ** 2))
            red = np.maximum(red, (0.75, 1.0, 0.6)[joint] * bump)
            if joint or finger == 0:
                ripples = 0.5 + 0.5 * np.cos(2 * np.pi * (along + wiggle) / 0.0024)
                fold = near * np.exp(-((along / (0.75 * width)) ** 2))
                crease = np.maximum(crease, fold * (0.25 + 0.75 * ripples**2))
        nail = np.maximum(nail, near * _nail(hand, finger, points, normals))
    wrinkles = 0.25 * np.maximum(lattice_noise(plane * [1.0, 2.5], 330.0, 8), 0.0)
    return np.stack([red, np.maximum(crease, wrinkles), _veins(hand, points), nail], axis=1)


def _palm_details(hand: RestHand, points: Points) -> Float64[np.ndarray, "p 4"]:
    plane = points[:, [0, 2]]
    red, crease = np.zeros(len(points)), np.zeros(len(points))
    wiggle = 0.0006 * lattice_noise(plane, 200.0, 4)
    for finger in range(5):
        chain, near = hand.chain(finger), _is_near(hand, finger, points)
        tip = (points - chain[2]) @ unit(chain[3] - chain[2]) / np.linalg.norm(chain[3] - chain[2])
        red = np.maximum(red, 0.9 * near * _smooth(0.1, 0.9, tip))
        for joint in (0, 1, 2):
            if finger == 0 and joint == 0:
                continue
            axis = unit(chain[joint + 1] - chain[max(joint - 1, 0)])
            # The crease of a finger's root lies half a phalanx beyond the knuckle.
            root = 0.011 if joint == 0 else 0.0
            along = (points - chain[joint]) @ axis - root + wiggle
            for line, strength in ((0.0, 1.0), (0.0022, 0.6 if joint == 1 else 0.0)):
                crease = np.maximum(crease, strength * near * np.exp(-(((along - line) / 0.0009) ** 2)))
            red = np.maximum(red, 0.25 * near * np.exp(-((along / 0.004) ** 2)))
    crease = np.maximum(crease, _palm_lines(hand, points))
    pads = 0.55 * np.exp(-((np.linalg.norm(points - 0.5 * (hand.joints[13] + hand.joints[14]), axis=1) / 0.022) ** 2))
    heel = 0.45 * np.exp(-((np.linalg.norm(points - 0.5 * (hand.joints[0] + hand.joints[7]), axis=1) / 0.022) ** 2))
    knuckles = [np.exp(-((np.linalg.norm(points - hand.joints[k], axis=1) / 0.012) ** 2)) for k in (1, 4, 7, 10)]
    red = np.maximum(red, np.maximum(pads, heel) + 0.35 * np.max(knuckles, axis=0))
    fine = 0.16 * np.maximum(lattice_noise(plane * [2.2, 1.0], 300.0, 9), 0.0)
    return np.stack(
        [np.clip(red, 0, 1), np.maximum(crease, fine), np.zeros(len(points)), np.zeros(len(points))], axis=1
    )


def _is_near(hand: RestHand, finger: int, points: Points) -> Amounts:
    """Returns 1 on a finger, falling to 0 where it ends or another finger is nearer."""
    chains = [hand.chain(k) for k in range(5)]
    distance = np.stack(
        [np.min([_segment_distance(points, c[k], c[k + 1]) for k in range(3)], axis=0) for c in chains], axis=1
    )
    others = np.delete(distance, finger, axis=1).min(axis=1)
    near: Amounts = _smooth(0.024, 0.014, distance[:, finger]) * _smooth(0.0015, -0.0005, distance[:, finger] - others)
    return near


def _nail(hand: RestHand, finger: int, points: Points, normals: Points) -> Amounts:
    chain = hand.chain(finger)
    dorsal = hand.dorsal[_FIRST_JOINT[finger] + 2]
    bone, length = unit(chain[3] - chain[2]), float(np.linalg.norm(chain[3] - chain[2]))
    along = (points - chain[2]) @ bone / length
    aside = (points - chain[2]) @ unit(np.cross(bone, dorsal))
    half_width = (0.0076, 0.0060, 0.0063, 0.0058, 0.0050)[finger]
    oval = np.abs((along - 0.73) / 0.22) ** 3 + np.abs(aside / half_width) ** 3
    facing = _smooth(0.15, 0.45, normals @ dorsal)
    edge = 0.85 - 0.25 * _smooth(0.90, 0.95, along)
    nail: Amounts = _smooth(1.12, 0.88, oval) * facing * edge
    return nail


def _veins(hand: RestHand, points: Points) -> Amounts:
    """Returns branching lines on the hand's back between the tendons."""
    plane = points[:, [0, 2]]
    bend = np.stack([lattice_noise(plane, 70.0, 11), lattice_noise(plane, 70.0, 12)], axis=1)
    moved = points + 0.004 * np.stack([bend[:, 0], np.zeros(len(points)), bend[:, 1]], axis=1)
    wrist = hand.joints[0]
    lines = np.zeros(len(points))
    for a, b, shift in ((1, 4, 0.25), (4, 10, -0.1), (10, 7, -0.3)):
        knuckle = 0.5 * (hand.joints[a] + hand.joints[b])
        start = wrist + shift * (hand.joints[1] - hand.joints[7])
        distance = _segment_distance(moved * [1, 0, 1], start * [1, 0, 1], knuckle * [1, 0, 1])
        lines = np.maximum(lines, np.exp(-((distance / 0.0016) ** 2)))
    veins: Amounts = lines * (0.6 + 0.4 * lattice_noise(plane, 40.0, 13))
    return veins


def _palm_lines(hand: RestHand, points: Points) -> Amounts:
    """Returns how much of the three great lines of the palm lies on each point."""
    wrist, index, middle, ring, pinky = (hand.joints[k] for k in (0, 1, 4, 10, 7))
    up, across = middle - wrist, index - pinky
    start = wrist + 0.72 * up + 0.76 * across
    curves = (
        (start, wrist + 0.62 * up - 0.02 * across, wrist + 0.10 * up + 0.12 * across),
        (start, wrist + 0.66 * up + 0.20 * across, wrist + 0.46 * up - 0.62 * across),
        (wrist + 0.70 * up - 0.72 * across, ring - 0.26 * up, 0.5 * (index + middle) - 0.05 * up),
    )
    plane = points[:, [0, 2]]
    moved = plane + 0.0010 * np.stack([lattice_noise(plane, 150.0, k) for k in (21, 22)], axis=1)
    lines = np.zeros(len(points))
    for a, b, c in curves:
        squared = np.full(len(points), np.inf)
        for t in np.linspace(0.0, 1.0, 48):
            x, _, z = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
            squared = np.minimum(squared, (moved[:, 0] - x) ** 2 + (moved[:, 1] - z) ** 2)
        lines = np.maximum(lines, 0.9 * np.exp(-squared / 0.0010**2))
    return lines


def _segment_distance(points: Points, a: Float64[np.ndarray, " 3"], b: Float64[np.ndarray, " 3"]) -> Amounts:
    t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
    distance: Amounts = np.linalg.norm(points - a - t[:, None] * (b - a), axis=1)
    return distance


def _smooth(low: float, high: float, value: Amounts) -> Amounts:
    """Returns the cubic step from 0 at `low` to 1 at `high`; downwards where low > high."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    step: Amounts = t * t * (3.0 - 2.0 * t)
    return step
