"""The landmark model: 21 keypoints of the one hand inside a crop, in the image and in space.

MediaPipe Hands' landmark model (Zhang et al., 2020, arXiv 2006.10214): a regressor over 224 x 224 pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from a2p.perception.crop import Crop, sample
from a2p.perception.image import Pixels
from a2p.perception.packaged import packaged_model

INPUT_SIZE = 224
"""Side of the model's input, px."""
_PALM_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
"""Keypoints that frame a hand whatever its fingertips do."""


@dataclass(frozen=True)
class Landmarks:
    """What one pass over one crop saw."""

    keypoints_2d: Float[np.ndarray, "21 2"]
    """Image px, MediaPipe's order."""
    keypoints_3d: Float[np.ndarray, "21 3"]
    """m, along the camera's axes, about the hand's centre."""
    presence: float
    """Probability that the crop holds a hand, as the model says; low for many hands that touch another."""
    right: float
    """Probability that it is the person's own right hand."""
    crop: Crop

    def next_crop(self) -> Crop:
        """Returns the window on the hand that these keypoints suggest, fingers up."""
        return replace(window_on(self.keypoints_2d), mirrored=self.crop.mirrored)


def window_on(keypoints_2d: Float[np.ndarray, "21 2"]) -> Crop:
    """Returns the window on the hand that has these keypoints (image px), fingers up."""
    along = (0.5 * (keypoints_2d[5] + keypoints_2d[13]) + keypoints_2d[9]) / 2.0 - keypoints_2d[0]
    rotation = math.pi / 2.0 + math.atan2(along[1], along[0])
    turned = Crop((0.0, 0.0), 1.0, rotation)
    framed = turned.from_image(keypoints_2d[list(_PALM_POINTS)])
    low, high = framed.min(axis=0), framed.max(axis=0)
    side = float(np.max(high - low))
    center = turned.to_image((low + high) / 2.0 - np.array([0.0, 0.1]) * (high - low)[1])
    return Crop((float(center[0]), float(center[1])), 2.0 * side, rotation)


class LandmarkModel:
    """Reads 21 keypoints, presence and handedness out of a crop."""

    def __init__(self, *, threads: int = 2) -> None:
        self._model = packaged_model("hand_landmark_full.tflite", threads=threads)

    def __call__(self, image: Pixels, crop: Crop) -> Landmarks:
        """Returns the hand in the crop, whether or not there is one: `presence` says.

        The model's label assumes a selfie, that is, a mirrored picture: its output is the probability of a left hand
        there, which is the person's own right hand in a picture that is not mirrored.
        """
        points, presence, label, world = self._model(sample(image, crop, INPUT_SIZE))
        in_crop = points.astype(np.float64).reshape(21, 3)
        in_space = world.astype(np.float64).reshape(21, 3)
        in_space[:, :2] = in_space[:, :2] @ crop.axes().T
        left_in_selfie = float(label[0])
        return Landmarks(
            keypoints_2d=crop.to_image(in_crop[:, :2] / INPUT_SIZE),
            keypoints_3d=in_space,
            presence=float(presence[0]),
            right=1.0 - left_in_selfie if crop.mirrored else left_in_selfie,
            crop=crop,
        )
