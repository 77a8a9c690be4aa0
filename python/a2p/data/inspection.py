"""What of the known data sets lies in a folder, what is missing, and how to get it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from a2p.data.catalogue import CATALOGUE, DatasetEntry, SplitEntry
from a2p.data.reading import BrokenSample, SampleReader
from a2p.errors import A2PError, ConfigError


@dataclass(frozen=True)
class SplitReport:
    """What there is of one split."""

    name: str
    missing: tuple[str, ...]
    """Needed files and folders that are not there."""
    count: int | None = None
    """Samples; None where the split cannot be opened."""
    published_count: int | None = None
    tried: int = 0
    """Samples that were decoded."""
    broken: tuple[BrokenSample, ...] = ()
    problem: str | None = None
    """Why the split cannot be opened although its files are there."""


@dataclass(frozen=True)
class DatasetReport:
    """What there is of one data set."""

    entry: DatasetEntry
    folder: Path | None
    """Where it was found; None where nothing of it was."""
    splits: tuple[SplitReport, ...] = ()
    missing_extras: tuple[tuple[str, str], ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every split can be read."""
        return self.folder is not None and all(
            not split.missing and split.problem is None and not split.broken for split in self.splits
        )


def inspect_folder(folder: Path, *, samples: int = 8) -> list[DatasetReport]:
    """Returns a report on every known data set: in the folder itself or in one of its subfolders.

    Each split that is there is opened, which builds its index, and `samples` evenly spaced samples are decoded.
    """
    if not folder.is_dir():
        raise ConfigError(f"a folder with data sets is needed; got {folder}, which is none.")
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return [_inspect(entry, places, samples) for entry in CATALOGUE.values()]


def _inspect(entry: DatasetEntry, places: list[Path], samples: int) -> DatasetReport:
    def found(place: Path) -> int:
        return sum(_is_there(place, need) for split in entry.splits for need in split.needs)

    best = max(places, key=found)
    if found(best) == 0:
        return DatasetReport(entry, None)
    return DatasetReport(
        entry,
        best,
        tuple(_inspect_split(entry, split, best, samples) for split in entry.splits),
        tuple(
            extra
            for extra in entry.extras
            if not any(_is_there(best, extra[0].format(split=split.name)) for split in entry.splits)
        ),
    )


def _inspect_split(entry: DatasetEntry, split: SplitEntry, folder: Path, samples: int) -> SplitReport:
    missing = tuple(need for need in split.needs if not _is_there(folder, need))
    if missing:
        return SplitReport(split.name, missing, published_count=split.published_count)
    try:
        dataset = entry.open(folder, split.name, None)
    except A2PError as error:
        return SplitReport(split.name, (), published_count=split.published_count, problem=str(error))
    reader = SampleReader(dataset, skip_broken=True)
    tried = evenly(len(dataset), samples)
    for _ in reader.read(tried):
        pass
    return SplitReport(split.name, (), len(dataset), split.published_count, len(tried), tuple(reader.broken))


def evenly(count: int, wanted: int) -> list[int]:
    """Returns `wanted` evenly spaced numbers below `count`, or all of them."""
    return (
        sorted({(2 * i + 1) * count // (2 * wanted) for i in range(wanted)}) if wanted < count else list(range(count))
    )


def _is_there(folder: Path, pattern: str) -> bool:
    return next(folder.glob(pattern), None) is not None
