from __future__ import annotations

import numpy as np

from a2p.plausibility.descent import DescentConfig, Objective, Penetration, descend, settle
from a2p.plausibility.separation import cheapest_separation


def _wall(position: float, precision: np.ndarray) -> Objective:
    """A point at the origin that lies `position` deep under a plane across the first axis."""

    def penetration(x: np.ndarray) -> Penetration:
        depth = max(0.0, position - float(x[0]))
        gradient = np.zeros_like(x)
        gradient[0] = -depth
        return Penetration(0.5 * depth**2, gradient, depth)

    return Objective(precision, lambda x: (0.0, np.zeros_like(x)), penetration)


def test_a_descent_stops_in_contact() -> None:
    config = DescentConfig()
    result = descend(_wall(0.01, np.diag([2500.0, 100.0])), np.zeros(2), config)
    assert 0.5e-3 <= result.max_depth <= config.target_m
    assert abs(result.x[1]) < 1e-9


def test_a_descent_goes_the_way_that_is_cheap() -> None:
    precision = np.array([[2500.0, -2000.0], [-2000.0, 2500.0]])
    result = descend(_wall(0.01, precision), np.zeros(2), DescentConfig())
    np.testing.assert_allclose(result.x[1] / result.x[0], 0.8, rtol=1e-3)


def test_a_descent_that_gives_up_returns_the_least_deep_pose() -> None:
    result = descend(_wall(10.0, np.diag([2500.0, 100.0])), np.zeros(2), DescentConfig(evaluations=5))
    assert result.evaluations <= 12
    assert 0 < result.max_depth < 10.0


def test_settling_ends_in_contact() -> None:
    config = DescentConfig()
    result = settle(_wall(0.01, np.diag([2500.0, 100.0])), np.array([0.05, 0.02]), config)
    assert 0 < result.max_depth <= config.target_m
    np.testing.assert_allclose(result.x[0], 0.01, atol=1e-3)
    np.testing.assert_allclose(result.cost, 2500 * 0.0091**2 / 2, rtol=0.25)


def test_hands_part_along_the_cheapest_direction_as_far_as_needed() -> None:
    directions = np.concatenate([np.eye(3), -np.eye(3)])

    def max_depth(translations: np.ndarray) -> np.ndarray:
        return np.maximum(0.0, 0.03 - np.linalg.norm(translations, axis=1))

    result = cheapest_separation(max_depth, np.diag([100.0, 1.0, 100.0]), directions, target_m=1e-3)
    assert result is not None
    assert abs(result.translation[1]) == np.linalg.norm(result.translation)
    np.testing.assert_allclose(np.linalg.norm(result.translation), 0.029, atol=1.1e-3)
    assert np.linalg.norm(result.translation) >= 0.029


def test_hands_that_nothing_parts_are_reported_as_such() -> None:
    assert cheapest_separation(lambda t: np.ones(len(t)), np.eye(3), np.eye(3), target_m=1e-3) is None
