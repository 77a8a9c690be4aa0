"""The landmark model's keypoints and the network's taken together, each as far as it is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.keypoint_observations import KeypointObservations, PairDepths, towards
from a2p.alignment.reading import NetworkHands
from a2p.camera import Camera
from a2p.errors import ConfigError

_LEAST_CONFIDENCE = 0.01


@dataclass(frozen=True, kw_only=True)
class CombinationConfig:
    """Expected errors, by `python -m benchmarks.calibrate_alignment`. Image lengths are in sizes of the hand: the
    larger side of its keypoints' box."""

    full_confidence: float = 0.02
    """Expected error in the image of a keypoint of confidence 1."""
    spread_offset: float = 0.02
    """Expected error in the image of the network's keypoint whose heat map is a point."""
    spread_slope: float = 0.7
    """Its growth with the heat map's standard deviation."""
    network_3d_m: float = 0.012
    """Expected error of the network's relative points of a hand without any spread, m."""
    network_3d_slope_m: float = 0.09
    """Its growth with the mean spread, m."""
    network_depth_m: float = 0.045
    """Expected error of the network's relative depth of two wrists that were seen without any spread, m."""
    network_depth_slope_m: float = 0.1
    """Its growth with the mean spread of both hands, m."""
    landmarks_3d_m: float = 0.012
    """Expected error of the landmark model's relative points at confidence 1, m."""
    disagreement: float = 0.5
    """Share of the distance between the two places of a keypoint, beyond what their errors explain, that counts as
    an error of both."""

    def __post_init__(self) -> None:
        for name in (
            *("full_confidence", "spread_offset", "network_3d_m", "network_depth_m"),
            "landmarks_3d_m",
        ):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive; got {getattr(self, name)}.")
        for name in ("spread_slope", "network_3d_slope_m", "network_depth_slope_m", "disagreement"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be at least 0; got {getattr(self, name)}.")


def network_errors(hands: NetworkHands, config: CombinationConfig) -> Float[Tensor, "n 21"]:
    """Returns the error to be expected of each keypoint of the network, in hand sizes."""
    return config.spread_offset + config.spread_slope * hands.spread


def combined(
    seen: KeypointObservations, hands: NetworkHands, camera: Camera, config: CombinationConfig | None = None
) -> KeypointObservations:
    """Returns one keypoint for each two: their mean by inverse variance, with the confidence that this leaves.

    `camera` took the picture of both. Where the two places lie farther apart than their errors explain, one of them is
    wrong and nobody knows which: the confidence falls.
    """
    config = config or CombinationConfig()
    size = (seen.keypoints_2d.amax(1) - seen.keypoints_2d.amin(1)).amax(1).clamp(min=1e-6)[:, None]
    own = config.full_confidence / seen.confidence.clamp(min=_LEAST_CONFIDENCE)
    other = network_errors(hands, config)
    share = _share(own, other)
    apart = (hands.keypoints_2d - seen.keypoints_2d).norm(dim=-1) / size
    unexplained = (apart.square() - own.square() - other.square()).clamp(min=0.0)
    variance = ((1 - share) * own).square() + (share * other).square()
    error = (variance + config.disagreement**2 * share * (1 - share) * unexplained).sqrt()
    pixels = seen.keypoints_2d + share[..., None] * (hands.keypoints_2d - seen.keypoints_2d)
    return replace(
        seen,
        keypoints_2d=pixels,
        confidence=(config.full_confidence / error).clamp(_LEAST_CONFIDENCE, 1.0),
        keypoints_3d=_combined_3d(seen, hands, towards(pixels, camera), config),
        pair_depths=_pair_depths(seen, hands, config),
    )


def _pair_depths(seen: KeypointObservations, hands: NetworkHands, config: CombinationConfig) -> PairDepths:
    """Returns what the network says of how far apart in depth the wrists of each (right, left) pair are."""
    spread = hands.spread.mean(1)[torch.tensor(seen.pairs, dtype=torch.long).reshape(-1, 2)].mean(1)
    sigma = config.network_depth_m + config.network_depth_slope_m * spread
    return PairDepths(hands.relative_translation[:, 2], sigma)


def _combined_3d(
    seen: KeypointObservations, hands: NetworkHands, view: Float[Tensor, "n 3 3"], config: CombinationConfig
) -> Float[Tensor, "n 21 3"]:
    """Returns relative points along the axes of `view`, m: the mean of both after their centres are laid together."""
    theirs = (hands.keypoints_3d - hands.keypoints_3d.mean(1, keepdim=True)) @ view
    if seen.keypoints_3d is None:
        return theirs
    ours = seen.keypoints_3d - seen.keypoints_3d.mean(1, keepdim=True)
    confidence = seen.confidence.mean(1).clamp(min=_LEAST_CONFIDENCE)
    own = config.landmarks_3d_m / confidence
    other = config.network_3d_m + config.network_3d_slope_m * hands.spread.mean(1)
    share = _share(own, other)[:, None, None]
    return ours + share * (theirs - ours)


def _share(own: Float[Tensor, "*n"], other: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Returns the network's weight, out of 1, where the landmark model's error is `own` and the network's `other`."""
    return own.square() / (own.square() + other.square())
