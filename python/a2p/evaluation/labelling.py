"""Labels for collections of pictures: every picture's hands in a JSON file, by the code that evaluations run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from a2p.errors import A2PError, ConfigError
from a2p.evaluation.scatter import Scatter, in_processes
from a2p.pipeline import Reconstructor

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_CHUNK = 8


@dataclass(frozen=True, kw_only=True)
class LabellingJob:
    """What one process needs to label pictures; can be sent to worker processes."""

    pictures: Path
    """Folder; pictures are named relative to it."""
    out: Path
    """Folder for the labels, in folders like those of the pictures."""
    hand_model: str = "open"
    max_hands: int = 2
    refine: bool = True

    def start(self) -> Callable[[str], Labelled]:
        """Returns what labels one picture, its models loaded."""
        reconstructor = Reconstructor(self.hand_model, max_hands=self.max_hands, refine=self.refine)

        def label(name: str) -> Labelled:
            try:
                result = reconstructor(self.pictures / name)
            except A2PError as error:
                return Labelled(name, 0, str(error))
            target = self.target(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            result.save(target)
            return Labelled(name, len(result.hands))

        return label

    def target(self, name: str) -> Path:
        """Returns where the labels of a picture go: its name with `.json` behind its own suffix."""
        return self.out / f"{name}.json"


@dataclass(frozen=True)
class Labelled:
    """What became of one picture."""

    name: str
    hand_count: int
    problem: str | None = None
    """Why it could not be read."""


def pictures_in(folder: Path) -> list[str]:
    """Returns the pictures of a folder and its subfolders, sorted, relative to it."""
    if not folder.is_dir():
        raise ConfigError(f"a folder of pictures is needed; got {folder}, which is none.")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(path.relative_to(folder).as_posix() for path in found)


def label(job: LabellingJob, *, scatter: Scatter = in_processes) -> Iterator[Labelled]:
    """Labels the pictures that have no labels yet, and yields what became of each.

    Files appear whole or not at all, so that a run may be stopped at any time and goes on where it was.
    """
    missing = [name for name in pictures_in(job.pictures) if not job.target(name).exists()]
    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    for labelled in scatter(job, chunks):
        yield from labelled
