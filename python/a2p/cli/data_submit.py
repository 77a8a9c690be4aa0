"""`a2p data submit`: the files that data sets' servers take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from a2p.cli.data_label import scatter_of
from a2p.cli.exit_codes import EXIT_OK


@dataclass(frozen=True, kw_only=True)
class SubmitPredictions:
    """Predicts an evaluation split and writes the file that its server takes. Goes on where a run was stopped.

    Servers want MANO's 778 vertices, and a hand in every picture: where none is found, a flat hand in its box is sent.
    """

    server: tyro.conf.Positional[Literal["freihand", "ho3d_v2", "ho3d_v3"]]
    """Whose."""
    folder: tyro.conf.Positional[Path]
    """Where the data set lies."""
    hand_model: str
    """MANO's folder."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("pred.zip")
    """A .zip to upload, or a .json. Predictions are kept beside it in a folder of its name until it is written."""
    method: str = "full"
    """What predicts, as `a2p evaluate --methods` names it."""
    workers: int = 1
    """Processes."""
    ray: str | None = None
    """Ray cluster to work on: its address, or `local` for one on this machine. Needs the extra `ray`."""

    def run(self) -> int:
        """Writes the file and returns the exit code."""
        import shutil

        from rich.console import Console
        from rich.progress import Progress

        from a2p.data.catalogue import open_dataset
        from a2p.data.submission import check_submission_name, write_submission
        from a2p.evaluation.methods import parse_method
        from a2p.evaluation.submitting import SubmissionJob, predictions

        check_submission_name(self.out)
        dataset = open_dataset(self.server.partition("_")[0], self.folder, split="evaluation")
        method = parse_method(self.method, hand_model=self.hand_model)
        job = SubmissionJob(dataset, method.stage1, method.stage2)
        kept = self.out.with_name(f"{self.out.name}.parts")
        console = Console(stderr=True)
        with Progress(console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task(self.server, total=len(dataset))
            made = predictions(
                job, kept, scatter=scatter_of(self.workers, self.ray), progress=lambda more: bar.advance(task, more)
            )
        write_submission(self.out, [item.hand for item in made], server=self.server)
        shutil.rmtree(kept)
        guesses = sum(item.is_guess for item in made)
        print(f"wrote {self.out}: {len(made)} hands, of which {guesses} guesses where none was found")
        return EXIT_OK
