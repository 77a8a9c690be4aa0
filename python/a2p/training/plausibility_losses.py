"""What the denoiser is trained for: the clean numbers (eq. 4 of the paper), and where they put joints and wrists."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.hand.rotations import rotmat_from_rot6d
from a2p.plausibility.denoiser import Denoiser
from a2p.plausibility.pair_numbers import PairNumbers, PairParts
from a2p.training.prepared_pairs import PointRig

_FINGERS = ((13, 14, 15), (1, 2, 3), (4, 5, 6), (10, 11, 12), (7, 8, 9))
"""Joints of thumb to pinky, base to tip."""
_NEAR_M = 0.01
"""Distance within which keypoints of two hands are in contact."""


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """How much each loss counts."""

    numbers: float = 1.0
    """Squared error of the normalised numbers, mean over all."""
    joints: float = 0.5
    """Distance of joints and fingertips from their place behind their own wrist, cm, mean over both hands."""
    relative: float = 0.25
    """Distance of the left wrist from its place behind the right wrist, cm."""
    contact: float = 0.0
    """Error of the ways between keypoints of the two hands, cm, mean by nearness: what is apart hardly counts."""


@dataclass(frozen=True)
class Losses:
    """Each loss, mean over a batch."""

    numbers: Tensor
    joints_cm: Tensor
    relative_cm: Tensor
    contact_cm: Tensor

    def total(self, weights: LossWeights) -> Tensor:
        """Returns what is minimised."""
        places = weights.joints * self.joints_cm + weights.relative * self.relative_cm
        return weights.numbers * self.numbers + places + weights.contact * self.contact_cm


def losses(denoiser: Denoiser, predicted: Float[Tensor, "b 215"], clean: PairNumbers, rig: PointRig) -> Losses:
    """Returns the losses of normalised predictions against clean numbers that are not normalised."""
    restored = denoiser.restored(predicted)
    squared = (predicted - denoiser.normalised(clean)).square().mean()
    found, truth = keypoints(PairParts.of(restored), rig), keypoints(PairParts.of(clean), rig)
    relative = restored[:, -3:] - clean[:, -3:]
    contact = _contact_error(found, restored[:, -3:], truth, clean[:, -3:])
    return Losses(squared, 1e2 * _norm(found - truth).mean(), 1e2 * _norm(relative).mean(), 1e2 * contact)


def _contact_error(
    found: Float[Tensor, "b 2 21 3"], relative: Tensor, truth: Float[Tensor, "b 2 21 3"], clean: Tensor
) -> Float[Tensor, ""]:
    """Returns the error (m) of the ways from every keypoint of one hand to every one of the other, mean by nearness."""

    def ways(points: Tensor, wrist: Tensor) -> Float[Tensor, "b 21 21 3"]:
        left = points[:, 1] * points.new_tensor([-1.0, 1.0, 1.0]) + wrist[:, None]
        return left[:, None] - points[:, 0, :, None]

    true = ways(truth, clean)
    nearness = torch.exp(-_norm(true) / _NEAR_M)
    return (nearness * _norm(ways(found, relative) - true)).sum() / nearness.sum()


def keypoints(parts: PairParts, rig: PointRig) -> Float[Tensor, "b 2 21 3"]:
    """Returns both hands' keypoints seen from their wrist, m: wrist, then thumb to pinky, each base to tip."""
    rest = rig.template + (parts.betas @ rig.shapedirs.flatten(0, 1).mT).reshape(len(parts.betas), 2, 21, 3)
    turns = rotmat_from_rot6d(parts.rot6d)
    chain = torch.tensor(_FINGERS, device=rest.device)
    tips = torch.arange(16, 21, device=rest.device)[:, None]
    places = rest[:, :, torch.cat([chain, tips], dim=1)]
    bones = torch.cat([places[..., :1, :] - rest[:, :, None, :1], places.diff(dim=-2)], dim=-2)
    local = turns[:, :, chain]
    frame = turns[:, :, None, 0].expand(-1, -1, 5, -1, -1)
    place = torch.zeros_like(bones[..., 0, :])
    points = []
    for bone in range(4):
        place = place + (frame @ bones[..., bone, :, None])[..., 0]
        points.append(place)
        if bone < 3:
            frame = frame @ local[..., bone, :, :]
    wrists = torch.zeros_like(rest[:, :, :1])
    return torch.cat([wrists, torch.stack(points, dim=-2).flatten(2, 3)], dim=2)


def _norm(vectors: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b"]:
    return (vectors.square().sum(-1) + 1e-12).sqrt()
