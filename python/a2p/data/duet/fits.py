"""Pairs as a real, weaker estimator gets them: the keypoint fit on jittered and partly hidden keypoints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.alignment import KeypointFit, KeypointObservations
from a2p.alignment.crop_view import look_at
from a2p.alignment.keypoint_observations import diagonals
from a2p.camera import Camera
from a2p.data.duet.corruption import CorruptedPairs, max_depths
from a2p.data.duet.pairs import DuetPairs
from a2p.data.duet.view import IMAGE_SIZE_PX, ViewedPairs
from a2p.errors import ConfigError
from a2p.hand import HandPair, HandParameters, PosedHand
from a2p.hand.keypoints import KeypointRegressor
from a2p.render.rasterize import rasterize

_CHUNK = 32
"""Pairs fitted at once."""
_COARSE = 4
"""Hiding is looked up in a picture so many times smaller."""
_HIDING_M = 6e-3
"""A keypoint lies about so deep in its own hand; what is nearer to the camera than that beyond it hides it."""


@dataclass(frozen=True, kw_only=True)
class LandmarkErrors:
    """How a landmark model errs."""

    jitter: float = 0.015
    """Standard deviation of a visible keypoint, as a share of the hand's diagonal in the picture."""
    hidden: float = 4.0
    """Factor on it where the other hand is in front."""
    outlier_share: float = 0.03
    """Keypoints that err as much although they are visible."""
    drop_visible: float = 0.03
    """Share of visible keypoints that are not reported."""
    drop_hidden: float = 0.35
    """Share of hidden keypoints that are not reported."""
    relative_m: float = 7e-3
    """Standard deviation of the relative 3D points; twice that along the view."""

    def __post_init__(self) -> None:
        for name in ("outlier_share", "drop_visible", "drop_hidden"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie in [0, 1); got {getattr(self, name)}. It is a share of keypoints.")


@dataclass(frozen=True)
class FittedPairs:
    """Fits with what they were fitted to. Two hands of a pair: right, then left."""

    truth: DuetPairs
    """In the camera frame."""
    fits: CorruptedPairs
    keypoints_2d: Float[Tensor, "n 2 21 2"]
    """px, as the fit got them."""
    confidence: Float[Tensor, "n 2 21"]
    """0 where a keypoint was not reported."""
    camera: Camera

    @property
    def penetrates(self) -> Bool[Tensor, " n"]:
        """Whether the fitted hands lie deeper than 1 mm in each other."""
        return self.fits.penetrates


def fitted_pairs(
    viewed: ViewedPairs, models: HandPair, generator: torch.Generator, *, errors: LandmarkErrors | None = None
) -> FittedPairs:
    """Returns the keypoint fit's estimate of every pair; some 20 to 100 ms a pair."""
    pairs, errors = viewed.pairs, errors or LandmarkErrors()
    with torch.no_grad():
        posed = (models.right(pairs.right), models.left(pairs.left))
        points, relative = (_keypoints(models, posed, pairs, name) for name in ("mediapipe", "mediapipe_world"))
    hidden = _hidden(models, posed, points, viewed.camera)
    pixels, confidence = _observed(viewed.camera.project(points), hidden, errors, generator)
    seen_3d = _relative_points(relative, pixels, viewed.camera, errors, generator)
    fit = KeypointFit(models.right, models.left)
    rights, lefts = [], []
    for start in range(0, len(pairs), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        count = len(pixels[chunk])
        observations = KeypointObservations(
            is_right=torch.tensor([True, False]).repeat(count),
            keypoints_2d=pixels[chunk].flatten(0, 1),
            confidence=confidence[chunk].flatten(0, 1),
            keypoints_3d=seen_3d[chunk].flatten(0, 1),
            pairs=tuple((2 * k, 2 * k + 1) for k in range(count)),
        )
        hands = fit.fit(observations, viewed.camera).parameters
        rights.append(hands[::2])
        lefts.append(hands[1::2])
    right, left = (_joined(hands) for hands in (rights, lefts))
    depth = max_depths(models, right, left)
    fits = CorruptedPairs(right, left, depth, torch.ones_like(depth))
    return FittedPairs(pairs, fits, pixels, confidence, viewed.camera)


def _keypoints(
    models: HandPair, posed: tuple[PosedHand, PosedHand], pairs: DuetPairs, convention: str
) -> Float[Tensor, "n 2 21 3"]:
    hands = (pairs.right, pairs.left)
    return torch.stack(
        [
            KeypointRegressor.for_model(model, convention)(mesh, hand.betas)
            for model, mesh, hand in zip(models, posed, hands, strict=True)
        ],
        dim=1,
    )


def _hidden(
    models: HandPair, posed: tuple[PosedHand, PosedHand], points: Float[Tensor, "n 2 21 3"], camera: Camera
) -> Bool[Tensor, "n 2 21"]:
    """Returns which keypoints the other hand covers."""
    width, height = (size // _COARSE for size in IMAGE_SIZE_PX)
    small = Camera(camera.fx / _COARSE, camera.fy / _COARSE, camera.cx / _COARSE, camera.cy / _COARSE)
    hidden = []
    for own, other in ((0, 1), (1, 0)):
        faces = models[other].topology.faces.numpy()
        raster = rasterize(posed[other].vertices.numpy(), faces, small, width=width, height=height)
        pixel = small.project(points[:, own]).floor().long()
        column, row = pixel[..., 0].clamp(0, width - 1), pixel[..., 1].clamp(0, height - 1)
        nearest = torch.from_numpy(raster.depth)[torch.arange(len(points))[:, None], row, column]
        hidden.append(nearest < points[:, own, :, 2] - _HIDING_M)
    return torch.stack(hidden, dim=1)


def _observed(
    pixels: Float[Tensor, "n 2 21 2"],
    hidden: Bool[Tensor, "n 2 21"],
    errors: LandmarkErrors,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "n 2 21 2"], Float[Tensor, "n 2 21"]]:
    """Returns where a landmark model would put the keypoints, and how sure it is of each."""
    shape = hidden.shape
    size = diagonals(pixels.flatten(0, 1)).reshape(*shape[:2], 1)
    unsure = hidden | (torch.rand(shape, generator=generator) < errors.outlier_share)
    skill = torch.exp(0.4 * torch.randn(*shape[:2], 1, generator=generator))
    sigma = errors.jitter * skill * size * torch.where(unsure, errors.hidden, 1.0)
    # Landmarks of one hand err together: half of the variance is the whole hand's.
    common = torch.randn(*shape[:2], 1, 2, generator=generator) * 0.7
    own = torch.randn(*shape, 2, generator=generator) * 0.7
    seen = pixels + sigma[..., None] * (common + own)
    uniform = torch.rand(shape, generator=generator)
    confidence = torch.where(hidden, 0.05 + 0.5 * uniform, 0.7 + 0.3 * uniform)
    share = torch.where(hidden, errors.drop_hidden, errors.drop_visible)
    dropped = torch.rand(shape, generator=generator) < share
    return seen, torch.where(dropped, 0.0, confidence)


def _relative_points(
    points: Float[Tensor, "n 2 21 3"],
    pixels: Float[Tensor, "n 2 21 2"],
    camera: Camera,
    errors: LandmarkErrors,
    generator: torch.Generator,
) -> Float[Tensor, "n 2 21 3"]:
    """Returns the relative 3D points that a landmark model would see along its view of each hand."""
    rays = (pixels.mean(2) - torch.tensor([camera.cx, camera.cy])) / torch.tensor([camera.fx, camera.fy])
    towards = look_at(rays.flatten(0, 1)).reshape(*rays.shape[:2], 3, 3)
    along = (points - points.mean(2, keepdim=True)) @ towards
    noise = torch.randn(points.shape, generator=generator) * torch.tensor([1.0, 1.0, 2.0])
    return along + errors.relative_m * noise


def _joined(hands: list[HandParameters]) -> HandParameters:
    names = ("global_orient", "hand_pose", "betas", "transl")
    return HandParameters(**{name: torch.cat([getattr(hand, name) for hand in hands]).float() for name in names})
