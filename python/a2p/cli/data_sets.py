"""`a2p data check` and `a2p data view`: the data sets that others made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from a2p.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from a2p.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from a2p.data.inspection import DatasetReport, SplitReport


@dataclass(frozen=True, kw_only=True)
class CheckData:
    """Says which data sets lie in a folder, what of them is missing and how to get it.

    Exit code 0: everything that was found is complete; 1: something is missing or broken; 2: wrong usage.
    """

    folder: tyro.conf.Positional[Path]
    """A data set's folder, or one that holds several."""
    samples: int = 8
    """How many samples of each split to decode."""

    def run(self) -> int:
        """Prints the report and returns the exit code."""
        from rich.console import Console

        from a2p.data.inspection import inspect_folder

        console = Console(soft_wrap=True, highlight=False, markup=False)
        reports = inspect_folder(self.folder, samples=self.samples)
        for report in reports:
            if report.folder is not None:
                _print_found(console, report)
        absent = [report.entry for report in reports if report.folder is None]
        if absent:
            console.print("not here:", style="bold")
        for entry in absent:
            console.print(f"  {entry.name:20s} {entry.page}\n{'':22s} {entry.how}")
        found = [report for report in reports if report.folder is not None]
        return EXIT_OK if found and all(report.is_complete for report in found) else EXIT_SOME_FAILED


@dataclass(frozen=True, kw_only=True)
class ViewData:
    """Draws samples with all their labels on one sheet."""

    dataset: tyro.conf.Positional[str]
    """Name of the data set; `a2p data check` lists them."""
    folder: tyro.conf.Positional[Path | None] = None
    """Where it lies. `duet` needs none: its pairs are made once and kept in the cache."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("sheet.png")
    """The picture to write."""
    split: str | None = None
    """Which split; by default the test split."""
    samples: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 16
    """How many samples, evenly spaced."""
    hand_model: str | None = None
    """MANO's folder, to place and draw the fits of sets that store parameters."""
    skip_broken: bool = False
    """Go on behind broken samples and count them."""

    def run(self) -> int:
        """Writes the sheet and returns the exit code."""
        from a2p.data.catalogue import open_dataset
        from a2p.data.contact_sheet import contact_sheet
        from a2p.data.inspection import evenly
        from a2p.data.reading import SampleReader
        from a2p.hand import HandModel
        from a2p.render.picture import save_picture

        models = None if self.hand_model is None else HandModel.load_pair(self.hand_model)
        folder = dataset_folder(self.dataset, self.folder)
        dataset = open_dataset(self.dataset, folder, split=self.split, models=models)
        reader = SampleReader(dataset, skip_broken=self.skip_broken)
        sheet = contact_sheet(reader.read(evenly(len(dataset), self.samples)))
        print(f"wrote {save_picture(sheet, self.out)}: {dataset.name} {dataset.split}, {len(dataset)} samples")
        for broken in reader.broken:
            print(f"skipped sample {broken.index}: {broken.reason}")
        return EXIT_OK


def dataset_folder(name: str, folder: Path | None, *, workers: int = 1) -> Path:
    """Returns the folder of a data set; without one duet's pairs are made, which takes half a minute once."""
    from rich.console import Console
    from rich.progress import Progress

    from a2p.data.catalogue import entry_of
    from a2p.data.duet_images.dataset import PAIRS, held_out_pairs

    if folder is not None:
        return folder
    if entry_of(name).name != "duet":
        raise ConfigError(f"{name} needs the folder where it lies; `a2p data check FOLDER` says how to get it.")
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("hand pairs for duet, once", total=PAIRS)
        return held_out_pairs(workers=workers, progress=lambda made: bar.advance(task, made))


def _print_found(console: Console, report: DatasetReport) -> None:
    entry = report.entry
    console.print(f"{entry.name}: {entry.title}, in {report.folder}", style="bold")
    console.print(f"  licence: {entry.license}")
    for split in report.splits:
        console.print(f"  {split.name:10s} {_state(split)}")
        for broken in split.broken:
            console.print(f"{'':13s}sample {broken.index}: {broken.reason}")
    for name, gives in report.missing_extras:
        console.print(f"  without    {name}: {gives}")
    if not report.is_complete:
        console.print(f"  get it at  {entry.page}\n{'':13s}{entry.how}")


def _state(split: SplitReport) -> str:
    if split.missing:
        return f"missing: {', '.join(split.missing)}"
    if split.problem is not None:
        return f"cannot be opened: {split.problem}"
    published = f" (published: {split.published_count})" if split.published_count is not None else ""
    readable = split.tried - len(split.broken)
    return f"{split.count} samples{published}; {readable} of {split.tried} decoded"
