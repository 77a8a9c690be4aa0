"""Rendered pictures that nothing is trained on, as a data set like the others: to be evaluated on by anyone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.camera import Camera
from a2p.data.duet import DuetPairs, load_shards, write_shards
from a2p.data.duet.shards import arrays_of
from a2p.data.duet_images.images import DuetImageBatch, DuetImages
from a2p.data.duet_images.renderer import PictureRenderer
from a2p.data.duet_images.settings import CameraSettings, ImageSettings
from a2p.data.index import cache_folder
from a2p.data.sample import HandLabels, PixelLabels, Sample, all_keypoints, box_around
from a2p.errors import ConfigError
from a2p.hand import HandModel, HandPair, HandParameters

SAMPLES = 2000
"""Pictures of the test split."""
PICTURE_SEED = 2_000_003
"""Seed of the pictures: neither a training recipe's nor that of the pictures which training holds out."""
PAIR_SEED = 1
"""Seed of the pairs that are made where the user has none; training takes seed 0."""
PAIRS = 256
"""Pairs that are made then."""
TEST_PICTURES = ImageSettings(
    size_px=256, camera=CameraSettings(hand_crop=0.0, union_crop=0.8, mirror=0.3, mirror_left=False)
)
"""Both hands in view, or a wide picture; else as in training: half of the pictures show hands that touch, a quarter one
hand, a quarter two hands apart."""
_LEAST_INSIDE = 0.5
"""Share of a hand's keypoints that the picture must show for the hand to count, as in training."""


class Duet:
    """Pictures of hand pairs in a folder that `a2p data duet` wrote, rendered when they are asked for.

    A sample depends on the pairs, the seed and its number alone. Labels are exact: keypoints, parameters, meshes of the
    open hand, what each pixel shows and how far it is.
    """

    name = "duet"
    license = "Apache-2.0, hand model CC0: made by a2p itself"

    def __init__(self, root: Path, *, count: int = SAMPLES, seed: int = PICTURE_SEED) -> None:
        """Reads the pairs of a folder; pictures are rendered when they are asked for."""
        if count < 1:
            raise ConfigError(f"count must be at least 1; got {count}.")
        self.split = "test"
        self.root = root
        self.seed = seed
        self._count = count
        self._pairs_seen = _identity(self._pairs)

    @property
    def recipe(self) -> Mapping[str, str]:
        """What the pictures are made from, to be printed with figures."""
        return {
            "pictures": f"{TEST_PICTURES.size_px} px of seed {self.seed}",
            "pairs": self._pairs_seen,
        }

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        """Returns one picture, rendered now."""
        if not 0 <= index < self._count:
            raise IndexError(f"sample must lie in [0, {self._count}); got {index}.")
        batch = self._images.batch(np.array([index]))
        size = TEST_PICTURES.size_px
        hands = [self._labels(batch, side) for side in range(2)]
        counts = _counting(batch)
        right, left = (hand if there else None for hand, there in zip(hands, counts, strict=True))
        kind = "touching" if bool(batch.is_contact[0]) else "apart" if batch.present[0].all() else "alone"
        return Sample(
            dataset=self.name,
            split=self.split,
            id=f"{index:06d}",
            source_frame=f"{kind}, seed {self.seed}",
            image=batch.rgb[0],
            size_px=(size, size),
            camera=Camera(*batch.intrinsics[0].tolist()),
            hand_type="interacting" if counts.all() else "right" if counts[0] else "left",
            right=right,
            left=left,
            convention="mediapipe",
            pixel_labels=PixelLabels(batch.label[0], batch.depth[0]),
        )

    def __getstate__(self) -> dict[str, Any]:
        """Returns what another process needs; it reads the pairs itself."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_images", "_pairs")}

    @cached_property
    def _pairs(self) -> DuetPairs:
        return load_shards(self.root)

    @cached_property
    def _images(self) -> DuetImages:
        renderer = PictureRenderer(HandModel.load_pair())
        return DuetImages(TEST_PICTURES, pairs=self._pairs, renderer=renderer, seed=self.seed, threads=1)

    def _labels(self, batch: DuetImageBatch, side: int) -> HandLabels:
        models: HandPair = self._images.models
        hands = (batch.right, batch.left)[side]
        parameters = HandParameters(hands.global_orient[0], hands.hand_pose[0], hands.betas[0], hands.transl[0])
        pixels = torch.from_numpy(batch.keypoints_2d[0, side])
        with torch.no_grad():
            vertices: Float[Tensor, "v 3"] = models[side](parameters).vertices
        return HandLabels(
            keypoints_3d=torch.from_numpy(batch.keypoints_3d[0, side]),
            keypoints_3d_valid=all_keypoints(),
            keypoints_2d=pixels,
            keypoints_2d_valid=all_keypoints(),
            box_xyxy_px=box_around(pixels, all_keypoints(), (TEST_PICTURES.size_px, TEST_PICTURES.size_px)),
            parameters=parameters,
            vertices=vertices,
            visible=torch.from_numpy(batch.visible[0, side]),
        )


def held_out_pairs(*, workers: int = 1, progress: Callable[[int], None] | None = None) -> Path:
    """Returns the folder in the cache that holds `PAIRS` pairs of `PAIR_SEED`, made when they are not there yet."""
    folder = cache_folder() / f"duet-{PAIR_SEED}-{PAIRS}"
    write_shards(folder, PAIRS, seed=PAIR_SEED, workers=workers, progress=progress)
    return folder


def _identity(pairs: DuetPairs) -> str:
    digest = hashlib.sha256()
    for array in arrays_of(pairs).values():
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"{len(pairs)} of seed {pairs.seed} (sha256 {digest.hexdigest()[:12]})"


def _counting(batch: DuetImageBatch) -> Bool[np.ndarray, " 2"]:
    """Returns which hands are labelled: those of which the picture shows enough, at least the one with most of it."""
    size = TEST_PICTURES.size_px
    points = batch.keypoints_2d[0]
    inside = ((points >= 0) & (points <= size)).all(axis=-1).mean(axis=-1) * batch.present[0]
    counts: Bool[np.ndarray, " 2"] = inside >= _LEAST_INSIDE
    counts[int(inside.argmax())] = True
    return counts
