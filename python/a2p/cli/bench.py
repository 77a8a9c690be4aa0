"""`a2p bench`: how fast a2p runs on this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from a2p.cli.exit_codes import EXIT_OK
from a2p.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from rich.table import Table

    from a2p.bench.machine import Machine
    from a2p.bench.measurements import Measurement

_LEGEND = (
    "Open hands of 1,630 vertices. penetration + gradient: depths, loss and autograd, a pair; signed distance: of one "
    "hand's vertices to the other hand; fused step: parameters to loss and gradient, a pair; skinning: one hand."
)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Times penetration, signed distance, the fused step and skinning on this machine, in under a minute."""

    json: Path | None = None
    """Write every figure to this file, too."""
    seconds: float = 1.0
    """Time for each row."""

    def run(self) -> int:
        """Measures, prints the table and returns the exit code."""
        return _bench(self)


def _bench(command: Bench) -> int:
    if command.seconds <= 0:
        raise ConfigError(f"seconds must be positive; got {command.seconds}. Leave it out for a second a row.")
    if command.json is not None:
        _write(command.json, "", mode="a")  # what cannot be written is told before a minute is spent
    from rich.console import Console

    from a2p.bench.machine import Machine
    from a2p.bench.measurements import measure

    machine = Machine.here()
    console = Console()
    with console.status("measuring"):
        measurements = measure(seconds=command.seconds)
    console.print(_facts(machine, measurements), markup=False, highlight=False, soft_wrap=True)
    console.print(_table(measurements))
    console.print(_LEGEND, markup=False, highlight=False)
    if command.json is not None:
        content = {"machine": asdict(machine), "measurements": [_summary(entry) for entry in measurements]}
        _write(command.json, json.dumps(content, indent=1) + "\n")
        console.print(f"wrote {command.json}", markup=False, soft_wrap=True)
    return EXIT_OK


def _write(path: Path, text: str, *, mode: Literal["a", "w"] = "w") -> None:
    try:
        with path.open(mode) as file:
            file.write(text)
    except OSError as error:
        raise OutputError(
            f"json must be a file that can be written; got {path}: {error.strerror}. Give another path."
        ) from error


def _facts(machine: Machine, measurements: Sequence[Measurement]) -> str:
    """Returns what was measured on, and with which backend."""
    from a2p.bench.measurements import PENETRATION

    chosen = dict.fromkeys(entry.backend for entry in measurements if entry.operation == PENETRATION)
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.instruction_set}; GPU: {machine.gpu or 'none'}\n"
        f"{machine.system}, Python {machine.python}, PyTorch {machine.torch}, a2p {machine.a2p}\n"
        f"backend 'auto' chose: {', '.join(chosen)}"
    )


def _table(measurements: Sequence[Measurement]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("operation", "backend", "batch", "threads", "median ms", "p95 ms", "a second"):
        table.add_column(heading, justify="left" if heading in ("operation", "backend") else "right")
    for entry in measurements:
        table.add_row(
            entry.operation,
            entry.backend,
            str(entry.batch),
            "" if entry.threads is None else str(entry.threads),
            f"{entry.timing.median_ms:.3f}",
            f"{entry.timing.p95_ms:.3f}",
            f"{entry.rate:,.0f}",
        )
    return table


def _summary(entry: Measurement) -> dict[str, object]:
    """Returns one row as the JSON object that --json writes."""
    return {
        "operation": entry.operation,
        "backend": entry.backend,
        "batch": entry.batch,
        "threads": entry.threads,
        "median_ms": entry.timing.median_ms,
        "p95_ms": entry.timing.p95_ms,
        "calls": entry.timing.call_count,
        "per_second": entry.rate,
    }
