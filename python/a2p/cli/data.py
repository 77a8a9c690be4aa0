"""`a2p data duet`: hand pairs for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import tyro

from a2p.cli.data_sets import CheckData, ViewData
from a2p.cli.exit_codes import EXIT_OK


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

    def run(self) -> int:
        """Makes the pairs and returns the exit code."""
        from rich.console import Console
        from rich.progress import Progress

        from a2p.data.duet import write_shards

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
        print(f"wrote {manifest}")
        return EXIT_OK


@dataclass(frozen=True, kw_only=True)
class DuetReport:
    """Prints what a folder of hand pairs holds."""

    folder: tyro.conf.Positional[Path]
    """Folder that `a2p data duet` wrote."""

    def run(self) -> int:
        """Prints the shares of the families and returns the exit code."""
        from a2p.data.duet import FAMILIES, load_shards

        pairs = load_shards(self.folder)
        print(f"{len(pairs)} pairs of seed {pairs.seed}")
        for k, family in enumerate(FAMILIES):
            print(f"{family:15s}{100 * float((pairs.family == k).float().mean()):5.1f} %")
        return EXIT_OK


_DataCommand: TypeAlias = (
    Annotated[CheckData, tyro.conf.subcommand("check")]
    | Annotated[ViewData, tyro.conf.subcommand("view")]
    | Annotated[Duet, tyro.conf.subcommand("duet")]
    | Annotated[DuetReport, tyro.conf.subcommand("duet-report")]
)


@dataclass(frozen=True, kw_only=True)
class DataCommands:
    """Looks at data sets and makes one."""

    command: _DataCommand

    def run(self) -> int:
        """Runs the subcommand and returns its exit code."""
        return self.command.run()
