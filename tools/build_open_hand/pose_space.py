"""Poses, as the package's own anatomy and prior define them, in numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from tools.build_open_hand.arrays import Floats

from a2p.hand.anatomy import HandAnatomy
from a2p.hand.prior import PosePrior


class PoseSpace(NamedTuple):
    """Mean and principal components of axis-angle poses (45 numbers)."""

    mean: Floats
    components: Floats


def even_poses(joints: Floats, count: int, generator: np.random.Generator) -> Floats:
    """Returns rotations (count, 15, 3, 3) with every angle spread evenly between its limits."""
    anatomy = HandAnatomy.from_rest_joints(torch.from_numpy(joints), side="right")
    lower, upper = anatomy.lower.numpy(), anatomy.upper.numpy()
    angles = lower + generator.random((count, len(lower))) * (upper - lower)
    rotmats: Floats = anatomy.posed_joints(torch.from_numpy(angles)).rotmats.numpy()
    return rotmats


def pose_space(joints: Floats) -> PoseSpace:
    """Returns the space of the synergy sampler's poses."""
    anatomy = HandAnatomy.from_rest_joints(torch.from_numpy(joints), side="right")
    statistics = PosePrior(anatomy).pose_statistics
    return PoseSpace(statistics.mean.numpy(), statistics.components.numpy())
