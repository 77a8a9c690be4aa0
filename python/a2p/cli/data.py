"""`a2p data duet`: hand pairs for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import tyro

from a2p.cli.data_label import LabelPictures
from a2p.cli.data_render import RenderImages
from a2p.cli.data_sets import CheckData, ViewData
from a2p.cli.data_submit import SubmitPredictions
from a2p.cli.exit_codes import EXIT_OK

if TYPE_CHECKING:
    from a2p.data.duet.statistics import DuetSummary


@dataclass(frozen=True, kw_only=True)
class Duet:
    """Makes interacting hand pairs that do not penetrate, in numbered files. Goes on where a run was stopped."""

    count: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1000
    """How many pairs."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("duet")
    """Folder for the files; made when missing."""
    seed: int = 0
    """Which endless sequence the pairs are the beginning of."""
    workers: int = 1
    """Processes; the files are the same for any number."""
    with_fits: int = 0
    """For the first so many pairs, also what a keypoint fit makes of them, before a camera each."""

    def run(self) -> int:
        """Makes the pairs and returns the exit code."""
        from rich.console import Console
        from rich.progress import Progress

        from a2p.data.duet import write_fits, write_shards

        console = Console(stderr=True)
        with Progress(console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("duet", total=self.count)
            manifest = write_shards(
                self.out,
                self.count,
                seed=self.seed,
                workers=self.workers,
                progress=lambda made: bar.advance(task, made),
            )
            if self.with_fits > 0:
                fits = bar.add_task("fits", total=self.with_fits)
                write_fits(
                    self.out,
                    self.with_fits,
                    seed=self.seed,
                    workers=self.workers,
                    progress=lambda made: bar.advance(fits, made),
                )
        print(f"wrote {manifest}")
        return EXIT_OK


@dataclass(frozen=True, kw_only=True)
class DuetReport:
    """Prints what a folder of hand pairs holds."""

    folder: tyro.conf.Positional[Path]
    """Folder that `a2p data duet` wrote."""
    limit: int | None = 2048
    """Pairs to look at."""
    sheet: Path | None = None
    """Also draws a contact sheet of the first pairs of every family here."""

    def run(self) -> int:
        """Prints shares, depths, joint ranges and how the hands stand to each other, and returns the exit code."""
        from a2p.data.duet import load_shards
        from a2p.data.duet.statistics import summarise
        from a2p.hand import HandModel

        pairs, models = load_shards(self.folder, limit=self.limit), HandModel.load_pair()
        _print_summary(summarise(pairs, models))
        if self.sheet is not None:
            from a2p.data.duet.sheet import duet_sheet

            self.sheet.parent.mkdir(parents=True, exist_ok=True)
            duet_sheet(pairs, models).save(self.sheet)
            print(f"wrote {self.sheet}")
        return EXIT_OK


def _print_summary(summary: DuetSummary) -> None:
    from a2p.data.duet import statistics

    print(f"{summary.count} pairs")
    for family, share in summary.families.items():
        print(f"  {family:20s}{100 * share:6.1f} %")
    print(f"touching (2 mm)       {100 * summary.touching:6.1f} %")
    print(f"penetrating (1 mm)    {100 * summary.penetrating:6.2f} %, deepest {summary.max_depth_mm:.2f} mm")
    print(f"deepest in itself     {summary.max_self_depth_mm:6.2f} mm")
    print(f"past joint limits     {summary.beyond_limits_rad:.1e} rad")
    relative = summary.relative
    for name, ours, real in (
        ("rotation, mean", relative.rotation_mean, statistics.INTERHAND_ROTATION_MEAN),
        ("rotation, variance", relative.rotation_variance, statistics.INTERHAND_ROTATION_VARIANCE),
        ("translation, m", relative.translation_mean, statistics.INTERHAND_TRANSLATION_MEAN_M),
        ("deviation, m", relative.translation_deviation, statistics.INTERHAND_TRANSLATION_DEVIATION_M),
    ):
        print(f"{name:20s}", " ".join(f"{float(x):7.3f}" for x in ours), "  InterHand2.6M", *real)
    for dof, (low, high) in summary.angle_ranges_deg.items():
        print(f"  {dof:22s}{low:6.0f}{high:6.0f} deg")


_DataCommand: TypeAlias = (
    Annotated[CheckData, tyro.conf.subcommand("check")]
    | Annotated[ViewData, tyro.conf.subcommand("view")]
    | Annotated[Duet, tyro.conf.subcommand("duet")]
    | Annotated[DuetReport, tyro.conf.subcommand("duet-report")]
    | Annotated[LabelPictures, tyro.conf.subcommand("label")]
    | Annotated[SubmitPredictions, tyro.conf.subcommand("submit")]
    | Annotated[RenderImages, tyro.conf.subcommand("render")]
)


@dataclass(frozen=True, kw_only=True)
class DataCommands:
    """Looks at data sets, makes one, and labels pictures."""

    command: _DataCommand

    def run(self) -> int:
        """Runs the subcommand and returns its exit code."""
        return self.command.run()
