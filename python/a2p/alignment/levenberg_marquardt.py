"""Damped least squares for a batch of independent problems, inside box limits.

Levenberg-Marquardt with Marquardt's scaling (Marquardt, 1963; Nocedal and Wright, Numerical Optimization, sec. 10.3).
Every problem has its own damping and accepts or rejects its own steps. Unknowns that press against a limit leave the
step (Bertsekas, 1982, projected Newton). The definition of what `a2p/levenberg_marquardt.h` does natively.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.errors import ConfigError


@runtime_checkable
class State(Protocol):
    """The unknowns of a batch of problems."""

    def where(self: StateT, mask: Bool[Tensor, " n"], other: StateT) -> StateT:
        """Returns this state's problems where the mask is set, the other's elsewhere."""


StateT = TypeVar("StateT", bound=State)


@dataclass(frozen=True)
class Quadratic:
    """Half the sum of squared residuals about a state: value, gradient and Gauss-Newton Hessian."""

    cost: Float[Tensor, " n"]
    gradient: Float[Tensor, "n p"]
    hessian: Float[Tensor, "n p p"]

    def where(self, mask: Bool[Tensor, " n"], other: Quadratic) -> Quadratic:
        """Returns this one's problems where the mask is set, the other's elsewhere."""
        return Quadratic(
            cost=torch.where(mask, self.cost, other.cost),
            gradient=torch.where(mask[:, None], self.gradient, other.gradient),
            hessian=torch.where(mask[:, None, None], self.hessian, other.hessian),
        )


@runtime_checkable
class Problem(Protocol[StateT]):
    """A batch of least-squares problems. Costs must be finite wherever `moved` can lead."""

    def linearise(self, state: StateT) -> Quadratic:
        """Returns the cost and its model about a state."""

    def held(self, state: StateT, gradient: Float[Tensor, "n p"]) -> Bool[Tensor, "n p"]:
        """Returns which unknowns lie at a limit that the cost pushes them against."""

    def moved(self, state: StateT, delta: Float[Tensor, "n p"]) -> StateT:
        """Returns the state after a step, inside its limits."""


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardtConfig:
    """When the solver stops and how it damps."""

    max_iterations: int = 30
    """Evaluations of the residuals and their derivatives after the first."""
    tolerance: float = 1e-4
    """A problem rests once a step lowers its cost, or promises to, by less than this share of it."""
    initial_damping: float = 1e-2
    """Share of the Hessian's diagonal that the first step adds to it."""

    def __post_init__(self) -> None:
        if self.max_iterations < 0 or self.tolerance < 0 or self.initial_damping <= 0:
            raise ConfigError(
                "max_iterations and tolerance must be at least 0 and initial_damping positive; got "
                f"{self.max_iterations}, {self.tolerance}, {self.initial_damping}. The defaults serve hands."
            )


@dataclass(frozen=True)
class Minimum(Generic[StateT]):
    """Where the solver stopped."""

    state: StateT
    cost: Float[Tensor, " n"]
    iterations: Int[Tensor, " n"]


_RIDGE = 1e-9
"""Absolute damping, so that unknowns which no residual sees stay where they are."""
_LEAST_DAMPING, _MOST_DAMPING = 1e-7, 1e8


def minimise(problem: Problem[StateT], state: StateT, config: LevenbergMarquardtConfig) -> Minimum[StateT]:
    """Returns, for every problem of the batch, the best state that its steps reached. No cost ever rises."""
    quadratic = problem.linearise(state)
    damping = torch.full_like(quadratic.cost, config.initial_damping)
    done = torch.zeros_like(quadratic.cost, dtype=torch.bool)
    iterations = torch.zeros_like(done, dtype=torch.int32)
    for _ in range(config.max_iterations):
        if bool(done.all()):
            break
        iterations = iterations + (~done).int()
        step, is_solved = _damped_step(quadratic, problem.held(state, quadratic.gradient), damping)
        trial = problem.moved(state, step)
        trial_quadratic = problem.linearise(trial)
        gain = quadratic.cost - trial_quadratic.cost
        accepted = (gain > 0) & ~done
        promised = -0.5 * (quadratic.gradient * step).sum(-1)
        little = config.tolerance * quadratic.cost
        done = done | (is_solved & (promised <= little)) | (accepted & (gain <= little)) | (damping >= _MOST_DAMPING)
        damping = torch.where(accepted, damping / 6, damping * 4).clamp(_LEAST_DAMPING, _MOST_DAMPING)
        state = trial.where(accepted, state)
        quadratic = trial_quadratic.where(accepted, quadratic)
    return Minimum(state, quadratic.cost, iterations)


def _damped_step(
    quadratic: Quadratic, held: Bool[Tensor, "n p"], damping: Float[Tensor, " n"]
) -> tuple[Float[Tensor, "n p"], Bool[Tensor, " n"]]:
    """Returns the step of the unknowns that are not held, and whether the damped Hessian is positive definite.

    Where it is not, the step is zero.
    """
    free = (~held).to(quadratic.gradient.dtype)
    diagonal = quadratic.hessian.diagonal(dim1=-2, dim2=-1)
    hessian = quadratic.hessian * free[:, :, None] * free[:, None, :]
    hessian = hessian + torch.diag_embed(damping[:, None] * diagonal + _RIDGE + (1.0 - free))
    factor, failure = torch.linalg.cholesky_ex(hessian)
    step = torch.cholesky_solve(-(quadratic.gradient * free)[..., None], factor)[..., 0]
    is_solved = failure == 0
    return torch.where(is_solved[:, None], step, torch.zeros_like(step)), is_solved
