"""The table in Markdown, and everything in JSON."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from a2p.bench.machine import Machine
from benchmarks.peers.comparisons import Comparison
from benchmarks.peers.measure import Row


@dataclass(frozen=True)
class Report:
    """All that one run found, and what it ran on."""

    date: str
    commit: str
    machine: Machine
    rows: Sequence[Row]
    comparisons: Sequence[Comparison]

    @property
    def hands(self) -> list[str]:
        """The kinds of hands, in order."""
        return list(dict.fromkeys(row.hands for row in self.rows))

    @property
    def cpu_share(self) -> float:
        """How much of the timed time the process had its core: well below 1, something else ran on it."""
        timings = [row.timing for row in self.rows if row.timing]
        total = [timing.median_ms * timing.call_count for timing in timings]
        shares = [timing.cpu_share for timing in timings]
        return sum(map(operator.mul, total, shares)) / sum(total)

    def by_peer(self) -> dict[str, dict[str, Row]]:
        """The rows of each peer by kind of hands."""
        found: dict[str, dict[str, Row]] = {}
        for row in self.rows:
            found.setdefault(row.name, {})[row.hands] = row
        return found


def write_json(report: Report, path: Path) -> Path:
    """Writes every figure and returns the path."""
    content = asdict(report)
    for entry, comparison in zip(content["comparisons"], report.comparisons, strict=True):
        entry["ratio"] = comparison.ratio
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def write_markdown(report: Report, path: Path, *, picture: str | None = None) -> Path:
    """Writes the tables and returns the path."""
    machine = report.machine
    lines = [
        "# a2p and its peers",
        "",
        f"Written by `python -m benchmarks.peers` on {report.date} at commit {report.commit}: {machine.processor}, "
        f"{machine.cores} cores, {machine.instruction_set}, {machine.system}, Python {machine.python}, "
        f"PyTorch {machine.torch}. One run; everything takes turns on the same pairs, held to one core and one thread, "
        f"which had the core for {100 * report.cpu_share:.0f} % of the time.",
        "",
        *([f"![milliseconds a pair]({picture})", ""] if picture else []),
        "## How deep two hands lie in each other",
        "",
        "Depth of all vertices of one pair, both ways, for new poses of known meshes: whatever a peer rebuilds for new "
        "positions counts. x is its time over that of a2p's native call. Sign errors and the worst depth error are "
        "against the float64 reference. Caps count as surface here, since peers cannot tell them apart. For "
        "the paper's criterion, which does not ask what is inside, a vertex that collides counts as inside.",
        "",
        *_penetration_table(report),
        "",
        "## The other operations",
        "",
        *_comparison_table(report),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def _penetration_table(report: Report) -> list[str]:
    titles = [title for hands in report.hands for title in (f"{hands}: ms a pair", "x")]
    titles = ["what", "version", "gradient", "threads", *titles, "sign errors", "worst depth error, mm"]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for name, by_hands in report.by_peer().items():
        rows = [by_hands[hands] for hands in report.hands]
        first = rows[0]
        if first.absent:
            empty = "| " * (len(titles) - 4)
            lines.append(f"| {name} | absent: {first.absent} | {first.gradient} | {first.threads} {empty}|")
            continue
        cells = [name, first.version or "", first.gradient, first.threads]
        for row in rows:
            cells += [number(row.timing and row.timing.median_ms), number(row.ratio)]
        errors = [row.errors for row in rows if row.errors]
        wrong = "; ".join(f"{e.sign_error_count:,} of {e.vertex_count:,}" for e in errors)
        worst = "; ".join(
            f"{e.worst_depth_mm:.1e}" if e.worst_depth_mm < 0.01 else f"{e.worst_depth_mm:.2f}" for e in errors
        )
        lines.append("| " + " | ".join([*cells, wrong, worst]) + " |")
    return lines


def _comparison_table(report: Report) -> list[str]:
    lines = ["| operation | hands | a2p | ms | against | ms | x | |", "|---|---|---|---|---|---|---|---|"]
    for row in report.comparisons:
        cells = [row.operation, row.hands, row.ours, number(row.ours_ms), row.peer, number(row.peer_ms)]
        lines.append("| " + " | ".join([*cells, number(row.ratio), row.note]) + " |")
    return lines


def number(value: float | None) -> str:
    """Returns about three significant digits without an exponent; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
