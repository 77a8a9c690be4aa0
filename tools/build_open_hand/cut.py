"""The hand's surface: cut off the body at the wrist, made of triangles, closed by a cap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from tools.build_open_hand.arrays import Flags, Floats, Integers, unit
from tools.build_open_hand.makehuman import MakeHuman
from tools.build_open_hand.skeleton import hand_weight, joint_names

CUT_M = -0.010
"""Where the forearm is cut, along the axis from the wrist to the middle finger's first joint."""
WRIST_RADIUS_M = 0.06
"""Vertices this close to the wrist belong to the hand even if no bone of the hand moves them."""


class Surface(NamedTuple):
    """A closed triangle mesh over some of the body's vertices and, last, the centre of the wrist's cap."""

    vertex_ids: Integers
    """The body's vertex for every vertex but the last."""
    faces: Integers
    is_cap: Flags
    wrist_loop: Integers

    def with_cap_centre(self, vertices: Floats) -> Floats:
        """Returns the vertices (v, 3) followed by the centre of the cap."""
        return np.vstack([vertices, vertices[self.wrist_loop].mean(0)])


def cut_hand(body: MakeHuman) -> Surface:
    """Returns the right hand's surface."""
    wrist, middle = (body.joint(joint_names()[k], body.vertices) for k in (0, 4))
    offset = body.vertices - wrist
    is_near = (hand_weight(body) > 0) | (np.linalg.norm(offset, axis=1) < WRIST_RADIUS_M)
    is_kept = is_near & (offset @ unit(middle - wrist) > CUT_M)
    quads = body.body_quads[is_kept[body.body_quads].all(1)]
    vertex_ids, quads = np.unique(quads, return_inverse=True)
    quads = quads.reshape(-1, 4)
    triangles = _split(quads, body.vertices[vertex_ids])
    loop = _boundary_loop(quads)
    cap = np.stack([np.roll(loop, -1), loop, np.full_like(loop, len(vertex_ids))], axis=1)
    return Surface(
        vertex_ids=vertex_ids,
        faces=np.vstack([triangles, cap]),
        is_cap=np.arange(len(triangles) + len(cap)) >= len(triangles),
        wrist_loop=loop,
    )


def _split(quads: Integers, vertices: Floats) -> Integers:
    """Returns two triangles a quad, divided along its shorter diagonal."""
    a, b, c, d = (vertices[quads[:, k]] for k in range(4))
    along_ac = (np.linalg.norm(a - c, axis=1) <= np.linalg.norm(b - d, axis=1))[:, None]
    first = np.where(along_ac, quads[:, [0, 1, 2]], quads[:, [0, 1, 3]])
    second = np.where(along_ac, quads[:, [0, 2, 3]], quads[:, [1, 2, 3]])
    return np.concatenate([first, second])


def _boundary_loop(quads: Integers) -> Integers:
    """Returns the one loop of edges that only one quad has, in the quads' own direction."""
    edges = {(int(quad[k]), int(quad[(k + 1) % 4])) for quad in quads for k in range(4)}
    following = {start: end for start, end in edges if (end, start) not in edges}
    loop = [min(following)]
    while (vertex := following[loop[-1]]) != loop[0]:
        loop.append(vertex)
    if len(loop) != len(following):
        raise ValueError(f"the wrist must be one loop; {len(following) - len(loop)} boundary edges lie outside it.")
    return np.array(loop)
