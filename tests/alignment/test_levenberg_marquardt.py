from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.alignment.levenberg_marquardt import LevenbergMarquardtConfig, Quadratic, minimise
from a2p.errors import ConfigError
from tests.tolerances import LEAST_SQUARES, LEAST_SQUARES_GRADIENT


@dataclass(frozen=True)
class Point:
    values: Float[Tensor, "n p"]

    def where(self, mask: Bool[Tensor, " n"], other: Point) -> Point:
        return Point(torch.where(mask[:, None], self.values, other.values))


@dataclass(frozen=True)
class Linear:
    """Half |A x - b|^2 within a box."""

    matrix: Float[Tensor, "n r p"]
    target: Float[Tensor, "n r"]
    bound: float = float("inf")

    def linearise(self, state: Point) -> Quadratic:
        residual = (self.matrix @ state.values[..., None])[..., 0] - self.target
        gradient = (self.matrix.mT @ residual[..., None])[..., 0]
        return Quadratic(0.5 * residual.square().sum(1), gradient, self.matrix.mT @ self.matrix)

    def held(self, state: Point, gradient: Float[Tensor, "n p"]) -> Bool[Tensor, "n p"]:
        low, high = state.values <= -self.bound, state.values >= self.bound
        return (low & (gradient > 0)) | (high & (gradient < 0))

    def moved(self, state: Point, delta: Float[Tensor, "n p"]) -> Point:
        return Point((state.values + delta).clamp(-self.bound, self.bound))


class Rosenbrock(Linear):
    """Half of (1 - x)^2 + 100 (y - x^2)^2, whose valley is curved."""

    def linearise(self, state: Point) -> Quadratic:
        x, y = state.values.unbind(1)
        residual = torch.stack([1 - x, 10 * (y - x * x)], dim=1)
        one = torch.ones_like(x)
        rows = torch.stack([torch.stack([-one, 0 * x], 1), torch.stack([-20 * x, 10 * one], 1)], dim=1)
        gradient = (rows.mT @ residual[..., None])[..., 0]
        return Quadratic(0.5 * residual.square().sum(1), gradient, rows.mT @ rows)


def linear(count: int, seed: int, bound: float = float("inf")) -> Linear:
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(count, 9, 5, generator=generator, dtype=torch.float64)
    return Linear(matrix, torch.randn(count, 9, generator=generator, dtype=torch.float64), bound)


def zeros(count: int, unknowns: int = 5) -> Point:
    return Point(torch.zeros(count, unknowns, dtype=torch.float64))


TIGHT = LevenbergMarquardtConfig(max_iterations=200, tolerance=0.0)


def test_a_linear_problem_reaches_its_least_squares_solution() -> None:
    problem = linear(8, seed=0)
    expected = torch.linalg.lstsq(problem.matrix, problem.target[..., None]).solution[..., 0]
    found = minimise(problem, zeros(8), TIGHT).state.values
    torch.testing.assert_close(found, expected, rtol=0, atol=LEAST_SQUARES)


def test_inside_a_box_the_gradient_points_outwards_at_every_limit_and_vanishes_elsewhere() -> None:
    problem = linear(20, seed=1, bound=0.1)
    minimum = minimise(problem, zeros(20), TIGHT)
    values, gradient = minimum.state.values, problem.linearise(minimum.state).gradient
    at_limit = values.abs() == 0.1
    assert at_limit.any()
    assert not at_limit.all()
    assert (gradient * values.sign())[at_limit].max() <= 0
    assert gradient[~at_limit].abs().max() < LEAST_SQUARES_GRADIENT


def test_a_curved_valley_is_followed_to_its_end() -> None:
    start = Point(torch.tensor([[-1.2, 1.0], [3.0, -2.0]], dtype=torch.float64))
    problem = Rosenbrock(torch.zeros(2, 2, 2), torch.zeros(2, 2))
    found = minimise(problem, start, TIGHT).state.values
    torch.testing.assert_close(found, torch.ones(2, 2, dtype=torch.float64), rtol=0, atol=LEAST_SQUARES)


def test_more_iterations_never_cost_more() -> None:
    start = Point(torch.tensor([[-1.2, 1.0]], dtype=torch.float64))
    problem = Rosenbrock(torch.zeros(1, 2, 2), torch.zeros(1, 2))
    costs = [float(minimise(problem, start, LevenbergMarquardtConfig(max_iterations=k)).cost) for k in range(25)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.01 * costs[0]


def test_a_problem_of_a_batch_is_solved_as_if_it_were_alone() -> None:
    problem = linear(4, seed=2)
    together = minimise(problem, zeros(4), TIGHT).state.values
    for k in range(4):
        alone = minimise(Linear(problem.matrix[k : k + 1], problem.target[k : k + 1]), zeros(1), TIGHT).state.values
        torch.testing.assert_close(together[k : k + 1], alone, rtol=0, atol=LEAST_SQUARES)


def test_unknowns_that_no_residual_sees_stay_where_they_are() -> None:
    problem = linear(3, seed=3)
    problem.matrix[:, :, 2] = 0
    start = Point(torch.full((3, 5), 0.7, dtype=torch.float64))
    found = minimise(problem, start, TIGHT).state.values
    assert (found[:, 2] == 0.7).all()
    assert (found[:, 0] != 0.7).all()


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="initial_damping positive"):
        LevenbergMarquardtConfig(initial_damping=0.0)
