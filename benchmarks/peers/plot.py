"""The table's times as bars."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.measure import Row
from benchmarks.peers.report import Report, number

_OURS, _WITH_GRADIENT, _WITHOUT = "#1b7f5c", "#5b7db1", "#b9bec7"


def draw(report: Report, path: Path) -> Path:
    """Draws milliseconds a pair on a logarithmic scale, a panel a kind of hands, and returns the path."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    first = report.hands[0]
    present = [rows for rows in report.by_peer().values() if rows[first].timing]
    present.sort(key=lambda rows: rows[first].timing.median_ms)
    size = (3.6 + 3.6 * len(report.hands), 0.9 + 0.3 * len(present))
    figure, axes = plt.subplots(
        1, len(report.hands), figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for axis, hands in zip(axes[0], report.hands, strict=True):
        rows = [by_hands[hands] for by_hands in present]
        milliseconds = [row.timing.median_ms for row in rows]
        axis.barh(range(len(rows)), milliseconds, color=[_colour(row) for row in rows], height=0.72)
        for at, row in enumerate(rows):
            ratio = "" if row.ratio == 1 else f"  ({number(row.ratio)} x)"
            axis.text(row.timing.median_ms, at, f" {number(row.timing.median_ms)} ms{ratio}", va="center", fontsize=8)
        axis.set(xscale="log", title=hands, xlabel="ms a pair, one thread")
        axis.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    low, high = axes[0][0].get_xlim()
    axes[0][0].set_xlim(low, high * 30)  # room for the numbers
    axes[0][0].invert_yaxis()
    meanings = {_OURS: "a2p", _WITH_GRADIENT: "gives a gradient", _WITHOUT: "no gradient"}
    handles = [Patch(color=colour, label=meaning) for colour, meaning in meanings.items()]
    axes[0][-1].legend(handles=handles, loc="upper right", fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _colour(row: Row) -> str:
    if row.package == "a2p-hands":
        return _OURS
    return _WITHOUT if row.gradient == "no" else _WITH_GRADIENT
