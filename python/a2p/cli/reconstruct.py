"""`a2p reconstruct`: images in, meshes and overlays out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import tyro

from a2p.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from a2p.crew import Crew, default_threads
from a2p.errors import A2PError, ConfigError, OutputError

if TYPE_CHECKING:
    from rich.table import Table

    from a2p.pipeline import Reconstructor
    from a2p.result import Reconstruction

Format: TypeAlias = Literal["glb", "obj", "npz", "json", "overlay"]
_FILE_NAMES: dict[Format, str] = {
    "glb": "{}.glb",
    "obj": "{}.obj",
    "npz": "{}.npz",
    "json": "{}.json",
    "overlay": "{}_overlay.png",
}


@dataclass(frozen=True, kw_only=True)
class Reconstruct:
    """Reconstructs the hands in images and writes meshes, parameters and overlays.

    Exit code 0: every image was read, with or without hands in it; 1: some image failed; 2: wrong usage.
    """

    images: tyro.conf.Positional[tuple[Path, ...]]
    """Image files."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out")
    """Folder for the results; made when missing."""
    formats: tuple[Format, ...] = ("glb", "obj", "npz", "json", "overlay")
    """What to write for each image."""
    hand_model: str = "open"
    """`open`, or a folder or file of MANO."""
    max_hands: int = 2
    """At most so many hands an image."""
    fov_deg: float | None = None
    """Field of view of the image's larger side; without it EXIF, then a default, is taken."""
    refine: bool = True
    """Move hands that pass through each other apart."""
    json: bool = False
    """Print one JSON object an image on standard output instead of the table."""

    def run(self) -> int:
        """Reconstructs every image and returns the exit code."""
        return _reconstruct(self)


@dataclass(frozen=True)
class _Outcome:
    """What became of one image: a result and its files, or an error."""

    image: Path
    result: Reconstruction | None = None
    written: tuple[Path, ...] = ()
    error: str | None = None


def _reconstruct(command: Reconstruct) -> int:
    if not command.images:
        raise ConfigError("images must name at least one file; got none. Example: a2p reconstruct photo.jpg -o out")
    _make_folder(command.out)
    from a2p.pipeline import Reconstructor

    reconstructor = Reconstructor(
        hand_model=command.hand_model, max_hands=command.max_hands, refine=command.refine, fov_deg=command.fov_deg
    )
    stems = _stems(command.images)
    going = Crew(default_threads()).stream(lambda each: _reconstruct_one(command, reconstructor, *each), stems)
    outcomes = []
    for outcome in _with_progress(going, len(stems), quiet=command.json):
        if command.json:
            print(json.dumps(_summary(outcome)), flush=True)
        outcomes.append(outcome)
    if not command.json:
        _print_table(outcomes, command.out)
    return EXIT_SOME_FAILED if any(outcome.error for outcome in outcomes) else EXIT_OK


def _reconstruct_one(command: Reconstruct, reconstructor: Reconstructor, image: Path, stem: str) -> _Outcome:
    try:
        result = reconstructor(image)
    except A2PError as error:
        return _Outcome(image, error=str(error))
    written = [result.save(command.out / _FILE_NAMES[form].format(stem)) for form in command.formats]
    return _Outcome(image, result, tuple(written))


def _stems(images: Sequence[Path]) -> list[tuple[Path, str]]:
    """Returns each image with the stem of its results; images of equal names get a number."""
    seen: dict[str, int] = {}
    stems = []
    for image in images:
        count = seen[image.stem] = seen.get(image.stem, 0) + 1
        stems.append((image, image.stem if count == 1 else f"{image.stem}_{count}"))
    return stems


def _with_progress(outcomes: Iterator[_Outcome], count: int, *, quiet: bool) -> Iterator[_Outcome]:
    """Yields the outcomes; shows a bar on a terminal where there are several."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    if quiet or count == 1 or not console.is_terminal:
        yield from outcomes
    else:
        yield from track(outcomes, total=count, description="reconstruct", console=console)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"out must be a folder that can be made; got {folder}: {error.strerror}. Give another folder with -o."
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"out must be a writable folder; got {folder}. Give another folder with -o.")


def _summary(outcome: _Outcome) -> dict[str, object]:
    """Returns one image's outcome as the JSON object that --json prints."""
    if outcome.result is None:
        return {"image": str(outcome.image), "error": outcome.error}
    result = outcome.result
    return {
        "image": str(outcome.image),
        "hands": [
            {
                "handedness": hand.handedness,
                "score": round(hand.score, 4),
                "confidence": round(hand.confidence, 4),
                "box_xyxy_px": [round(value, 1) for value in hand.box_xyxy_px],
                "reprojection_error_px": round(hand.reprojection_error_px, 2),
            }
            for hand in result.hands
        ],
        "max_penetration_before_mm": round(result.penetration_before.max_mm, 3),
        "max_penetration_mm": round(result.penetration.max_mm, 3),
        "timings_ms": {stage: round(value, 1) for stage, value in result.timings_ms.items()},
        "warnings": list(result.warnings),
        "written": [str(path) for path in outcome.written],
    }


def _print_table(outcomes: Sequence[_Outcome], folder: Path) -> None:
    from rich.console import Console

    console = Console()
    console.print(_table(outcomes))
    for outcome in outcomes:
        notes = [outcome.error] if outcome.error else outcome.result.warnings if outcome.result else []
        for note in notes:
            console.print(f"{outcome.image.name}: {note}", style="red" if outcome.error else "yellow", markup=False)
    written = sum(len(outcome.written) for outcome in outcomes)
    console.print(f"wrote {written} files to {folder}", markup=False, soft_wrap=True)
    if len(outcomes) == 1:
        for path in outcomes[0].written:
            console.print(f"  {path}", markup=False, soft_wrap=True)


def _table(outcomes: Sequence[_Outcome]) -> Table:
    from rich.table import Table

    table = Table()
    for heading in ("image", "hands", "reprojection", "penetration before > after", "time"):
        table.add_column(heading, justify="left" if heading in ("image", "hands") else "right")
    for outcome in outcomes:
        result = outcome.result
        if result is None:
            table.add_row(outcome.image.name, "failed", "", "", "")
            continue
        table.add_row(
            outcome.image.name,
            ", ".join(f"{hand.handedness} {hand.score:.2f}" for hand in result.hands) or "none",
            ", ".join(f"{hand.reprojection_error_px:.1f} px" for hand in result.hands),
            f"{result.penetration_before.max_mm:.1f} > {result.penetration.max_mm:.1f} mm",
            f"{sum(result.timings_ms.values()):.0f} ms",
        )
    return table
