"""Pictures for the alignment network: rendered, cut to crops, mixed by weight, and made ahead of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from a2p.alignment.batch import AlignmentBatch, AlignmentInput, AlignmentLabels
from a2p.data.duet import DuetPairs, load_shards
from a2p.data.duet_images import DuetImages, ImageSettings
from a2p.data.duet_images.photos import read_photos
from a2p.data.duet_images.renderer import PictureRenderer
from a2p.data.duet_images.settings import CameraSettings, PoseSettings
from a2p.errors import ConfigError
from a2p.hand import HandModel
from a2p.training.alignment_recipe import AlignmentTraining, PictureSource
from a2p.training.hand_crops import hand_crops
from a2p.training.runs import Worker, seed_of

_HELD_OUT_SEED = 1_000_003
"""Added to a source's seed for the pictures that are never trained on."""


_PICTURED = ("seed", "batch", "sources", "picture_px", "crops", "held_out", "reuse", "kept")
"""What of a recipe decides which pictures are made."""


@dataclass(frozen=True)
class PictureFolders:
    """What pictures are made from that a2p does not bring."""

    pairs: Path | None = None
    """Duet pairs that touch."""
    backgrounds: Path | None = None
    """Photos, parts of which lie behind hands; see `read_photos`."""


NO_FOLDERS = PictureFolders()


class BatchSource(Protocol):
    """Whatever makes a run's batches in the order of its steps."""

    def batch(self, step: int) -> AlignmentBatch:
        """Returns a step's batch for this process, on its device, and begins later ones."""

    def close(self) -> None:
        """Stops making batches."""


class TrainingPictures:
    """The batches of a recipe, made ahead of time by a thread: batch k is the same however the run is sliced."""

    def __init__(
        self, recipe: AlignmentTraining, worker: Worker, folders: PictureFolders = NO_FOLDERS, *, threads: int = 0
    ) -> None:
        self.recipe, self.worker = recipe, worker
        self._models = HandModel.load_pair()
        photos = () if folders.backgrounds is None else read_photos(folders.backgrounds)
        renderer = PictureRenderer(self._models, photos)
        shown = _pairs(recipe, folders.pairs)

        def images(source: PictureSource, seed: int) -> DuetImages:
            camera = CameraSettings(hand_crop=source.hand_crop, union_crop=source.union_crop, mirror_left=False)
            poses = PoseSettings(contact=source.contact, single=source.single)
            settings = ImageSettings(size_px=recipe.picture_px, pose=poses, camera=camera)
            touching = shown if source.touching else None
            return DuetImages(settings, pairs=touching, renderer=renderer, seed=seed, threads=threads)

        self._sources = [images(source, source.seed) for source in recipe.sources]
        self._held_out = [images(source, source.seed + _HELD_OUT_SEED) for source in recipe.sources]
        self.photo_count = len(photos)
        self._ahead: dict[int, Future[AlignmentBatch]] = {}
        self._maker = ThreadPoolExecutor(1)

    def batch(self, step: int) -> AlignmentBatch:
        """Returns a step's batch for this process, and begins the next one."""
        future = self._ahead.pop(step, None) or self._maker.submit(self.made, step)
        if step + 1 < self.recipe.steps:
            self._ahead = {step + 1: self._maker.submit(self.made, step + 1)}
        return future.result()

    def held_out(self, start: int, count: int) -> AlignmentBatch:
        """Returns some of the pictures that are never trained on."""
        generator = torch.Generator().manual_seed(seed_of(self.recipe.seed, start, 10_007))
        first = start // len(self._held_out)
        each = -(-count // len(self._held_out))
        return joined([self._cut(images, first, each, generator) for images in self._held_out])

    def close(self) -> None:
        """Stops making batches."""
        self._maker.shutdown(cancel_futures=True)

    def made(self, step: int) -> AlignmentBatch:
        """Returns a step's batch, made now."""
        share = self.recipe.batch // self.worker.count
        generator = torch.Generator().manual_seed(seed_of(self.recipe.seed, step, self.worker.rank))
        weights = torch.tensor([source.weight for source in self.recipe.sources])
        drawn = torch.multinomial(weights, share, replacement=True, generator=generator)
        counts = torch.bincount(drawn, minlength=len(weights)).tolist()
        first = (step * self.worker.count + self.worker.rank) * share
        parts = zip(self._sources, counts, strict=True)
        return joined([self._cut(images, first, count, generator) for images, count in parts if count])

    def _cut(self, images: DuetImages, first: int, count: int, generator: torch.Generator) -> AlignmentBatch:
        return hand_crops(
            images.batch(np.arange(first, first + count)),
            self._models,
            generator,
            size=self.recipe.network.crop_px,
            settings=self.recipe.crops,
            device=self.worker.device,
        )


class ParallelPictures:
    """The batches of a recipe, made by several processes: a GPU takes more pictures than one process can plan.

    Each process renders on one thread. Batches are those of `TrainingPictures`.
    """

    def __init__(self, recipe: AlignmentTraining, worker: Worker, folders: PictureFolders, *, processes: int) -> None:
        self._recipe, self._worker, self._folders, self._processes = recipe, worker, folders, processes
        self._next, self._batches = -1, iter(())  # type: int, Iterator[AlignmentBatch]

    def batch(self, step: int) -> AlignmentBatch:
        """Returns a step's batch for this process, on its device, and begins later ones."""
        if step != self._next:
            self._batches = self._started(step)
        self._next = step + 1
        return next(self._batches).to(self._worker.device)

    def close(self) -> None:
        """Stops making batches."""
        self._next, self._batches = -1, iter(())

    def _started(self, step: int) -> Iterator[AlignmentBatch]:
        return iter(
            DataLoader(
                _Batches(self._recipe, self._worker, self._folders),
                batch_size=None,
                sampler=range(step, self._recipe.steps),
                num_workers=self._processes,
                multiprocessing_context="spawn",
            )
        )


class RunPictures:
    """All pictures of a run, which several networks may be trained on at once: each batch is made once.

    With a recipe's `reuse` a batch serves several steps: first the one that it was made for, later ones in other
    colours and in any order. A run that goes on shows again what was made since then.
    """

    def __init__(
        self, recipe: AlignmentTraining, worker: Worker, folders: PictureFolders = NO_FOLDERS, *, processes: int = 0
    ) -> None:
        """With `processes` so many render beside this one; with 0 a thread does."""
        self.recipe, self._worker = recipe, worker
        rendered = replace(recipe, steps=-(-recipe.steps // recipe.reuse))
        self._kept = TrainingPictures(rendered, worker, folders)
        self._made: BatchSource = self._kept
        if processes > 0:
            self._made = ParallelPictures(rendered, worker, folders, processes=processes)
        self._last: tuple[int, AlignmentBatch] | None = None
        self._shown: deque[AlignmentBatch] = deque(maxlen=recipe.kept)
        self._held_out: dict[tuple[int, int], AlignmentBatch] = {}

    @property
    def photo_count(self) -> int:
        """How many photos lie behind hands."""
        return self._kept.photo_count

    def suits(self, recipe: AlignmentTraining) -> bool:
        """Whether a network of this recipe is to see these pictures."""
        return all(getattr(recipe, name) == getattr(self.recipe, name) for name in _PICTURED) and (
            recipe.network.crop_px == self.recipe.network.crop_px and recipe.steps <= self.recipe.steps
        )

    def batch(self, step: int) -> AlignmentBatch:
        """Returns a step's batch for this process, on its device; the last one is kept for whoever asks next."""
        if self._last is None or self._last[0] != step:
            self._last = (step, self._drawn(step))
        return self._last[1]

    def held_out(self, start: int, count: int) -> AlignmentBatch:
        """Returns some of the pictures that are never trained on; they are made once."""
        if (start, count) not in self._held_out:
            self._held_out[start, count] = self._kept.held_out(start, count)
        return self._held_out[start, count]

    def close(self) -> None:
        """Ends what renders."""
        self._made.close()
        self._kept.close()

    def _drawn(self, step: int) -> AlignmentBatch:
        fresh, again = divmod(step, self.recipe.reuse)
        if again and self._shown:
            generator = torch.Generator().manual_seed(seed_of(self.recipe.seed, step, self._worker.rank) + 2)
            index = int(torch.randint(len(self._shown), (), generator=generator))
            return recoloured(self._shown[index], generator)
        batch = self._made.batch(fresh)
        if self.recipe.reuse > 1:
            self._shown.append(batch)
        return batch


def recoloured(batch: AlignmentBatch, generator: torch.Generator) -> AlignmentBatch:
    """Returns a batch whose pictures have another exposure, colour cast and contrast."""
    crops = batch.given.crops
    count = len(crops)

    def drawn(*shape: int, spread: float) -> Tensor:
        values: Tensor = spread * torch.randn(count, *shape, generator=generator)
        return values.to(crops.device)

    gain = torch.exp(drawn(1, 1, 1, 1, spread=0.15) + drawn(1, 3, 1, 1, spread=0.08))
    contrast = torch.exp(drawn(1, 1, 1, 1, spread=0.1))
    changed = ((crops - 0.5) * contrast + 0.5) * gain
    return replace(batch, given=replace(batch.given, crops=changed.clamp(0.0, 1.0)))


class _Batches(Dataset[AlignmentBatch]):
    """A process's own `TrainingPictures`, which it makes when it is first asked."""

    def __init__(self, recipe: AlignmentTraining, worker: Worker, folders: PictureFolders) -> None:
        self._recipe, self._worker, self._folders = recipe, replace(worker, device=torch.device("cpu")), folders
        self._pictures: TrainingPictures | None = None

    def __getitem__(self, step: int) -> AlignmentBatch:
        if self._pictures is None:
            torch.set_num_threads(1)
            self._pictures = TrainingPictures(self._recipe, self._worker, self._folders, threads=1)
        return self._pictures.made(step)


def joined(parts: list[AlignmentBatch]) -> AlignmentBatch:
    """Returns batches as one."""

    def together(kind: type[Any], pieces: list[Any]) -> Any:
        return kind(**{item.name: torch.cat([getattr(piece, item.name) for piece in pieces]) for item in fields(kind)})

    return AlignmentBatch(
        together(AlignmentInput, [part.given for part in parts]),
        together(AlignmentLabels, [part.labels for part in parts]),
    )


def _pairs(recipe: AlignmentTraining, folder: Path | None) -> DuetPairs | None:
    if not any(source.touching for source in recipe.sources):
        return None
    if folder is None:
        raise ConfigError(
            "a source of this recipe shows touching hands: make pairs with `a2p data duet` and give their folder."
        )
    return load_shards(folder)
