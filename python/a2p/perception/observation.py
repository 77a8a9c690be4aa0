"""What perception says of one hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from jaxtyping import Float
from torch import Tensor

Handedness: TypeAlias = Literal["left", "right"]
"""The person's own."""


ERROR_AT_FULL_CONFIDENCE = 0.02
"""Expected error of a keypoint of confidence 1, in sizes of its hand (the larger side of the keypoints' box)."""


@dataclass(frozen=True)
class HandObservation:
    """One hand found in an image. Keypoints are in MediaPipe's order."""

    handedness: Handedness
    score: float
    """How likely it is a hand of this handedness, in [0, 1]."""
    box_xyxy_px: tuple[float, float, float, float]
    """About the hand's outline: as the caller gave it, else about the keypoints (`outline_box`)."""
    keypoints_2d: Float[Tensor, "21 2"]
    """Image px, float32; the centre of the top left pixel is (0.5, 0.5)."""
    keypoint_confidence: Float[Tensor, " 21"]
    """In (0, 1]: `ERROR_AT_FULL_CONFIDENCE` over the error expected, in hand sizes; 0.5 means twice the error."""
    keypoints_3d: Float[Tensor, "21 3"]
    """m, along the camera's axes, about the hand's centre; an average hand's size."""
