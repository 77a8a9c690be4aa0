"""Plots of `eval_plausibility` and of a training's log.

python benchmarks/plot_plausibility.py LOG.jsonl CURVES.png
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Figures = dict[str, float]


def draw_report(report: dict[str, dict[str, dict[str, Figures]]], out: Path) -> None:
    """Draws accuracy against penetration, a point a method; nothing without matplotlib."""
    plt = _matplotlib()
    if plt is None or "methods" not in report:
        return
    kinds = report["methods"]
    figure, axes = plt.subplots(2, len(kinds), figsize=(6 * len(kinds), 9), squeeze=False)
    for column, (kind, rows) in enumerate(kinds.items()):
        for row, (key, name) in enumerate((("mpjpe_mm", "MPJPE, mm"), ("mrrpe_mm", "MRRPE, mm"))):
            axis = axes[row][column]
            for k, (method, figures) in enumerate(rows.items()):
                axis.scatter(
                    figures["pen_vol_cm3"] + 1e-4, figures[key], s=50, label=method, marker="osD^vP*Xph<>d"[k % 13]
                )
            axis.set_xscale("log")
            axis.axvline(0.02, color="0.7", linewidth=1)
            axis.axhline(0.85 * rows["input X_c"][key] if "input X_c" in rows else 0, color="0.7", linewidth=1)
            axis.set_xlabel("PenVol + 0.0001, cm3 (line: 0.02)")
            axis.set_ylabel(f"{name} (line: 15 % below the input)")
            axis.set_title(f"estimates: {kind}")
            axis.grid(alpha=0.3)
    figure.tight_layout()
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=4, fontsize=9, frameon=False)
    figure.savefig(out / "methods.png", dpi=90, bbox_inches="tight")
    plt.close(figure)


def draw_curves(log: Path, out: Path) -> None:
    """Draws the losses over the samples seen."""
    plt = _matplotlib()
    if plt is None:
        raise SystemExit("needs matplotlib")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    names = {"numbers": "squared error of the numbers", "joints_cm": "joints, cm", "relative_cm": "left wrist, cm"}
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.6))
    for axis, (key, name) in zip(axes, names.items(), strict=True):
        for kind, style in (("training", {"linewidth": 0.8, "alpha": 0.7}), ("held_out", {"marker": "o"})):
            chosen = [row for row in rows if row["kind"] == kind]
            axis.plot([1e-3 * row["samples"] for row in chosen], [row[key] for row in chosen], label=kind, **style)
        axis.set_xlabel("thousand samples")
        axis.set_title(name)
        axis.grid(alpha=0.3)
    axes[0].set_yscale("log")
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(out, dpi=90)


def _matplotlib() -> Any:
    try:
        import matplotlib as mpl
    except ImportError:
        return None
    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot


if __name__ == "__main__":
    draw_curves(Path(sys.argv[1]), Path(sys.argv[2]))
