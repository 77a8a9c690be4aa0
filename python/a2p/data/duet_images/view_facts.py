"""What the surroundings need to know of hands that stand before a camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64


@dataclass(frozen=True)
class ViewFacts:
    """Hands before the camera; right, left. m, camera frame."""

    intrinsics: Float64[np.ndarray, "b 4"]
    """fx, fy, cx, cy (px of the picture)."""
    size_px: int
    present: Bool[np.ndarray, "b 2"]
    keypoints: Float64[np.ndarray, "b 2 21 3"]

    @property
    def outward(self) -> Float64[np.ndarray, "b 2 3"]:
        """Unit, from the fingers' roots to the wrist: where the forearm goes if the wrist is straight."""
        return _unit(self.keypoints[:, :, 0] - 0.5 * (self.keypoints[:, :, 5] + self.keypoints[:, :, 17]))

    @property
    def out_of_palm(self) -> Float64[np.ndarray, "b 2 3"]:
        """Unit, out of the palm."""
        index, pinky = (self.keypoints[:, :, k] - self.keypoints[:, :, 0] for k in (5, 17))
        out: Float64[np.ndarray, "b 2 3"] = _unit(np.cross(index, pinky)) * np.array([1.0, -1.0])[:, None]
        return out

    @property
    def across(self) -> Float64[np.ndarray, "b 2 3"]:
        """Unit, from the pinky's to the index finger's root."""
        return _unit(self.keypoints[:, :, 5] - self.keypoints[:, :, 17])

    @property
    def depth(self) -> Float64[np.ndarray, " b"]:
        """Mean distance of the hands along z."""
        weights = self.present / self.present.sum(axis=1, keepdims=True)
        depth: Float64[np.ndarray, " b"] = (self.keypoints[..., 2].mean(axis=2) * weights).sum(axis=1)
        return depth

    @property
    def width(self) -> Float64[np.ndarray, " b"]:
        """What the picture spans at the hands' distance."""
        width: Float64[np.ndarray, " b"] = self.size_px * self.depth / self.intrinsics[:, 0]
        return width


def _unit(vectors: Float64[np.ndarray, "*batch 3"]) -> Float64[np.ndarray, "*batch 3"]:
    directions: Float64[np.ndarray, "*batch 3"] = vectors / np.maximum(
        np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9
    )
    return directions
