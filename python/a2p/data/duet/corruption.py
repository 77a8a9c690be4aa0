"""Pairs as an estimator gets them wrong: noise that is small across the viewing rays and large along them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.data.duet.view import ViewedPairs
from a2p.errors import ConfigError
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.hand.anatomy import ABDUCTION, DOFS, TWIST, HandAnatomy
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat
from a2p.penetration import penetration_depth
from a2p.plausibility.metric import EstimatorErrors

PENETRATING_DEPTH = 1e-3
"""Depth (m) beyond which hands penetrate; up to it they touch."""
_ROTATION, _ANGLES, _PLACE = slice(0, 3), slice(3, 25), slice(25, 28)
_SIZE = 28
"""Unknowns of a hand: a turn in the camera frame, the anatomical angles, the wrist's place."""

TYPICAL_ERRORS = EstimatorErrors(image_m=4e-3)
"""Errors of an estimator on hands that touch: twice as far across the viewing ray as on a hand that is seen well."""


@dataclass(frozen=True)
class CorruptedPairs:
    """What an estimator made of pairs, in the same camera frame."""

    right: HandParameters
    left: HandParameters
    max_depth: Float[Tensor, " n"]
    """How deep the hands lie in each other, m."""
    scale: Float[Tensor, " n"]
    """Factor on the estimator's errors that the noise was drawn with."""

    @property
    def penetrates(self) -> Bool[Tensor, " n"]:
        """Whether the hands lie deeper than 1 mm in each other."""
        return self.max_depth > PENETRATING_DEPTH


def noisy_pairs(
    viewed: ViewedPairs,
    models: HandPair,
    generator: torch.Generator,
    *,
    errors: EstimatorErrors = TYPICAL_ERRORS,
    rounds: int = 6,
) -> CorruptedPairs:
    """Returns the pairs with an estimator's errors, drawn again, each round larger, until the hands penetrate.

    Pairs that do not penetrate after all rounds keep the last draw; `penetrates` tells which.
    """
    pairs, count = viewed.pairs, len(viewed.pairs)
    spreads = [
        ErrorSpread.of(model, hand, errors) for model, hand in ((models.right, pairs.right), (models.left, pairs.left))
    ]
    betas_noise = 0.3 * torch.randn(count, 10, generator=generator)
    result: CorruptedPairs | None = None
    for k in range(rounds):
        scale = (0.5 + torch.rand(count, generator=generator)) * (1 + 0.2 * k)
        hands = [
            spread.applied(scale[:, None] * spread.draw(generator), betas_noise * scale[:, None]) for spread in spreads
        ]
        drawn = CorruptedPairs(hands[0], hands[1], max_depths(models, hands[0], hands[1]), scale)
        result = drawn if result is None else _where(result.penetrates, result, drawn)
    if result is None:
        raise ConfigError(f"rounds must be at least 1; got {rounds}.")
    return result


def max_depths(models: HandPair, right: HandParameters, left: HandParameters) -> Float[Tensor, " n"]:
    """Returns how deep (m) the hands of each pair lie in each other."""
    with torch.no_grad():
        a, b = models.right(right).vertices, models.left(left).vertices
        depth = penetration_depth(a, b, models.right.topology, models.left.topology)
    return depth.depth_a.amax(-1).maximum(depth.depth_b.amax(-1))


@dataclass(frozen=True)
class ErrorSpread:
    """How one hand of each pair may err: a normal distribution of 28 unknowns about the truth."""

    model: HandModel
    anatomy: HandAnatomy
    hand: HandParameters
    angles: Float[Tensor, "n 22"]
    factor: Float[Tensor, "n 28 28"]
    """Lower Cholesky factor of the precision."""

    @classmethod
    def of(cls, model: HandModel, hand: HandParameters, errors: EstimatorErrors) -> ErrorSpread:
        """Returns the errors that leave the keypoints near where they are seen."""
        anatomy = HandAnatomy.from_rest_joints(model.J_template.double(), side=model.side)
        angles = anatomy.angles(hand.hand_pose.double())
        image_rates = _image_rates(model, anatomy, hand, angles) / errors.image_m
        sigmas = [
            *[errors.orientation_rad] * 3,
            *[errors.abduction_rad if dof.axis in (ABDUCTION, TWIST) else errors.flexion_rad for dof in DOFS],
            *[errors.depth_m] * 3,
        ]
        precision = image_rates.mT @ image_rates + torch.diag(torch.tensor(sigmas, dtype=torch.float64) ** -2)
        return cls(model, anatomy, hand, angles, torch.linalg.cholesky(precision))

    def draw(self, generator: torch.Generator) -> Float[Tensor, "n 28"]:
        """Returns one error a hand."""
        white = torch.randn(len(self.angles), _SIZE, 1, generator=generator, dtype=torch.float64)
        drawn: Tensor = torch.linalg.solve_triangular(self.factor.mT, white, upper=True)[..., 0]
        return drawn

    def applied(self, error: Float[Tensor, "n 28"], betas_error: Float[Tensor, "n 10"]) -> HandParameters:
        """Returns the hands with the errors, angles within their limits."""
        turn = rotmat_from_rotvec(error[:, _ROTATION])
        orient = rotvec_from_rotmat(turn @ rotmat_from_rotvec(self.hand.global_orient.double()))
        pose = self.anatomy.hand_pose(self.anatomy.clamp(self.angles + error[:, _ANGLES]))
        betas = self.hand.betas + betas_error.to(self.hand.betas)
        rest_shift = (self.model.rest_joints(betas) - self.model.rest_joints(self.hand.betas))[:, 0]
        transl = self.hand.transl + error[:, _PLACE].float() - rest_shift
        return HandParameters(orient.float(), pose.float(), betas, transl)


def _image_rates(
    model: HandModel, anatomy: HandAnatomy, hand: HandParameters, angles: Float[Tensor, "n 22"]
) -> Float[Tensor, "n 42 28"]:
    """Returns the rates of the keypoints across the viewing rays (m) a unit rate of the unknowns."""
    with torch.no_grad():
        posed = model(hand)
        regressor = KeypointRegressor.for_model(model, "mediapipe")
        points = regressor(posed, hand.betas).double()
    joints, rotmats = posed.joints.double(), posed.joint_rotmats.double()
    joint_of_dof = torch.tensor([dof.joint + 1 for dof in DOFS])
    axes = (rotmats[:, model.parents[joint_of_dof]] @ anatomy.posed_joints(angles).axes[..., None])[..., 0]
    arms = points[:, :, None] - joints[:, None, joint_of_dof]
    bends = torch.linalg.cross(axes[:, None].expand_as(arms), arms) * _carried(model, regressor)[:, joint_of_dof, None]
    turns = torch.linalg.cross(
        torch.eye(3, dtype=torch.float64).expand(*points.shape[:2], 3, 3),
        (points - joints[:, :1])[:, :, None].expand(-1, -1, 3, 3),
    )
    places = torch.eye(3, dtype=torch.float64).expand(*points.shape[:2], 3, 3)
    rates = torch.cat([turns, bends, places], dim=2)
    slopes = points[..., :2] / points[..., 2:]
    across = rates[..., :2] - slopes[:, :, None] * rates[..., 2:]
    return across.transpose(2, 3).flatten(1, 2)


def _carried(model: HandModel, regressor: KeypointRegressor) -> Float[Tensor, "21 16"]:
    """Returns 1 where a keypoint moves with a joint."""
    parents = model.parents.tolist()
    carried = torch.zeros(21, 16, dtype=torch.float64)
    for keypoint, start in enumerate(regressor.joint.tolist()):
        joint = start
        while joint >= 0:
            carried[keypoint, joint] = 1
            joint = parents[joint]
    return carried


def _where(mask: Bool[Tensor, " n"], first: CorruptedPairs, second: CorruptedPairs) -> CorruptedPairs:
    def choose(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(mask.reshape(-1, *[1] * (a.dim() - 1)), a, b)

    def hand(a: HandParameters, b: HandParameters) -> HandParameters:
        return HandParameters(
            choose(a.global_orient, b.global_orient),
            choose(a.hand_pose, b.hand_pose),
            choose(a.betas, b.betas),
            choose(a.transl, b.transl),
        )

    return CorruptedPairs(
        hand(first.right, second.right),
        hand(first.left, second.left),
        choose(first.max_depth, second.max_depth),
        choose(first.scale, second.scale),
    )
