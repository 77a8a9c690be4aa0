"""The renderer of training pictures for one pair of hand models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8, UInt32

from a2p.data.duet_images.skin_map import RestHand, SkinMaps
from a2p.hand import HandPair
from a2p.native import core

Scenes = Shaped[np.ndarray, " b"]
"""Structured: one entry of `SCENE` a picture."""

SCENE: np.dtype[np.void] = core.PictureRenderer.scene_dtype()
"""Every number that decides what a picture looks like; cpp/include/a2p/picture/scene.h says what each means."""

NOTHING, RIGHT_HAND, LEFT_HAND, RIGHT_FOREARM, LEFT_FOREARM, OBJECT = range(6)
"""Labels of pixels."""


@dataclass(frozen=True)
class RenderedHands:
    """Where two hands are in the camera frame; right, left. Zero for a hand that is not there."""

    vertices: Float32[np.ndarray, "b 2 v 3"]
    joints: Float32[np.ndarray, "b 2 16 3"]
    keypoints: Float32[np.ndarray, "b 2 21 3"]


@dataclass(frozen=True)
class Pictures:
    """A batch of rendered pictures."""

    rgb: UInt8[np.ndarray, "b h w 3"]
    label: UInt8[np.ndarray, "b h w"]
    """`NOTHING` to `OBJECT`: what covers most of each pixel."""
    depth: Float32[np.ndarray, "b h w"]
    """m along z, mean over what the label names; infinite where nothing is."""
    visible: Bool[np.ndarray, "b 2 21"]
    """Whether the camera sees the skin around each keypoint; right, left."""
    stages_ms: Mapping[str, float]
    """Milliseconds of all threads by stage."""


class PictureRenderer:
    """Renders hands of one pair of models with what surrounds them."""

    def __init__(self, models: HandPair, photos: Sequence[UInt8[np.ndarray, "h w 3"]] = ()) -> None:
        self.models = models
        right, left = RestHand.of(models.right), RestHand.of(models.left)
        maps = SkinMaps.of(right)
        self.photo_sizes = np.array([photo.shape[:2] for photo in photos], dtype=np.float64).reshape(-1, 2)
        """Height and width (px) of each photo."""
        self._native = core.PictureRenderer(
            _look(right, mirrored=False),
            _look(left, mirrored=True),
            skin_maps=list(maps.levels),
            x=maps.x,
            z=maps.z,
            texels_per_metre=maps.texels_per_metre,
            photos=[np.ascontiguousarray(photo) for photo in photos],
        )

    def render(
        self,
        scenes: Scenes,
        hands: RenderedHands,
        seeds: UInt32[np.ndarray, " b"],
        *,
        width: int,
        height: int,
        threads: int = 0,
    ) -> Pictures:
        """Returns a picture of each scene. The same scene gives the same bytes for any batch and number of threads."""
        rgb, label, depth, visible, stages_ms = self._native.render(
            scenes, hands.vertices, hands.joints, hands.keypoints, seeds, width=width, height=height, threads=threads
        )
        return Pictures(rgb, label, depth, visible.astype(bool), stages_ms)


def _look(hand: RestHand, *, mirrored: bool) -> dict[str, np.ndarray]:
    faces = hand.faces[:, [0, 2, 1]] if mirrored else hand.faces
    return {
        "faces": np.ascontiguousarray(faces, dtype=np.int32),
        "wrist_loop": hand.wrist_loop.astype(np.int32),
        "rest": hand.vertices.astype(np.float32),
        "palmar": hand.palmar().astype(np.float32),
        "relief": hand.relief().astype(np.float32),
        "joint": hand.joint.astype(np.uint8),
        "ring_bones": hand.ring_bones().astype(np.float32),
    }
