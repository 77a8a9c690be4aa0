"""`a2p train plausibility`: trains the networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import tyro

from a2p.cli.exit_codes import EXIT_OK


@dataclass(frozen=True, kw_only=True)
class TrainPlausibility:
    """Trains the denoiser of stage 2 on pairs that `a2p data duet` made; goes on where a run was stopped."""

    pairs: Path | None = None
    """Folder of duet pairs, to be prepared first; shards that are prepared already stay."""
    prepared: Path
    """Folder of prepared pairs."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the run: checkpoint, weights, log."""
    recipe: Path | None = None
    """Recipe, JSON; by default that of the packaged weights."""
    device: str = "auto"
    """cpu, cuda, or auto."""
    max_seconds: float | None = None
    """Stops after so long; the same command goes on."""
    only_prepare: bool = False
    """Whether to stop when the pairs are prepared."""

    def run(self) -> int:
        """Prepares, trains and returns the exit code."""
        from a2p.training.plausibility import PlausibilityTraining, train

        if self.pairs is not None:
            from a2p.training.preparation import prepare_duet

            for path in prepare_duet(self.pairs, self.prepared):
                print(f"prepared {path.name}", flush=True)
        if self.only_prepare:
            return EXIT_OK
        recipe = PlausibilityTraining.packaged() if self.recipe is None else PlausibilityTraining.read(self.recipe)
        steps = train(recipe, self.prepared, self.out, device=self.device, max_seconds=self.max_seconds)
        print(f"{steps} of {recipe.steps} steps; {self.out}")
        return EXIT_OK


_TrainCommand: TypeAlias = Annotated[TrainPlausibility, tyro.conf.subcommand("plausibility")]


@dataclass(frozen=True, kw_only=True)
class TrainCommands:
    """Trains the networks."""

    command: _TrainCommand

    def run(self) -> int:
        """Runs the subcommand and returns its exit code."""
        return self.command.run()
