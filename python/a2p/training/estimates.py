"""What estimators make of clean pairs: errors drawn on the parameters, or a fit to keypoints that are not right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.alignment.keypoint_fit import KeypointFit
from a2p.alignment.keypoint_observations import KeypointObservations, keypoint_weights
from a2p.data.duet import DuetPairs, ViewedPairs, view_pairs
from a2p.data.duet.corruption import PENETRATING_DEPTH, TYPICAL_ERRORS, ErrorSpread, max_depths
from a2p.data.duet.pairs import cat_hands
from a2p.hand import HandPair, HandParameters, PosedHand
from a2p.hand.keypoints import KeypointRegressor

_JITTER = (0.008, 0.03)
"""Standard deviation of a seen keypoint, as a share of its hand's diagonal: the least and the greatest of a hand."""
_HIDDEN_JITTER = 3.0
"""Factor on it for a keypoint behind the other hand."""
_RELATIVE_JITTER_M = 0.012
"""Standard deviation of the relative 3D points."""
_HIDING_RADIUS_M, _HIDING_DEPTH_M = 8e-3, 8e-3
"""A keypoint is hidden where a vertex of the other hand passes so near its ray, so far in front of it."""


@dataclass(frozen=True)
class EstimatedPairs:
    """Clean pairs and an estimator's view of them, camera frame."""

    clean: tuple[HandParameters, HandParameters]
    """Right and left, one leading dimension."""
    estimate: tuple[HandParameters, HandParameters]
    weights: Float[Tensor, "b 2 21"]
    """How sure each keypoint is; counts only where `keypoints_seen`."""
    keypoints_seen: bool
    """Whether the estimate comes from keypoints in an image."""


def drawn_estimates(
    pairs: DuetPairs, models: HandPair, generator: torch.Generator, *, draws: int = 4
) -> EstimatedPairs:
    """Returns every draw of an estimator's errors in which the hands penetrate: some `draws` of each pair at most."""
    viewed = view_pairs(pairs, models, generator)
    hands = (viewed.pairs.right, viewed.pairs.left)
    spreads = [ErrorSpread.of(model, hand, TYPICAL_ERRORS) for model, hand in zip(models, hands, strict=True)]
    count, clean, estimates = len(pairs), [], []
    for draw in range(draws):
        scale = (0.5 + torch.rand(count, generator=generator)) * (1 + 0.2 * (draw % 4))
        betas_error = scale[:, None] * 0.3 * torch.randn(count, 10, generator=generator)
        drawn = [spread.applied(scale[:, None] * spread.draw(generator), betas_error) for spread in spreads]
        rows = max_depths(models, *drawn) > PENETRATING_DEPTH
        clean.append([hand[rows] for hand in hands])
        estimates.append([hand[rows] for hand in drawn])
    right, left = (cat_hands([part[k] for part in clean]) for k in range(2))
    return EstimatedPairs(
        clean=(right, left),
        estimate=(cat_hands([part[0] for part in estimates]), cat_hands([part[1] for part in estimates])),
        weights=torch.zeros(len(right.betas), 2, 21),
        keypoints_seen=False,
    )


def fitted_estimates(pairs: DuetPairs, models: HandPair, generator: torch.Generator) -> EstimatedPairs:
    """Returns the keypoint fit's hands for jittered keypoints of the pairs, hidden ones included, that penetrate."""
    viewed = view_pairs(pairs, models, generator)
    clean = (viewed.pairs.right, viewed.pairs.left)
    seen = _Keypoints.of(viewed, models, generator)
    fitted = _fit(seen, viewed, models)
    rows = max_depths(models, *fitted) > PENETRATING_DEPTH
    weights = keypoint_weights(seen.confidence.flatten(0, 1)).reshape(-1, 2, 21)
    return EstimatedPairs(
        clean=(clean[0][rows], clean[1][rows]),
        estimate=(fitted[0][rows], fitted[1][rows]),
        weights=weights[rows],
        keypoints_seen=True,
    )


@dataclass(frozen=True)
class _Keypoints:
    """What a detector says of the pairs."""

    keypoints_2d: Float[Tensor, "n 2 21 2"]
    keypoints_3d: Float[Tensor, "n 2 21 3"]
    confidence: Float[Tensor, "n 2 21"]

    @classmethod
    def of(cls, viewed: ViewedPairs, models: HandPair, generator: torch.Generator) -> _Keypoints:
        hands = (viewed.pairs.right, viewed.pairs.left)
        with torch.no_grad():
            posed = [model(hand) for model, hand in zip(models, hands, strict=True)]
        points = _keypoints(models, posed, hands, "mediapipe")
        relative = _keypoints(models, posed, hands, "mediapipe_world")
        hidden = torch.stack([_hidden(points[:, k], posed[1 - k].vertices) for k in range(2)], dim=1)
        count = len(points)
        pixels = viewed.camera.project(points.flatten(0, 1)).reshape(count, 2, 21, 2)
        diagonal = (pixels.amax(2) - pixels.amin(2)).square().sum(-1).sqrt()
        least, most = _JITTER
        sigma = diagonal * (least + (most - least) * torch.rand(count, 2, generator=generator))
        sigma = sigma[..., None] * torch.where(hidden, _HIDDEN_JITTER, 1.0)
        drawn = torch.rand(count, 2, 21, generator=generator)
        return cls(
            keypoints_2d=pixels + sigma[..., None] * torch.randn(pixels.shape, generator=generator),
            keypoints_3d=relative + _RELATIVE_JITTER_M * torch.randn(relative.shape, generator=generator),
            confidence=torch.where(hidden, 0.05 + 0.5 * drawn, 0.6 + 0.4 * drawn),
        )


def _keypoints(
    models: HandPair, posed: list[PosedHand], hands: tuple[HandParameters, HandParameters], convention: str
) -> Float[Tensor, "n 2 21 3"]:
    return torch.stack(
        [
            KeypointRegressor.for_model(model, convention)(hand, parameters.betas)
            for model, hand, parameters in zip(models, posed, hands, strict=True)
        ],
        dim=1,
    )


def _hidden(points: Float[Tensor, "n 21 3"], vertices: Float[Tensor, "n v 3"]) -> Bool[Tensor, "n 21"]:
    """Returns which points lie behind the other hand."""
    rays = points[..., :2] / points[..., 2:]
    across = (vertices[..., :2] / vertices[..., 2:])[:, None] - rays[:, :, None]
    near = across.square().sum(-1).sqrt() * points[..., 2:] < _HIDING_RADIUS_M
    return (near & (vertices[:, None, :, 2] < points[..., 2:] - _HIDING_DEPTH_M)).any(-1)


def _fit(seen: _Keypoints, viewed: ViewedPairs, models: HandPair) -> tuple[HandParameters, HandParameters]:
    count = len(seen.confidence)
    observations = KeypointObservations(
        is_right=torch.tensor([True, False]).repeat(count),
        keypoints_2d=seen.keypoints_2d.flatten(0, 1),
        confidence=seen.confidence.flatten(0, 1),
        keypoints_3d=seen.keypoints_3d.flatten(0, 1),
        pairs=tuple((2 * k, 2 * k + 1) for k in range(count)),
    )
    with torch.no_grad():
        parameters = KeypointFit(*models).fit(observations, viewed.camera).parameters
    return parameters[::2], parameters[1::2]
