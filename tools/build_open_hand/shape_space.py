"""Ten numbers that describe a hand's shape, and the joints that follow from the vertices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from tools.build_open_hand.arrays import Floats, Integers, volume
from tools.build_open_hand.canonical import Shape, canonical
from tools.build_open_hand.population import Population, random_person
from tools.build_open_hand.skeleton import PARENTS

SAMPLES = 500
BETAS = 10
LENGTH_MEAN_M = 0.187
LENGTH_DEVIATION_M = 0.0107
"""From the wrist joint to the middle fingertip, over adults of both genders."""
_REGRESSOR_SAMPLES = 80
_REGRESSOR_RADIUS_M = {0: 0.045, 13: 0.042}
"""Where a joint's vertices are looked for: the wrist and the thumb's base lie deeper than the other joints."""
_REGRESSOR_RADIUS_ELSEWHERE_M = 0.026
_MEAN_WEIGHT = 10.0
_SUM_WEIGHT = 10.0
_RIDGE = 3e-3


class ShapeSpace(NamedTuple):
    """The mean hand and its principal variations at one standard deviation each, m."""

    mean: Floats
    directions: Floats
    """(v, 3, 10); positive is larger in volume."""
    explained: Floats
    """The share of the population's variance that each direction holds."""


def sample_hands(
    population: Population, weights: Floats, tips: dict[str, int], generator: np.random.Generator
) -> list[Shape]:
    """Returns random adults' hands in the canonical frame."""
    hands = []
    for _ in range(SAMPLES):
        shape = population.shape(random_person(generator))
        length = LENGTH_MEAN_M + LENGTH_DEVIATION_M * generator.normal()
        hands.append(canonical(shape, weights, tips, length))
    return hands


def shape_space(vertices: Floats, faces: Integers) -> ShapeSpace:
    """Returns the principal components of hands (n, v, 3)."""
    mean = vertices.mean(0)
    _, singular, rows = np.linalg.svd((vertices - mean).reshape(len(vertices), -1), full_matrices=False)
    deviations = singular[:BETAS] / np.sqrt(len(vertices) - 1)
    directions = (rows[:BETAS] * deviations[:, None]).reshape(BETAS, *mean.shape)
    growth = [volume(mean + step, faces) - volume(mean - step, faces) for step in directions]
    signed = directions * np.sign(growth)[:, None, None]
    return ShapeSpace(mean, signed.transpose(1, 2, 0), singular[:BETAS] ** 2 / (singular**2).sum())


def joint_regressor(hands: list[Shape], mean: Floats, weights: Floats, generator: np.random.Generator) -> Floats:
    """Returns a sparse matrix (16, v), rows summing to 1 and nowhere negative, from vertices to joints.

    Non-negative least squares over some of the hands; the mean hand counts ten times.
    """
    mean_joints = np.mean([hand.joints for hand in hands], axis=0)
    chosen = [hands[k] for k in generator.choice(len(hands), _REGRESSOR_SAMPLES, replace=False)]
    regressor = np.zeros((16, len(mean)))
    for joint in range(16):
        near = np.linalg.norm(mean - mean_joints[joint], axis=1)
        candidates = np.flatnonzero(near < _REGRESSOR_RADIUS_M.get(joint, _REGRESSOR_RADIUS_ELSEWHERE_M))
        if joint:
            moved = weights[candidates, joint] + weights[candidates, PARENTS[joint]]
            candidates = candidates[moved > 0.5]
        count = len(candidates)
        vertices = np.concatenate(
            [*(hand.vertices[candidates].T for hand in chosen), _MEAN_WEIGHT * mean[candidates].T]
        )
        positions = np.concatenate([*(hand.joints[joint] for hand in chosen), _MEAN_WEIGHT * mean_joints[joint]])
        system = np.vstack([vertices, np.full((1, count), _SUM_WEIGHT), _RIDGE * np.eye(count)])
        solution, _ = nnls(system, np.concatenate([positions, [_SUM_WEIGHT], np.zeros(count)]), maxiter=20_000)
        regressor[joint, candidates] = solution / solution.sum()
    return regressor
