"""What the alignment network takes, what it says, and what is known of it in training.

Axis 1 has the two hands of a picture, right then left. Everything about the left hand is told in its mirrored crop, so
that the network sees right hands only: x of its pixels, points and translations is negated, its rotations are those
of the mirrored hand. `a2p.alignment.mirroring` turns them back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Shaped, UInt8
from torch import Tensor

BACKGROUND, MEANT_HAND, OTHER_HAND, COVER = range(4)
"""Classes of pixels in a crop; a cover is whatever else is labelled, such as an arm or an object."""


@dataclass(frozen=True)
class AlignmentInput:
    """The crops of both hands of each picture."""

    crops: Float[Tensor, "b 2 3 s s"]
    """RGB in [0, 1]."""
    target: Float[Tensor, "b 2 2 s s"]
    """Which hand is meant: inside its box 1 in channel 0, inside the other hand's box 1 in channel 1; see `boxes`."""
    present: Bool[Tensor, "b 2"]
    """Whether there is such a hand. What the network says of an absent one means nothing."""
    intrinsics: Float[Tensor, "b 2 4"]
    """fx, fy, cx, cy in units of the crop's side."""


@dataclass(frozen=True)
class AlignmentOutput:
    """What the network says."""

    rot6d: Float[Tensor, "b 2 16 6"]
    """Rotation of every joint relative to its parent, the wrist's to the camera; not orthonormalised."""
    betas: Float[Tensor, "b 2 10"]
    wrist: Float[Tensor, "b 2 3"]
    """Place of the wrist joint in the camera frame, m."""
    keypoints_25d: Float[Tensor, "b 2 21 3"]
    """x and y in units of the crop's side, and depth behind the wrist along the ray through the crop's middle, m."""
    spread: Float[Tensor, "b 2 21"]
    """Standard deviation of the heat map that a keypoint was read from, in units of the crop's side."""
    log_heatmaps: Float[Tensor, "b 2 21 rows columns"]
    """Logarithm of the probability of each cell."""
    relative_translation: Float[Tensor, "b 3"]
    """Left wrist minus right wrist in the camera frame, m, not mirrored."""
    alignment_features: Float[Tensor, "b 2 d h w"]
    """F_fa, what the fusion alignment encoder sees."""
    prior_features: Float[Tensor, "b 2 d h w"] | None
    """F_p, what the teachers see; None where no teacher was asked."""


@dataclass(frozen=True)
class AlignmentLabels:
    """What is known of a batch; each mask says where."""

    keypoints_25d: Float[Tensor, "b 2 21 3"]
    keypoints_2d_valid: Bool[Tensor, "b 2 21"]
    visible: Bool[Tensor, "b 2 21"]
    keypoints_3d: Float[Tensor, "b 2 21 3"]
    """m, about the wrist keypoint."""
    keypoints_3d_valid: Bool[Tensor, "b 2 21"]
    """Holds for the depth in `keypoints_25d`, too."""
    rotmats: Float[Tensor, "b 2 16 3 3"]
    betas: Float[Tensor, "b 2 10"]
    parameters_valid: Bool[Tensor, "b 2"]
    relative_translation: Float[Tensor, "b 3"]
    relative_valid: Bool[Tensor, " b"]
    segmentation: UInt8[Tensor, "b 2 s s"]
    """`BACKGROUND` to `COVER`."""
    segmentation_valid: Bool[Tensor, "b 2"]
    depth: Float[Tensor, "b 2 s s"]
    """m behind the meant hand's wrist; 0 where it is not valid."""
    depth_valid: Bool[Tensor, "b 2 s s"]


@dataclass(frozen=True)
class AlignmentBatch:
    """What a step of training takes."""

    given: AlignmentInput
    labels: AlignmentLabels

    def __len__(self) -> int:
        return len(self.given.crops)

    def to(self, device: torch.device | str) -> AlignmentBatch:
        """Returns the batch on another device."""
        return AlignmentBatch(_moved(self.given, device), _moved(self.labels, device))


def by_hand(x: Shaped[Tensor, n * rest]) -> Shaped[Tensor, "b 2 *rest"]:
    """Returns what stands for right and left hands in turn with an axis of its own for the hand."""
    return x.reshape(-1, 2, *x.shape[1:])


def boxes(own: Float[Tensor, "b 2 4"], other: Float[Tensor, "b 2 4"], size: int) -> Float[Tensor, "b 2 2 size size"]:
    """Returns the channels that say which hand is meant, out of x0, y0, x1, y1 in units of the crop's side.

    A pixel that a box covers in part has that share. An empty box is one that ends before it starts.
    """
    edges = torch.arange(size + 1, dtype=own.dtype, device=own.device) / size
    both = torch.stack([own, other], dim=2)

    def covered(low: Tensor, high: Tensor) -> Tensor:
        overlap = torch.minimum(high[..., None], edges[1:]) - torch.maximum(low[..., None], edges[:-1])
        return overlap.clamp(min=0.0) * size

    columns, rows = covered(both[..., 0], both[..., 2]), covered(both[..., 1], both[..., 3])
    return rows[..., :, None] * columns[..., None, :]


def _moved(part: AlignmentInput | AlignmentLabels, device: torch.device | str):  # type: ignore[no-untyped-def]
    return type(part)(**{item.name: getattr(part, item.name).to(device) for item in fields(part)})
