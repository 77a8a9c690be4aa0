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
_PLAIN_RAMP = 0.02
"""Spread over which a hand stops being seen plainly."""


@dataclass(frozen=True, kw_only=True)
class CombinationConfig:
    """Expected errors, by `python -m benchmarks.calibrate_alignment`. Image lengths are in sizes of the hand: the
    larger side of its keypoints' box."""

    full_confidence: float = 0.02
    """Expected error in the image of a keypoint of confidence 1."""
    spread_offset: float = 0.035
    """Expected error in the image of the network's keypoint whose heat map is a point. This and `spread_curve` give
    some 1.3 times what rendered pictures do: on photos the network errs more than its heat maps say."""
    spread_curve: float = 3.1
    """Its growth with the square of the heat map's standard deviation."""
    correlation: float = 0.45
    """Of the two errors of a keypoint: both look at the same picture, and what is hard to see is so for both. The surer
    place then counts for more than by inverse variance alone, and from a ratio of 2.2 on for everything."""
    sure_spread: float = 0.25
    """A hand whose mean spread reaches this begins to lose the network's word, beyond its expected errors."""
    widest_spread: float = 0.35
    """From this mean spread on the network's word of a hand counts for nothing. Such a hand was hardly seen: the places
    are means of maps all over the crop and shrink it to its middle. On renders averages are still better than nothing;
    on photos of clasped hands they are not."""
    contradiction: float = 0.1
    """Two layouts of a hand begin to contradict each other at twice this mean distance, and do so at three times it.
    Their mean is then no hand at all: one of them is left out, by default the network's."""
    least_share: float = 0.6
    """The network's mean weight from which on contradicting layouts are averaged all the same."""
    plain_spread: float = 0.14
    """A hand of this mean spread at most was seen so plainly that the network's layout is the one that stays: the
    landmark model has then read another hand or a turned one, which it does not know. With more, more hands come right
    on renders, and some on photos go wrong."""
    network_3d_m: float = 0.005
    """Expected error of the network's relative points of a hand without any spread, m."""
    network_3d_slope_m: float = 0.095
    """Its growth with the mean spread, m."""
    network_depth_m: float = 0.02
    """Expected error of the network's relative depth of two wrists that were seen without any spread, m."""
    network_depth_slope_m: float = 0.05
    """Its growth with the mean spread of both hands, m."""
    landmarks_3d_m: float = 0.01
    """Expected error of the landmark model's relative points at confidence 1, m."""
    disagreement: float = 0.5
    """Share of the distance between the two places of a keypoint, beyond what their errors explain, that counts as
    an error of both."""

    def __post_init__(self) -> None:
        for name in (
            *("full_confidence", "spread_offset", "contradiction", "network_3d_m", "network_depth_m"),
            "landmarks_3d_m",
        ):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive; got {getattr(self, name)}.")
        if not 0 <= self.sure_spread < self.widest_spread:
            raise ConfigError(
                "sure_spread must be at least 0 and below widest_spread; got "
                f"{self.sure_spread} and {self.widest_spread}."
            )
        if not 0 <= self.correlation < 1:
            raise ConfigError(f"correlation must lie in [0, 1); got {self.correlation}. 0 takes errors as independent.")
        for name in (
            "spread_curve",
            "least_share",
            "plain_spread",
            "network_3d_slope_m",
            "network_depth_slope_m",
            "disagreement",
        ):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be at least 0; got {getattr(self, name)}.")


def network_errors(hands: NetworkHands, config: CombinationConfig) -> Float[Tensor, "n 21"]:
    """Returns the error to be expected of each keypoint of the network, in hand sizes."""
    return config.spread_offset + config.spread_curve * hands.spread.square()


def combined(
    seen: KeypointObservations, hands: NetworkHands, camera: Camera, config: CombinationConfig | None = None
) -> KeypointObservations:
    """Returns one keypoint for each two: the mean that errs least, with the confidence that this leaves.

    `camera` took the picture of both. Where the two places lie farther apart than their errors explain, one of them is
    wrong and nobody knows which: the confidence falls.
    """
    config = config or CombinationConfig()
    size = (seen.keypoints_2d.amax(1) - seen.keypoints_2d.amin(1)).amax(1).clamp(min=1e-6)[:, None]
    own = config.full_confidence / seen.confidence.clamp(min=_LEAST_CONFIDENCE)
    other = network_errors(hands, config)
    share = _share(own, other, config.correlation)
    apart = (hands.keypoints_2d - seen.keypoints_2d).norm(dim=-1) / size
    verdict = _Verdict.on(share, apart, hands, config)
    share = verdict.settled(share)
    unexplained = (apart.square() - own.square() - other.square()).clamp(min=0.0)
    ours, theirs = (1 - share) * own, share * other
    variance = ours.square() + theirs.square() + 2.0 * config.correlation * ours * theirs
    error = (variance + config.disagreement**2 * share * (1 - share) * unexplained).sqrt()
    pixels = seen.keypoints_2d + share[..., None] * (hands.keypoints_2d - seen.keypoints_2d)
    return replace(
        seen,
        keypoints_2d=pixels,
        confidence=(config.full_confidence / error).clamp(_LEAST_CONFIDENCE, 1.0),
        keypoints_3d=_combined_3d(seen, hands, towards(pixels, camera), verdict, config),
        pair_depths=_pair_depths(seen, hands, config),
    )


def _pair_depths(seen: KeypointObservations, hands: NetworkHands, config: CombinationConfig) -> PairDepths:
    """Returns what the network says of how far apart in depth the wrists of each (right, left) pair are."""
    pairs = torch.tensor(seen.pairs, dtype=torch.long).reshape(-1, 2)
    sigma = config.network_depth_m + config.network_depth_slope_m * hands.spread.mean(1)[pairs].mean(1)
    return PairDepths(hands.relative_translation[:, 2], sigma)


def _combined_3d(
    seen: KeypointObservations,
    hands: NetworkHands,
    view: Float[Tensor, "n 3 3"],
    verdict: _Verdict,
    config: CombinationConfig,
) -> Float[Tensor, "n 21 3"]:
    """Returns relative points along the axes of `view`, m: the mean of both after their centres are laid together."""
    theirs = (hands.keypoints_3d - hands.keypoints_3d.mean(1, keepdim=True)) @ view
    if seen.keypoints_3d is None:
        return theirs
    ours = seen.keypoints_3d - seen.keypoints_3d.mean(1, keepdim=True)
    confidence = seen.confidence.mean(1).clamp(min=_LEAST_CONFIDENCE)
    own = config.landmarks_3d_m / confidence
    other = config.network_3d_m + config.network_3d_slope_m * hands.spread.mean(1)
    share = verdict.settled(_share(own, other, config.correlation)[:, None])
    return ours + share[..., None] * (theirs - ours)


@dataclass(frozen=True)
class _Verdict:
    """Whose layout of each hand is to be believed; each number in [0, 1]."""

    seen: Float[Tensor, " n"]
    """How far the network has seen the hand at all."""
    contradicted: Float[Tensor, " n"]
    """How far the two layouts exclude each other."""
    averaged: Float[Tensor, " n"]
    """1 where they are averaged for all that."""
    plain: Float[Tensor, " n"]
    """How far the network has seen the hand so plainly that its layout stays alone."""

    @classmethod
    def on(
        cls, share: Float[Tensor, "n 21"], apart: Float[Tensor, "n 21"], hands: NetworkHands, config: CombinationConfig
    ) -> _Verdict:
        """Returns the verdict on hands whose two layouts have these weights of the network and lie so far apart."""
        spread = hands.spread.mean(1)
        return cls(
            seen=((config.widest_spread - spread) / (config.widest_spread - config.sure_spread)).clamp(0.0, 1.0),
            contradicted=(apart.mean(1) / config.contradiction - 2.0).clamp(0.0, 1.0),
            averaged=(share.mean(1) >= config.least_share).to(share),
            plain=((config.plain_spread + _PLAIN_RAMP - spread) / _PLAIN_RAMP).clamp(0.0, 1.0),
        )

    def settled(self, share: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Returns the network's weights after the verdict."""
        averaged = self.averaged[:, None] * share
        alone = averaged + self.plain[:, None] * (1.0 - averaged)
        return self.seen[:, None] * (share + self.contradicted[:, None] * (alone - share))


def _share(own: Float[Tensor, "*n"], other: Float[Tensor, "*n"], correlation: float) -> Float[Tensor, "*n"]:
    """Returns the network's weight, out of 1, where the landmark model's error is `own` and the network's `other`: that
    of the mean with the least variance, and neither below 0."""
    common = correlation * own * other
    best = (own.square() - common) / (own.square() + other.square() - 2.0 * common)
    return best.clamp(0.0, 1.0)
