"""What a keypoint fit is given: the keypoints of some hands, checked once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.alignment.crop_view import look_at
from a2p.alignment.keypoint_terms import Evidence
from a2p.arrays import Keypoints2D, Keypoints3D
from a2p.camera import Camera
from a2p.errors import ShapeError

_FARTHEST_PX = 1e6
_FARTHEST_M = 1e9
_LEAST_DIAGONAL_PX = 4.0
_LEAST_MEAN_WEIGHT = 0.4
"""A hand's keypoints count for this much on average at least, so that an unsure hand still lies on them. With more, a
hand that was hardly seen takes its depth from keypoints that have shrunk together, against all that is told of it."""


@dataclass(frozen=True)
class PairDepths:
    """How far apart in depth the wrists of pairs are."""

    second_minus_first_m: Float[Tensor, " p"]
    sigma_m: Float[Tensor, " p"]
    """Standard deviation; infinite where nothing is known."""

    def __post_init__(self) -> None:
        if not bool(self.second_minus_first_m.isfinite().all() and (self.sigma_m > 0).all()):
            raise ShapeError(
                "pair_depths must be finite with positive standard deviations; got "
                f"{self.second_minus_first_m.tolist()} and {self.sigma_m.tolist()}. Leave out what is unknown."
            )


@dataclass(frozen=True)
class KeypointObservations:
    """Keypoints seen of n hands, in MediaPipe's order: wrist, then thumb to pinky, base to tip."""

    is_right: Bool[Tensor, " n"]
    """The person's own right hand; a left hand otherwise."""
    keypoints_2d: Keypoints2D
    """px of the image that the camera describes."""
    confidence: Float[Tensor, "n 21"]
    """In [0, 1]; a keypoint of zero counts for nothing."""
    keypoints_3d: Keypoints3D | None = None
    """m, along the axes of a camera that looks at the hand; only their shape and direction count, not their place."""
    pairs: tuple[tuple[int, int], ...] = ()
    """Indices of the two hands that belong to one person: they get one shape."""
    pair_depths: PairDepths | None = None
    """How far apart in depth the two wrists of each pair are, where something has told."""

    def __post_init__(self) -> None:
        count = len(self.is_right)
        expected = {"is_right": (count,), "keypoints_2d": (count, 21, 2), "confidence": (count, 21)}
        if self.keypoints_3d is not None:
            expected["keypoints_3d"] = (count, 21, 3)
        for name, shape in expected.items():
            self._check(name, shape)
        if self.keypoints_2d.numel() and bool(self.keypoints_2d.abs().max() > _FARTHEST_PX):
            raise ShapeError(
                f"keypoints_2d must be image coordinates within {_FARTHEST_PX:.0e} px of the origin; got "
                f"{float(self.keypoints_2d.abs().max()):.3g}. Drop hands whose detection failed."
            )
        points = self.keypoints_3d
        if points is not None and points.numel() and bool(points.abs().max() > _FARTHEST_M):
            raise ShapeError(
                f"keypoints_3d must lie within {_FARTHEST_M:.0e} m of the origin; got {float(points.abs().max()):.3g}. "
                "Give metres."
            )
        if count and not bool(((self.confidence >= 0) & (self.confidence <= 1)).all()):
            raise ShapeError(
                f"confidence must lie in [0, 1]; got {float(self.confidence.min()):.3g} to "
                f"{float(self.confidence.max()):.3g}. Clamp it, or map it with a sigmoid."
            )
        flat = [hand for pair in self.pairs for hand in pair]
        if len(set(flat)) != len(flat) or any(not 0 <= hand < count for hand in flat):
            raise ShapeError(
                f"pairs must name different hands among 0 to {count - 1}, each at most once; got {self.pairs}. "
                "Leave pairs out for hands of different people."
            )
        depths = self.pair_depths
        if depths is not None and not len(depths.second_minus_first_m) == len(depths.sigma_m) == len(self.pairs):
            raise ShapeError(
                f"pair_depths must have one number for each of {len(self.pairs)} pairs; got "
                f"{len(depths.second_minus_first_m)} and {len(depths.sigma_m)}."
            )

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        tensor: Tensor = getattr(self, name)
        if tuple(tensor.shape) != shape:
            raise ShapeError(
                f"{name} must have shape {shape}, with one row for each flag of is_right; got {tuple(tensor.shape)}. "
                "Stack the hands along the first dimension."
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ShapeError(f"{name} must be finite; got NaN or infinity. Drop hands whose detection failed.")


def diagonals(keypoints_2d: Keypoints2D) -> Float[Tensor, " n"]:
    """Returns the diagonals of the keypoints' bounding boxes, px; at least 4, so that a point has a scale, too."""
    extent = keypoints_2d.amax(1) - keypoints_2d.amin(1)
    diagonal: Tensor = torch.linalg.vector_norm(extent, dim=-1)
    return diagonal.clamp(min=_LEAST_DIAGONAL_PX)


def evidence_of(observations: KeypointObservations, camera: Camera, *, sigma_2d: float, sigma_3d_m: float) -> Evidence:
    """Returns the observations as the fit compares them: in float64, in the camera's rays and axes."""
    pixels = observations.keypoints_2d.double()
    focal, rays = pixels.new_tensor([camera.fx, camera.fy]), rays_of(pixels, camera)
    points = observations.keypoints_3d
    if points is None:
        points, sigma_3d_m = torch.zeros_like(pixels[..., :1]).expand(-1, -1, 3), torch.inf
    points = points.double()
    return Evidence(
        points_2d=rays,
        sigma_2d=sigma_2d * diagonals(pixels)[:, None, None] / focal,
        points_3d=(points - points.mean(1, keepdim=True)) @ look_at(rays.mean(1)).mT,
        sigma_3d=torch.full_like(pixels[:, 0, 0], sigma_3d_m),
        confidence=keypoint_weights(observations.confidence.double()),
    )


def rays_of(keypoints_2d: Keypoints2D, camera: Camera) -> Keypoints2D:
    """Returns the rays to pixels as x/z, y/z."""
    focal, centre = keypoints_2d.new_tensor([camera.fx, camera.fy]), keypoints_2d.new_tensor([camera.cx, camera.cy])
    return (keypoints_2d - centre) / focal


def towards(keypoints_2d: Keypoints2D, camera: Camera) -> Float[Tensor, "n 3 3"]:
    """Returns the rotations from the axes of a camera that looks at each hand to those of the camera."""
    return look_at(rays_of(keypoints_2d, camera).mean(1))


def keypoint_weights(confidence: Float[Tensor, "n 21"]) -> Float[Tensor, "n 21"]:
    """Returns how much each keypoint counts: a hand that is unsure all over is still fitted to its keypoints."""
    boost = _LEAST_MEAN_WEIGHT / confidence.mean(1, keepdim=True).clamp(min=1e-3)
    return (confidence * boost.clamp(min=1.0)).clamp(max=1.0)
