"""Trains the network of stage 1: a plain loop that can be stopped and resumed at any step.

    python -m a2p.training.alignment --out RUN [--recipe compact_cpu] [--pairs PAIRS] [--max-seconds 500]
    torchrun --nproc-per-node 4 -m a2p.training.alignment ...     (several GPUs)

A step draws its pictures and all else from the seed and its own number alone, so that a resumed run takes the steps
that it would have taken.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from a2p.alignment.batch import AlignmentBatch, AlignmentOutput
from a2p.alignment.losses import AlignmentCriterion, AlignmentLosses, masked_mean
from a2p.alignment.network import AlignmentNetwork
from a2p.alignment.teachers import Teacher, TogetherTeacher
from a2p.alignment.weights import AlignmentOrigin, save_alignment
from a2p.errors import ConfigError
from a2p.hand import HandModel
from a2p.training.alignment_pictures import PictureFolders, RunPictures
from a2p.training.alignment_recipe import RECIPES, AlignmentTraining
from a2p.training.alignment_start import hand_landmark_file, parameter_groups, start_network
from a2p.training.picture_grid import save_grid
from a2p.training.runs import WEIGHTS, Deadline, Worker, seed_of
from a2p.training.trainer import Trainer

GRID = "predictions.png"


@dataclass(frozen=True)
class HeldOut:
    """How wrong the averaged network is on pictures that it never saw, without a teacher."""

    keypoints_2d: Float[Tensor, ""]
    """Mean distance in the crop, in hundredths of its side."""
    mpjpe_mm: Float[Tensor, ""]
    """Of the posed hand's keypoints about the wrist keypoint."""
    mrrpe_mm: Float[Tensor, ""]


class AlignmentTrainer(Trainer):
    """One run of stage 1's network."""

    def __init__(self, recipe: AlignmentTraining, worker: Worker, pictures: RunPictures) -> None:
        if not pictures.suits(recipe):
            raise ConfigError(
                "networks that are trained together must have recipes with the same pictures: seed, batch, sources, "
                "picture_px, crops, held_out and crop_px, and no more steps than the pictures' own."
            )
        self.recipe, self.pictures = recipe, pictures
        self.teacher = teacher_of(recipe)
        config = recipe.network.with_priors({} if self.teacher is None else self.teacher.channels)
        form = torch.channels_last if recipe.channels_last else torch.contiguous_format
        torch.manual_seed(recipe.seed)
        self.network, self.averaged = (
            AlignmentNetwork(config).to(device=worker.device, memory_format=form)  # type: ignore[call-overload]
            for _ in range(2)
        )
        self._begun = start_network(self.network, recipe.start)
        self.criterion = AlignmentCriterion(HandModel.load("open", side="right"), recipe.loss).to(worker.device)
        groups = parameter_groups(self.network, recipe.encoder_rate)
        super().__init__(recipe, worker, self.network, self.averaged, groups=groups)

    def next_losses(self) -> tuple[Tensor, AlignmentLosses]:
        """Returns what the next batch costs."""
        batch = self.pictures.batch(self.step)
        found = self.criterion(self._run(self.parallel, batch), batch)
        return found.total(self.recipe.loss), found

    @torch.no_grad()
    def check(self) -> HeldOut:
        """Returns how wrong the averaged network is on the held-out pictures."""
        self.averaged.eval()
        parts = []
        for start in range(0, self.recipe.held_out, self.recipe.batch):
            batch = self.pictures.held_out(start, min(self.recipe.batch, self.recipe.held_out - start))
            parts.append(self._errors(self._float(self._autocast(self.averaged, batch)), batch))
        return HeldOut(*(torch.stack([getattr(p, item.name) for p in parts]).mean() for item in fields(HeldOut)))

    def write_weights(self, path: Path, recipe: str, commit: str, samples: int) -> None:
        """Writes the averaged network and where it comes from."""
        photos = f"photos behind some ({self.pictures.photo_count})" if self.pictures.photo_count else ""
        data = ", ".join(filter(None, ("rendered duet pictures", photos, self._begun)))
        save_alignment(self.averaged, path, AlignmentOrigin(data, recipe, commit, samples))

    @torch.no_grad()
    def draw(self, folder: Path) -> None:
        """Writes a grid of held-out crops with the averaged network's keypoints."""
        self.averaged.eval()
        batch = self.pictures.held_out(0, min(24, self.recipe.held_out))
        save_grid(folder / GRID, batch, self._float(self._autocast(self.averaged, batch)).keypoints_25d)

    def _run(self, network: nn.Module, batch: AlignmentBatch) -> AlignmentOutput:
        if self.teacher is None:
            return self._float(self._autocast(network, batch))
        generator = torch.Generator().manual_seed(seed_of(self.recipe.seed, self.step, self.worker.rank) + 1)
        drawn = torch.rand(len(batch), generator=generator) < self.recipe.from_image
        return self._float(self._autocast(network, batch, self.teacher(batch), drawn.float().to(self.worker.device)))

    def _autocast(self, network: nn.Module, batch: AlignmentBatch, *arguments: object) -> AlignmentOutput:
        with torch.autocast(self.worker.device.type, torch.bfloat16, enabled=self.recipe.bf16):
            output: AlignmentOutput = network(batch.given, *arguments)
        return output

    @staticmethod
    def _float(output: AlignmentOutput) -> AlignmentOutput:
        values: dict[str, Any] = {item.name: getattr(output, item.name) for item in fields(output)}
        exact: dict[str, Any] = {name: None if value is None else value.float() for name, value in values.items()}
        return AlignmentOutput(**exact)

    def _errors(self, output: AlignmentOutput, batch: AlignmentBatch) -> HeldOut:
        labels, present = batch.labels, batch.given.present
        posed = self.criterion.keypoints(output)
        flat = (output.keypoints_25d - labels.keypoints_25d)[..., :2].norm(dim=-1)
        solid = (posed - labels.keypoints_3d).norm(dim=-1)
        apart = (output.relative_translation - labels.relative_translation).norm(dim=-1)
        return HeldOut(
            100.0 * masked_mean(flat, labels.keypoints_2d_valid & present[..., None]),
            1e3 * masked_mean(solid, labels.keypoints_3d_valid & present[..., None]),
            1e3 * masked_mean(apart, labels.relative_valid & present.all(dim=1)),
        )


def teacher_of(recipe: AlignmentTraining) -> Teacher | None:
    """Returns the teacher of a recipe, with the priors that the recipe asks for."""
    if recipe.teacher == "none":
        return None
    if recipe.teacher == "mediapipe":
        from a2p.alignment.teachers.mediapipe import MediapipeTeacher

        return TogetherTeacher([MediapipeTeacher(hand_landmark_file())], priors=recipe.priors)
    from a2p.alignment.teachers.oracle import OracleTeacher

    return TogetherTeacher([OracleTeacher()], priors=recipe.priors)


def train(
    recipe: AlignmentTraining,
    out: Path,
    *,
    pairs: Path | None = None,
    backgrounds: Path | None = None,
    device: str = "auto",
    max_seconds: float | None = None,
    processes: int = 0,
    commit: str = "unknown",
) -> int:
    """Trains, or goes on training, until the recipe's last step or for `max_seconds`; returns the steps taken so far.

    `pairs` is a folder of duet pairs that touch, `backgrounds` one of photos to show behind hands. `processes` render
    beside this one; with 0 a thread does, which is enough for a CPU.

    `out` receives the checkpoint, the averaged weights, a line of JSON for every `log_every` steps, and a picture of
    predictions.
    """
    steps = train_together(
        {out: recipe},
        pairs=pairs,
        backgrounds=backgrounds,
        device=device,
        max_seconds=max_seconds,
        processes=processes,
        commit=commit,
    )
    return steps[out]


def train_together(
    recipes: Mapping[Path, AlignmentTraining],
    *,
    pairs: Path | None = None,
    backgrounds: Path | None = None,
    device: str = "auto",
    max_seconds: float | None = None,
    processes: int = 0,
    commit: str = "unknown",
) -> dict[Path, int]:
    """Trains several networks on the same pictures, each as `train` does alone; returns the steps of each folder.

    Every picture is rendered once for all of them. Recipes must agree in what decides on the pictures, not in steps.
    """
    deadline = Deadline(max_seconds)
    with Worker.joined(device) as worker:
        longest = max(recipes.values(), key=lambda recipe: recipe.steps)
        pictures = RunPictures(longest, worker, PictureFolders(pairs, backgrounds), processes=processes)
        try:
            trainers = {out: AlignmentTrainer(recipe, worker, pictures) for out, recipe in recipes.items()}
            going = {out: trainer.steps(out, deadline, commit) for out, trainer in trainers.items()}
            while going:
                behind = min(going, key=lambda out: trainers[out].step)
                if next(going[behind], None) is None:
                    del going[behind]
            return {out: trainer.step for out, trainer in trainers.items()}
        finally:
            pictures.close()


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--recipe", default="compact_cpu", help=f"a JSON file, or one of {RECIPES.name}")
    parser.add_argument("--pairs", type=Path, help="folder of duet pairs that touch")
    parser.add_argument("--backgrounds", type=Path, help="folder of photos to show behind hands")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--max-seconds", type=float, help="stop after so long; the same command goes on")
    parser.add_argument("--processes", type=int, default=0, help="that render; 0: a thread of this one, for a CPU")
    parser.add_argument("--commit", default="unknown", help="of the code, for the model card")
    options = parser.parse_args()
    recipe = recipe_of(options.recipe)
    steps = train(
        recipe,
        options.out,
        pairs=options.pairs,
        backgrounds=options.backgrounds,
        device=options.device,
        max_seconds=options.max_seconds,
        processes=options.processes,
        commit=options.commit,
    )
    print(f"{steps} of {recipe.steps} steps; {options.out / WEIGHTS}")


def recipe_of(name: str) -> AlignmentTraining:
    """Returns the recipe in a JSON file, or the packaged one of that name."""
    return AlignmentTraining.read(Path(name)) if name.endswith(".json") else AlignmentTraining.packaged(name)


if __name__ == "__main__":
    main()
