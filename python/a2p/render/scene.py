"""What is exported of a reconstruction: plain arrays and numbers, so that no writer knows a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Integer

from a2p.camera import Camera
from a2p.penetration import PenetrationReport


@dataclass(frozen=True, kw_only=True)
class ExportHand:
    """One hand in the camera frame: x right, y down, z forward; m, rad, px."""

    handedness: Literal["left", "right"]
    """The person's own."""
    score: float
    box_xyxy_px: Float[np.ndarray, " 4"]
    vertices: Float[np.ndarray, "v 3"]
    faces: Integer[np.ndarray, "f 3"]
    joints: Float[np.ndarray, "16 3"]
    keypoints_3d: Float[np.ndarray, "21 3"]
    keypoints_2d: Float[np.ndarray, "21 2"]
    global_orient: Float[np.ndarray, " 3"]
    hand_pose: Float[np.ndarray, "15 3"]
    betas: Float[np.ndarray, " 10"]
    transl: Float[np.ndarray, " 3"]


@dataclass(frozen=True, kw_only=True)
class ExportScene:
    """Everything known about one picture."""

    hands: tuple[ExportHand, ...]
    camera: Camera | None = None
    image_width_px: int | None = None
    image_height_px: int | None = None
    relative_translation: Float[np.ndarray, " 3"] | None = None
    """Left wrist minus right wrist (m)."""
    penetration_before: PenetrationReport | None = None
    penetration: PenetrationReport | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def named_hands(self) -> list[tuple[str, ExportHand]]:
        """Returns each hand with its name in files: right_hand, left_hand; a second of a kind is right_hand_2."""
        count = {"left": 0, "right": 0}
        named = []
        for hand in self.hands:
            count[hand.handedness] += 1
            number = count[hand.handedness]
            named.append((f"{hand.handedness}_hand" + (f"_{number}" if number > 1 else ""), hand))
        return named
