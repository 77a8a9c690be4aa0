"""Vertex numbers: fingertips stand where programs written for MANO look for them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tools.build_open_hand.arrays import Floats, Integers

SMPLX_TIPS = {"thumb": 744, "index": 320, "middle": 443, "ring": 554, "pinky": 671}
"""Where smplx takes the fingertips from."""
MANOPTH_TIPS = {"thumb": 745, "index": 317, "middle": 444, "ring": 556, "pinky": 673}
"""Where manopth and its descendants take them from."""


def numbering(vertices: Floats, faces: Integers, tips: Mapping[str, int]) -> Integers:
    """Returns for every new vertex number the old one; as few vertices as possible change places.

    manopth's fingertip is the neighbour closest to smplx's.
    """
    wanted: dict[int, int] = {}
    for finger, slot in SMPLX_TIPS.items():
        tip = tips[finger]
        around = np.setdiff1d(faces[(faces == tip).any(1)], [tip, *wanted.values()])
        wanted[slot] = tip
        wanted[MANOPTH_TIPS[finger]] = int(around[np.linalg.norm(vertices[around] - vertices[tip], axis=1).argmin()])
    order = np.arange(len(vertices))
    for slot, vertex in wanted.items():
        current = int(np.flatnonzero(order == vertex)[0])
        order[[slot, current]] = order[[current, slot]]
    return order
