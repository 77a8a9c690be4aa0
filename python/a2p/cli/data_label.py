"""`a2p data label`: the hands of every picture in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from a2p.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from a2p.errors import ConfigError

if TYPE_CHECKING:
    from a2p.evaluation.scatter import Scatter


@dataclass(frozen=True, kw_only=True)
class LabelPictures:
    """Writes the hands of every picture in a folder as JSON files. Goes on where a run was stopped.

    Exit code 0: every picture was read, with or without hands in it; 1: some could not be; 2: wrong usage.
    """

    pictures: tyro.conf.Positional[Path]
    """Folder; its subfolders belong to it."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("labels")
    """Folder for the files, named like the pictures."""
    hand_model: str = "open"
    """`open`, or a folder or file of MANO."""
    max_hands: int = 2
    """At most so many hands a picture."""
    refine: bool = True
    """Move hands that pass through each other apart."""
    workers: int = 1
    """Processes."""
    ray: str | None = None
    """Ray cluster to work on: its address, or `local` for one on this machine. Needs the extra `ray`. Every machine
    must see the folders at the same paths."""

    def run(self) -> int:
        """Labels what is missing and returns the exit code."""
        from rich.console import Console
        from rich.progress import track

        from a2p.evaluation.labelling import LabellingJob, label

        job = LabellingJob(
            pictures=self.pictures.resolve(),
            out=self.out.resolve(),
            hand_model=self.hand_model,
            max_hands=self.max_hands,
            refine=self.refine,
        )
        console = Console(stderr=True)
        labelled = label(job, scatter=scatter_of(self.workers, self.ray))
        done = list(track(labelled, description="label", console=console, disable=not console.is_terminal))
        broken = [item for item in done if item.problem is not None]
        for item in broken:
            print(f"skipped {item.name}: {item.problem}")
        print(f"labelled {len(done) - len(broken)} pictures, {sum(item.hand_count for item in done)} hands; {self.out}")
        return EXIT_SOME_FAILED if broken else EXIT_OK


def scatter_of(workers: int, ray: str | None) -> Scatter:
    """Returns what scatters work as the options say."""
    from a2p.evaluation.scatter import in_processes, on_ray

    if workers < 1:
        raise ConfigError(f"workers must be at least 1; got {workers}.")
    return partial(in_processes, workers=workers) if ray is None else on_ray(workers, ray)
