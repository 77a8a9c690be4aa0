"""What a keypoint fit minimises: how well a posed hand explains the evidence, and how usual a hand it is.

Half the sum of squares of: image distances of 21 keypoints (robust), the landmark model's relative 3D (robust), the
pose and shape priors. All are in units of their standard deviations. The definition of what `a2p/keypoint_fit.h` does
natively.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.alignment.hand_chain import FIRST_ANGLE, HandChain, HandState, PosedChain
from a2p.alignment.levenberg_marquardt import Quadratic

KEYPOINTS = 21
LOG_DEPTH_LIMITS = (-3.0, 3.0)
"""The wrist stays between 5 cm and 20 m from the camera."""
RAY_LIMIT = 4.0
"""And within 76 degrees of the camera's axis."""
BETA_LIMIT = 4.0
LEAST_DEPTH = 0.02
"""Nearer keypoints (m) are projected from here."""


@dataclass(frozen=True)
class Evidence:
    """What was seen of a batch of hands, with its standard deviations."""

    points_2d: Float[Tensor, "n 21 2"]
    """Normalised image coordinates: x/z, y/z."""
    sigma_2d: Float[Tensor, "n 1 2"]
    points_3d: Float[Tensor, "n 21 3"]
    """m, camera axes, centred; zero where there are none."""
    sigma_3d: Float[Tensor, " n"]
    """m; infinite where there are none."""
    confidence: Float[Tensor, "n 21"]

    def __getitem__(self, index: Int[Tensor, " m"]) -> Evidence:
        """Returns the evidence of the hands at `index`."""
        return Evidence(
            self.points_2d[index],
            self.sigma_2d[index],
            self.points_3d[index],
            self.sigma_3d[index],
            self.confidence[index],
        )


@dataclass(frozen=True)
class Priors:
    """How usual a pose and a shape are, and how far evidence is trusted."""

    angle_mean: Float[Tensor, " a"]
    angle_precision: Float[Tensor, "a a"]
    angle_lower: Float[Tensor, " a"]
    angle_upper: Float[Tensor, " a"]
    beta_precision: float
    size_sigma: float
    """Standard deviation of the 3D evidence's scale, as a share."""
    robust_2d: float
    """Image distances beyond this many standard deviations count as outliers."""
    robust_3d: float
    """The same for the relative 3D points."""

    def limits(self, state: HandState) -> tuple[Float[Tensor, "1 p"], Float[Tensor, "1 p"]]:
        """Returns the least and the greatest value of every unknown."""
        free = [torch.inf] * 3
        ends = state.root.new_tensor([BETA_LIMIT] * 10)
        low = state.root.new_tensor([*(-bound for bound in free), -RAY_LIMIT, -RAY_LIMIT, LOG_DEPTH_LIMITS[0]])
        high = state.root.new_tensor([*free, RAY_LIMIT, RAY_LIMIT, LOG_DEPTH_LIMITS[1]])
        lower = torch.cat([low, self.angle_lower, -ends])
        return lower[None], torch.cat([high, self.angle_upper, ends])[None]

    def limited(self, state: HandState) -> HandState:
        """Returns the nearest state inside the limits."""
        lower, upper = self.limits(state)
        root, angles, betas = (lower[:, 3:6], upper[:, 3:6]), slice(FIRST_ANGLE, -10), slice(-10, None)
        return HandState(
            orient_rotmat=state.orient_rotmat,
            root=state.root.clamp(*root),
            angles=state.angles.clamp(lower[:, angles], upper[:, angles]),
            betas=state.betas.clamp(lower[:, betas], upper[:, betas]),
        )


@dataclass(frozen=True)
class KeypointProblem:
    """The least-squares problem of a batch of hands, each on its own."""

    chain: HandChain
    """Its points are the 21 keypoints of the 2D convention, then the 21 of the 3D evidence's convention."""
    evidence: Evidence
    priors: Priors

    def __getitem__(self, index: Int[Tensor, " m"]) -> KeypointProblem:
        """Returns the problem of the hands at `index`."""
        return replace(self, chain=self.chain[index], evidence=self.evidence[index])

    def linearise(self, state: HandState) -> Quadratic:
        """Returns the cost and its Gauss-Newton model about a state."""
        posed = self.chain.pose(state)
        image_cost, image_rows, image_values = self._image_term(posed)
        space_cost, space_rows, space_values = self._space_term(posed)
        rows = torch.cat([image_rows, space_rows], dim=1)
        values = torch.cat([image_values, space_values], dim=1)
        hessian = rows.mT @ rows
        gradient = (rows.mT @ values[..., None])[..., 0]
        cost = image_cost + space_cost + self._add_priors(state, gradient, hessian)
        return Quadratic(cost, gradient, hessian)

    def moved(self, state: HandState, delta: Float[Tensor, "n p"]) -> HandState:
        """Returns the state after a step, inside its limits."""
        return self.priors.limited(state.moved(delta))

    def held(self, state: HandState, gradient: Float[Tensor, "n p"]) -> Bool[Tensor, "n p"]:
        """Returns which unknowns lie at a limit that the cost pushes them against."""
        lower, upper = self.priors.limits(state)
        values = torch.cat([torch.zeros_like(state.root), state.root, state.angles, state.betas], dim=1)
        return ((values <= lower) & (gradient > 0)) | ((values >= upper) & (gradient < 0))

    def _image_term(self, posed: PosedChain) -> tuple[Tensor, Tensor, Tensor]:
        depth = posed.points[:, :KEYPOINTS, 2:]
        safe_depth = depth.clamp(min=LEAST_DEPTH)
        ray = posed.points[:, :KEYPOINTS, :2] / safe_depth
        jacobian = posed.jacobian[:, :KEYPOINTS]
        by_depth = ray[..., None] * (jacobian[..., 2:, :] * (depth > LEAST_DEPTH)[..., None])
        scale = self.evidence.sigma_2d * safe_depth
        rows = (jacobian[..., :2, :] - by_depth) / scale[..., None]
        values = (ray - self.evidence.points_2d) / self.evidence.sigma_2d
        cost, weight = robust(values.square().sum(-1), self.priors.robust_2d)
        root = (weight * self.evidence.confidence).sqrt()[..., None]
        return (
            0.5 * (cost * self.evidence.confidence).sum(-1),
            (rows * root[..., None]).flatten(1, 2),
            (values * root).flatten(1, 2),
        )

    def _space_term(self, posed: PosedChain) -> tuple[Tensor, Tensor, Tensor]:
        """Compares shapes about their centres; the seen shape's scale counts apart, as far as it is trusted."""
        seen = self.evidence.points_3d
        points, jacobian = posed.points[:, KEYPOINTS:], posed.jacobian[:, KEYPOINTS:]
        points = points - points.mean(1, keepdim=True)
        jacobian = jacobian - jacobian.mean(1, keepdim=True)
        energy = seen.square().sum((1, 2)).clamp(min=1e-12)
        scale = (points * seen).sum((1, 2)) / energy
        by_scale = (jacobian * seen[..., None]).sum((1, 2)) / energy[:, None]
        sigma = self.evidence.sigma_3d[:, None, None]
        values = (points - scale[:, None, None] * seen) / sigma
        rows = (jacobian - seen[..., None] * by_scale[:, None, None]) / sigma[..., None]
        cost, weight = robust(values.square().sum(-1), self.priors.robust_3d)
        root = (weight * self.evidence.confidence).sqrt()[..., None]
        trust = self.evidence.sigma_3d.isfinite() / self.priors.size_sigma
        size = trust * (scale - 1.0)
        return (
            0.5 * ((cost * self.evidence.confidence).sum(-1) + size.square()),
            torch.cat([(rows * root[..., None]).flatten(1, 2), (trust[:, None] * by_scale)[:, None]], dim=1),
            torch.cat([(values * root).flatten(1, 2), size[:, None]], dim=1),
        )

    def _add_priors(
        self, state: HandState, gradient: Float[Tensor, "n p"], hessian: Float[Tensor, "n p p"]
    ) -> Float[Tensor, " n"]:
        """Adds the priors' derivatives in place and returns their cost."""
        priors = self.priors
        offset = state.angles - priors.angle_mean
        pull = offset @ priors.angle_precision
        gradient[:, FIRST_ANGLE:-10] += pull
        hessian[:, FIRST_ANGLE:-10, FIRST_ANGLE:-10] += priors.angle_precision
        gradient[:, -10:] += priors.beta_precision * state.betas
        hessian[:, range(-10, 0), range(-10, 0)] += priors.beta_precision
        return 0.5 * ((offset * pull).sum(-1) + priors.beta_precision * state.betas.square().sum(-1))


def robust(squared: Float[Tensor, "*b"], scale: float) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b"]]:
    """Returns Geman and McClure's loss of squared residuals, and the weight that reweighted least squares gives them.

    The loss is about the square below `scale` and ends at `scale` squared.
    """
    share = 1.0 / (1.0 + squared / scale**2)
    return squared * share, share.square()
