"""`a2p train`: trains the networks and shows how it goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import tyro

from a2p.cli.exit_codes import EXIT_OK


@dataclass(frozen=True, kw_only=True)
class TrainAlignment:
    """Trains the network of stage 1 on pictures that are rendered meanwhile; goes on where a run was stopped."""

    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the run: checkpoint, weights, log, a picture of predictions."""
    recipe: str = "compact_cpu"
    """compact_cpu, compact_cpu_on, compact_gpu, ablation_cpu, ablation_gpu, paper_gpu, or a JSON file."""
    pairs: Path | None = None
    """Folder of pairs that `a2p data duet` made, for the pictures of hands that touch."""
    backgrounds: Path | None = None
    """Folder of photos to show behind hands; on Debian mate-backgrounds and gnome-backgrounds install such folders."""
    device: str = "auto"
    """cpu, cuda, or auto."""
    max_seconds: float | None = None
    """Stops after so long; the same command goes on."""
    processes: int = 0
    """That render; 0: a thread of this one, which is enough for a CPU. A large GPU takes what 12 to 16 make."""

    def run(self) -> int:
        """Trains and returns the exit code."""
        from a2p.training.alignment import recipe_of, train

        recipe = recipe_of(self.recipe)
        steps = train(
            recipe,
            self.out,
            pairs=self.pairs,
            backgrounds=self.backgrounds,
            device=self.device,
            max_seconds=self.max_seconds,
            processes=self.processes,
        )
        print(f"{steps} of {recipe.steps} steps; {self.out}")
        return EXIT_OK


@dataclass(frozen=True, kw_only=True)
class TrainDetection:
    """Trains the network that finds touching hands on pictures rendered meanwhile; goes on where a run was stopped."""

    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the run: checkpoint, weights, log."""
    pairs: Path
    """Folder of pairs that `a2p data duet` made, which touch."""
    recipe: Path | None = None
    """Recipe, JSON; by default that of the packaged weights."""
    device: str = "auto"
    """cpu, cuda, or auto."""
    max_seconds: float | None = None
    """Stops after so long; the same command goes on."""

    def run(self) -> int:
        """Trains and returns the exit code."""
        from a2p.training.detection import DetectionTraining, train

        recipe = DetectionTraining.packaged() if self.recipe is None else DetectionTraining.read(self.recipe)
        steps = train(recipe, self.out, pairs=self.pairs, device=self.device, max_seconds=self.max_seconds)
        print(f"{steps} of {recipe.steps} steps; {self.out}")
        return EXIT_OK


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
    workers: int = 1
    """Processes that prepare; the files are the same for any number."""

    def run(self) -> int:
        """Prepares, trains and returns the exit code."""
        from a2p.training.plausibility import PlausibilityTraining, train

        recipe = PlausibilityTraining.packaged() if self.recipe is None else PlausibilityTraining.read(self.recipe)
        if self.pairs is not None:
            from a2p.training.preparation import prepare_duet

            settings = {"draws": recipe.draws, "fitted_every": recipe.fitted_every}
            for path in prepare_duet(self.pairs, self.prepared, **settings, workers=self.workers):
                print(f"prepared {path.name}", flush=True)
        if self.only_prepare:
            return EXIT_OK
        steps = train(recipe, self.prepared, self.out, device=self.device, max_seconds=self.max_seconds)
        print(f"{steps} of {recipe.steps} steps; {self.out}")
        return EXIT_OK


@dataclass(frozen=True, kw_only=True)
class TrainCurves:
    """Draws the curves of a run."""

    run_folder: Annotated[Path, tyro.conf.Positional]
    """Folder of the run."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("curves.png")
    """Picture to write."""

    def run(self) -> int:
        """Draws and returns the exit code."""
        from a2p.training.curves import save_curves

        print(f"{save_curves(self.run_folder, self.out)} curves; {self.out}")
        return EXIT_OK


_TrainCommand: TypeAlias = (
    Annotated[TrainAlignment, tyro.conf.subcommand("alignment")]
    | Annotated[TrainDetection, tyro.conf.subcommand("detection")]
    | Annotated[TrainPlausibility, tyro.conf.subcommand("plausibility")]
    | Annotated[TrainCurves, tyro.conf.subcommand("curves")]
)


@dataclass(frozen=True, kw_only=True)
class TrainCommands:
    """Trains the networks."""

    command: _TrainCommand

    def run(self) -> int:
        """Runs the subcommand and returns its exit code."""
        return self.command.run()
