"""Results of evaluations, a record a sample, in one SQLite file: resumable, and comparable pair by pair."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np

from a2p.errors import ConfigError, OutputError
from a2p.evaluation.scoring import RECORD, Records

_SCHEMA = """
CREATE TABLE IF NOT EXISTS format (version INTEGER, record TEXT);
CREATE TABLE IF NOT EXISTS runs (name TEXT PRIMARY KEY, info TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS samples (
    run TEXT NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, record BLOB, problem TEXT,
    PRIMARY KEY (run, position)
);
"""
_VERSION = 1


@dataclass(frozen=True)
class RunInfo:
    """What was evaluated; a run goes on only where all of this is as it was."""

    dataset: str
    split: str
    method: str
    """Its name; `title` is what tables call it."""
    hand_model: str
    weights_sha256: str
    """Of everything that was learned or built: networks and hand model."""
    code_version: str
    sample_count: int
    """Of the whole split."""
    options: dict[str, str] = field(default_factory=dict)
    title: str = ""
    parameter_count: int = 0
    """Learned numbers that are loaded."""

    @property
    def name(self) -> str:
        """What the run is called in the file and in tables."""
        return f"{self.dataset}/{self.split}/{self.method}"


@dataclass(frozen=True)
class Scored:
    """One sample's outcome in one run: a record, or why there is none."""

    run: str
    position: int
    id: str
    record: bytes | None
    problem: str | None = None


@dataclass(frozen=True)
class RunResults:
    """The records of one run, in the order of the data set."""

    info: RunInfo
    ids: tuple[str, ...]
    positions: tuple[int, ...]
    """Where each sample stands in its data set."""
    records: Records
    problems: tuple[tuple[str, str], ...]
    """Samples that were skipped, and why."""


class ResultsFile:
    """A results file; open it with `with`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path)
            self._connection.executescript(_SCHEMA)
            self._check_format()
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"{path} cannot be used for results: {error}. Give another file.") from error

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def begin(self, info: RunInfo) -> set[int]:
        """Returns the positions that a run has already; raises ConfigError where it was another run."""
        row = self._connection.execute("SELECT info FROM runs WHERE name = ?", (info.name,)).fetchone()
        wanted = asdict(info)
        if row is not None:
            found = json.loads(row[0])
            changed = [key for key in wanted if found.get(key) != wanted[key]]
            if changed:
                raise ConfigError(
                    f"{self.path} holds run {info.name} with another {changed[0]}: {found.get(changed[0])!r}, now "
                    f"{wanted[changed[0]]!r}. Write to another folder."
                )
        with self._connection:
            self._connection.execute("INSERT OR IGNORE INTO runs VALUES (?, ?)", (info.name, json.dumps(wanted)))
        done = self._connection.execute("SELECT position FROM samples WHERE run = ?", (info.name,))
        return {int(position) for (position,) in done}

    def add(self, outcomes: Iterable[Scored]) -> None:
        """Adds outcomes; they are on disk when this returns."""
        rows = [(made.run, made.position, made.id, made.record, made.problem) for made in outcomes]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?)", rows)

    def run_names(self) -> list[str]:
        """Returns the names of all runs."""
        return [str(name) for (name,) in self._connection.execute("SELECT name FROM runs ORDER BY rowid")]

    def read(self, name: str) -> RunResults:
        """Returns one run."""
        row = self._connection.execute("SELECT info FROM runs WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise ConfigError(f"{self.path} has no run {name!r}; it has {', '.join(self.run_names()) or 'none'}.")
        query = "SELECT id, position, record, problem FROM samples WHERE run = ? ORDER BY position"
        rows = self._connection.execute(query, (name,)).fetchall()
        scored = [(str(sample), int(position), record) for sample, position, record, _ in rows if record is not None]
        return RunResults(
            RunInfo(**json.loads(row[0])),
            tuple(sample for sample, _, _ in scored),
            tuple(position for _, position, _ in scored),
            np.frombuffer(b"".join(record for _, _, record in scored), dtype=RECORD),
            tuple((str(sample), str(problem)) for sample, _, record, problem in rows if record is None),
        )

    def _check_format(self) -> None:
        wanted = (_VERSION, str(RECORD.descr))
        row = self._connection.execute("SELECT version, record FROM format").fetchone()
        if row is None:
            with self._connection:
                self._connection.execute("INSERT INTO format VALUES (?, ?)", wanted)
        elif tuple(row) != wanted:
            raise ConfigError(
                f"{self.path} was written by another version of a2p (format {row[0]}). Write to another folder."
            )
