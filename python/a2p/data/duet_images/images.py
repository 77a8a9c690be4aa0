"""Training pictures of hands, made while they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8, UInt32
from torch import Tensor

from a2p.data.duet import DuetPairs
from a2p.data.duet_images.draws import Draws
from a2p.data.duet_images.poses import BLOCK, HandBatch, PoseSource, choose_hands
from a2p.data.duet_images.renderer import (
    LEFT_FOREARM,
    LEFT_HAND,
    NOTHING,
    OBJECT,
    RIGHT_FOREARM,
    RIGHT_HAND,
    PictureRenderer,
    Pictures,
    RenderedHands,
    Scenes,
)
from a2p.data.duet_images.scenes import make_scenes
from a2p.data.duet_images.settings import ImageSettings
from a2p.data.duet_images.view_facts import ViewFacts
from a2p.data.duet_images.views import Crops, before_camera, cut_out
from a2p.errors import ConfigError
from a2p.hand import HandModel, HandParameters, mirror_parameters
from a2p.hand.keypoints import KeypointRegressor
from a2p.threads import one_torch_thread


@dataclass(frozen=True)
class DuetImageBatch:
    """Pictures with everything known of them. Axis 2 is right, left; m, px, rad; camera frame.

    Mirrored pictures are labelled as the mirrored scene, which is one of other hands: what looks like a right hand is
    one in every label.
    """

    index: Int64[np.ndarray, " b"]
    rgb: UInt8[np.ndarray, "b h w 3"]
    label: UInt8[np.ndarray, "b h w"]
    """0 nothing, 1 right hand, 2 left hand, 3 right forearm, 4 left forearm, 5 object."""
    depth: Float32[np.ndarray, "b h w"]
    """Of what the label names; infinite where nothing is."""
    keypoints_2d: Float32[np.ndarray, "b 2 21 2"]
    keypoints_3d: Float32[np.ndarray, "b 2 21 3"]
    visible: Bool[np.ndarray, "b 2 21"]
    """The camera sees the skin around the keypoint."""
    present: Bool[np.ndarray, "b 2"]
    box_xyxy: Float32[np.ndarray, "b 2 4"]
    """Around the keypoints, also those outside the picture; zero for a hand that is not there."""
    intrinsics: Float32[np.ndarray, "b 4"]
    """fx, fy, cx, cy."""
    right: HandParameters
    left: HandParameters
    kind: Int64[np.ndarray, " b"]
    """0 a cut of one hand, 1 of both, 2 a wide one."""
    target: Int64[np.ndarray, " b"]
    """The hand that is meant: 0 right, 1 left."""
    is_contact: Bool[np.ndarray, " b"]

    @property
    def keypoints_25d(self) -> Float32[np.ndarray, "b 2 21 3"]:
        """Place in the picture (px) and depth behind the same hand's wrist (m)."""
        relative = self.keypoints_3d[..., 2:] - self.keypoints_3d[:, :, :1, 2:]
        joined: Float32[np.ndarray, "b 2 21 3"] = np.concatenate([self.keypoints_2d, relative], axis=-1)
        return joined

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class _Plan:
    """What some pictures will show."""

    index: Int64[np.ndarray, " b"]
    hands: HandBatch
    rendered: RenderedHands
    crops: Crops
    scenes: Scenes
    seeds: UInt32[np.ndarray, " b"]


class DuetImages:
    """The endless sequence of pictures that settings and a seed name.

    `images.batch(indices)` is the same for any batching and number of threads; `images.stream(...)` goes through the
    sequence. Without `pairs` hands never touch: give those that `a2p data duet` made. The renderer brings the hand
    models and photos; making one takes a second, and several data sets may share it.
    """

    def __init__(
        self,
        settings: ImageSettings | None = None,
        *,
        pairs: DuetPairs | None = None,
        renderer: PictureRenderer | None = None,
        seed: int = 0,
        threads: int = 0,
    ) -> None:
        if threads < 0:
            raise ConfigError(f"threads must be at least 0; got {threads}. 0 takes all cores.")
        self.settings = settings or ImageSettings()
        self.renderer = renderer or PictureRenderer(HandModel.load_pair())
        self.models = self.renderer.models
        self.seed = seed
        self.threads = threads
        self._poses = PoseSource(self.models, self.settings.pose, pairs=pairs, seed=seed)
        self._plan = lru_cache(maxsize=4)(self._make_plan)
        self._regressors = [KeypointRegressor.for_model(model) for model in self.models]
        self.stages_ms: dict[str, float] = {}
        """Milliseconds that the last batch took in native code, by stage, over all threads."""

    def batch(self, indices: Int64[np.ndarray, " b"]) -> DuetImageBatch:
        """Returns the pictures of these indices."""
        if len(indices) == 0 or indices.min() < 0:
            raise ConfigError("indices must be at least one, none below 0.")
        return self._render(self._planned(indices))

    def _planned(self, indices: Int64[np.ndarray, " b"]) -> _Plan:
        return _rows([self._plan(int(block)) for block in np.unique(indices // BLOCK)], indices)

    def _render(self, plan: _Plan) -> DuetImageBatch:
        size = self.settings.size_px
        pictures = self.renderer.render(
            plan.scenes, plan.rendered, plan.seeds, width=size, height=size, threads=self.threads
        )
        self.stages_ms = dict(pictures.stages_ms)
        return _mirrored(_labelled(plan, pictures), plan.crops.mirror)

    def stream(self, batch_size: int, *, first: int = 0, step: int = 1) -> Iterator[DuetImageBatch]:
        """Yields batches for ever, from index `first` on; a worker of several takes every `step`-th one.

        While one batch is rendered, which holds no lock of Python's, a thread plans the next.
        """
        if batch_size < 1 or first < 0 or step < 1:
            raise ConfigError(
                f"batch_size and step must be at least 1 and first at least 0; got {batch_size}, {step}, {first}."
            )
        starts = count(first, step * batch_size)
        with ThreadPoolExecutor(1, thread_name_prefix="a2p-plan") as planner:

            def submit() -> Future[_Plan]:
                start = next(starts)
                return planner.submit(self._planned, np.arange(start, start + batch_size))

            following = submit()
            while True:
                plan, following = following.result(), submit()
                yield self._render(plan)

    def _make_plan(self, block: int) -> _Plan:
        indices = np.arange(block * BLOCK, (block + 1) * BLOCK)
        draws = Draws(self.seed, indices)
        size = self.settings.size_px
        with one_torch_thread(), torch.no_grad():
            hands = before_camera(self._poses(draws, block), self.models, draws, self.settings.camera)
            rendered = self._rendered(hands)
        keypoints = rendered.keypoints.astype(np.float64)
        crops = cut_out(keypoints, hands.present, draws, self.settings.camera, size)
        facts = ViewFacts(crops.intrinsics, size, hands.present, keypoints)
        scenes = make_scenes(draws, self.settings, facts, self.renderer.photo_sizes)
        seeds = (draws.bits("noise") & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        return _Plan(indices, hands, rendered, crops, scenes, seeds)

    def _rendered(self, hands: HandBatch) -> RenderedHands:
        posed = [model(hand) for model, hand in zip(self.models, (hands.right, hands.left), strict=True)]
        keypoints = [
            regressor(hand, parameters.betas)
            for regressor, hand, parameters in zip(self._regressors, posed, (hands.right, hands.left), strict=True)
        ]
        return RenderedHands(
            vertices=torch.stack([hand.vertices for hand in posed], dim=1).numpy(),
            joints=torch.stack([hand.joints for hand in posed], dim=1).numpy(),
            keypoints=torch.stack(keypoints, dim=1).numpy(),
        )


def _rows(blocks: Sequence[_Plan], indices: Int64[np.ndarray, " b"]) -> _Plan:
    """Returns the plans of some pictures out of the sorted blocks that hold them."""
    position = {int(index): row for row, index in enumerate(np.concatenate([block.index for block in blocks]))}
    rows = np.array([position[int(index)] for index in indices])

    def pick(parts: Sequence[Any]) -> Any:
        if isinstance(parts[0], Tensor):
            return torch.cat(list(parts))[torch.from_numpy(rows)]
        if isinstance(parts[0], np.ndarray):
            return np.concatenate(parts)[rows]
        picked = {item.name: pick([getattr(part, item.name) for part in parts]) for item in fields(parts[0])}
        return type(parts[0])(**picked)

    plan: _Plan = pick(blocks)
    return plan


def _labelled(plan: _Plan, pictures: Pictures) -> DuetImageBatch:
    """Returns the labels of pictures that nobody has mirrored yet."""
    hands, rendered, crops = plan.hands, plan.rendered, plan.crops
    focal, centre = crops.intrinsics[:, None, None, :2], crops.intrinsics[:, None, None, 2:]
    points = rendered.keypoints.astype(np.float64)
    pixels = points[..., :2] / np.maximum(points[..., 2:], 1e-3) * focal + centre
    there = hands.present[:, :, None]
    boxes = np.concatenate([pixels.min(axis=2), pixels.max(axis=2)], axis=2) * there
    return DuetImageBatch(
        index=plan.index,
        rgb=pictures.rgb,
        label=pictures.label,
        depth=pictures.depth,
        keypoints_2d=pixels.astype(np.float32),
        keypoints_3d=rendered.keypoints,
        visible=pictures.visible,
        present=hands.present,
        box_xyxy=boxes.astype(np.float32),
        intrinsics=crops.intrinsics.astype(np.float32),
        right=hands.right,
        left=hands.left,
        kind=crops.kind,
        target=crops.target,
        is_contact=hands.is_contact,
    )


def _mirrored(batch: DuetImageBatch, mirror: Bool[np.ndarray, " b"]) -> DuetImageBatch:
    """Returns the batch with some pictures flipped, and their labels those of the mirrored scene."""
    width = batch.rgb.shape[2]
    if not mirror.any():
        return batch

    def flipped(images: np.ndarray) -> np.ndarray:
        images = images.copy()
        images[mirror] = images[mirror][:, :, ::-1]
        return images

    def swapped(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values[mirror] = values[mirror][:, ::-1]
        return values

    pixels, points, intrinsics = swapped(batch.keypoints_2d), swapped(batch.keypoints_3d), batch.intrinsics.copy()
    pixels[mirror, ..., 0] = width - pixels[mirror, ..., 0]
    points[mirror, ..., 0] *= -1.0
    intrinsics[mirror, 2] = width - intrinsics[mirror, 2]
    boxes = swapped(batch.box_xyxy)
    boxes[mirror] = (width - boxes[mirror][..., [2, 1, 0, 3]]) * [1, 0, 1, 0] + boxes[mirror] * [0, 1, 0, 1]
    present = swapped(batch.present)
    return replace(
        batch,
        rgb=flipped(batch.rgb),
        label=np.where(mirror[:, None, None], _OTHER_LABEL[flipped(batch.label)], batch.label),
        depth=flipped(batch.depth),
        keypoints_2d=pixels,
        keypoints_3d=points,
        visible=swapped(batch.visible),
        present=present,
        box_xyxy=boxes * present[..., None],
        intrinsics=intrinsics,
        right=choose_hands(mirror, mirror_parameters(batch.left), batch.right),
        left=choose_hands(mirror, mirror_parameters(batch.right), batch.left),
        target=np.where(mirror, 1 - batch.target, batch.target),
    )


_OTHER_LABEL = np.array([NOTHING, LEFT_HAND, RIGHT_HAND, LEFT_FOREARM, RIGHT_FOREARM, OBJECT], dtype=np.uint8)
"""What each label is called in a mirrored picture."""
