"""The paper's tables with our rows in them, as Markdown and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from a2p.evaluation.ablation import Untrained
from a2p.evaluation.accuracy import Protocol
from a2p.evaluation.bootstrap import confidence_interval, paired_difference
from a2p.evaluation.metrics import Metric, metrics_of
from a2p.evaluation.plausibility import DEFINITIONS
from a2p.evaluation.published import PARAMETERS, PUBLISHED
from a2p.evaluation.results_file import RunResults
from a2p.evaluation.scoring import Records

_OUR_PROTOCOL = {4: "this machine", 5: "definitions below"}
"""Of tables that align nothing."""
PROTOCOL_TEXTS: dict[Protocol, str] = {
    "interwild": "InterWild's protocol (wrist-aligned, no rescaling)",
    "intaghand": "IntagHand's protocol (aligned at the middle finger's base, rescaled)",
    "procrustes": "after Procrustes alignment (PA-) of each hand",
}


@dataclass(frozen=True)
class TableRow:
    """One row: a method and its figures, None for a dash."""

    method: str
    values: tuple[float | None, ...]
    protocol: str
    is_ours: bool
    samples: int | None = None
    missing_hands: int = 0
    """Annotated hands that were not found: they have no errors."""
    skipped: int = 0
    """Broken samples."""
    intervals: tuple[tuple[float, float], ...] = ()
    """95 %, a pair a value."""


@dataclass(frozen=True)
class Table:
    """One table, ready to be printed."""

    number: int
    title: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]
    digits: tuple[int, ...]

    def to_markdown(self) -> str:
        """Returns the table with its notes."""
        heads = ["", *self.columns, "protocol", "samples"]
        lines = [f"## Table {self.number}: {self.title}", "", _line(heads), _line(["---"] * len(heads))]
        for row in self.rows:
            method, *others = self.cells(row)
            lines.append(_line([f"**{method}**" if row.is_ours else method, *others]))
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes), ""])

    def cells(self, row: TableRow) -> list[str]:
        """Returns a row as texts: method, figures, protocol, number of samples."""
        figures = [_figure(value, digits) for value, digits in zip(row.values, self.digits, strict=True)]
        return [row.method, *figures, row.protocol, "" if row.samples is None else str(row.samples)]

    def to_json(self) -> str:
        """Returns the same as JSON; NaN becomes null."""
        return json.dumps(_without_nan(asdict(self)), indent=1, allow_nan=False)


def paper_table(
    number: int,
    rows: Sequence[RunResults | Untrained],
    *,
    protocol: Protocol = "interwild",
    notes: Sequence[str] = (),
) -> Table:
    """Returns one of the paper's tables: its rows, then a row a run; networks that are not trained have dashes."""
    runs = [row for row in rows if isinstance(row, RunResults)]
    paper = PUBLISHED[number]
    columns = (*paper.columns, *paper.further_columns)
    metrics = metrics_of(protocol)
    padding = (None,) * len(paper.further_columns)
    printed = [TableRow(row.method, (*row.values, *padding), row.protocol, is_ours=False) for row in paper.rows]
    return Table(
        number=number,
        title=paper.title,
        columns=columns,
        rows=(*printed, *(_our_row(row, columns, number, protocol) for row in rows)),
        notes=(*paper.notes, *notes, *_notes(number, runs, protocol)),
        digits=tuple(1 if column == PARAMETERS else metrics[column].digits for column in columns),
    )


def comparison(
    one: RunResults, other: RunResults, *, protocol: Protocol = "interwild", other_name: str | None = None
) -> str:
    """Returns a Markdown table of `one` minus `other` on their common samples, with 95 % intervals."""
    lines = [
        f"## {one.info.name} minus {other_name or other.info.name}",
        "",
        _line(["", "difference", "95 % interval", "clear"]),
    ]
    lines.append(_line(["---"] * 4))
    count = 0
    for name, metric in metrics_of(protocol).items():
        difference, count = paired_difference(metric, one, other)
        if math.isnan(difference.value):
            continue
        better = (difference.value < 0) == metric.is_better_lower
        is_clear = difference.is_clear and abs(difference.value) >= 0.5 * 10**-metric.digits
        verdict = ("better" if better else "worse") if is_clear else "no"
        figures = [f"{value:+.{metric.digits}f}" for value in (difference.value, difference.low, difference.high)]
        lines.append(_line([f"{name} ({metric.unit})", figures[0], f"{figures[1]} to {figures[2]}", verdict]))
    note = f"Paired bootstrap of 1,000 draws over {count} common samples; {PROTOCOL_TEXTS[protocol]}."
    return "\n".join([*lines, "", note, ""])


def _our_row(run: RunResults | Untrained, columns: Sequence[str], number: int, protocol: Protocol) -> TableRow:
    if isinstance(run, Untrained):
        return TableRow(f"a2p, {run.title}", (None,) * len(columns), run.reason, is_ours=True)
    metrics = metrics_of(protocol)
    records = run.records
    intervals = [_interval(metrics.get(name), records) for name in columns] if len(records) else []
    return TableRow(
        method=f"a2p, {run.info.title} ({run.info.dataset}, {run.info.split})",
        values=tuple(_value(name, run, protocol) for name in columns),
        protocol=_OUR_PROTOCOL.get(number, PROTOCOL_TEXTS[protocol]),
        is_ours=True,
        samples=len(records),
        missing_hands=_missing(run),
        skipped=len(run.problems),
        intervals=tuple(intervals),
    )


def _value(column: str, run: RunResults, protocol: Protocol) -> float | None:
    if column == PARAMETERS:
        return 1e-6 * run.info.parameter_count
    return _known(metrics_of(protocol)[column](run.records))


def _interval(metric: Metric | None, records: Records) -> tuple[float, float]:
    """Returns the 95 % interval of a figure; NaN for one that does not depend on samples."""
    if metric is None:
        return math.nan, math.nan
    interval = confidence_interval(metric, records)
    return interval.low, interval.high


def _notes(number: int, runs: Sequence[RunResults], protocol: Protocol) -> list[str]:
    notes = [note for run in runs for note in _run_notes(run, has_meshes=number in (1, 2, 3))]
    if number in (1, 2, 3) and protocol != "interwild":
        notes.append("The paper's rows were measured by InterWild's protocol: do not compare.")
    if number in (1, 2, 3) and any(run.info.dataset == "duet" for run in runs):
        notes.append("duet's pictures are rendered, the paper's are not: the figures do not tell who is better.")
    if number == 5:
        notes += [f"{name}: {text}." for name, text in DEFINITIONS.items()]
        notes.append("The papers define neither PenDist nor ProxRatio: theirs may be something else than ours.")
    return notes


def _run_notes(run: RunResults, *, has_meshes: bool) -> list[str]:
    """Returns what must be known of a run to read its figures."""
    info, records = run.info, run.records
    wanted = int(records["is_wanted"].sum())
    parts = [
        f"{len(records)} of {info.sample_count} samples",
        f"{_missing(run)} of {wanted} annotated hands not found, which have no errors",
        f"{len(run.problems)} samples skipped as broken",
        f"hand model {info.hand_model}",
        f"weights {info.weights_sha256[:12]}",
        f"a2p {info.code_version}",
        *(f"{key} {value}" for key, value in info.options.items()),
    ]
    notes = [f"{info.name}: {'; '.join(parts)}."]
    if has_meshes and len(records) and not bool((records["vertices_mm"] >= 0).any()):
        notes.append(f"{info.name}: no MPVPE, for the truth has no meshes of hand model {info.hand_model}.")
    if bool(records["is_regressed"].any()):
        notes.append(f"{info.name}: joints of truth and prediction are regressed from meshes.")
    return notes


def _missing(run: RunResults) -> int:
    return int((run.records["is_wanted"] & ~run.records["is_found"]).sum())


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _without_nan(content: object) -> object:
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content
