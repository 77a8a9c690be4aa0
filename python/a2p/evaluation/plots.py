"""Plots of runs as SVG, which every browser shows and no library is needed for."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from a2p.evaluation.accuracy import Protocol
from a2p.evaluation.results_file import RunResults
from a2p.evaluation.scoring import MEASURES

_WIDTH, _HEIGHT, _LEFT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 490, 356, 60, 30, 400, 290
_LINE = 20
"""Height of one run in the legend, which stands below the plot so that it can be read on a narrow screen, too."""
_COLOURS = ("#d1603d", "#2f7fc1", "#3a8f5c", "#8a5fb0", "#b08a2f", "#555555")


def error_curves(runs: Sequence[RunResults], *, protocol: Protocol = "interwild", limit_mm: float | None = None) -> str:
    """Returns the share of joints whose error is below a threshold, for every run, as SVG.

    Thresholds end at `limit_mm`; without it where every run has nine of ten joints, yet not below 20 or above 200 mm.
    """
    row = MEASURES.index((protocol, "xyz"))
    curves = []
    for run in runs:
        errors = run.records["joints_mm"][:, row].ravel().astype(np.float64)
        curves.append((run.info.title or run.info.name, np.sort(errors[np.isfinite(errors)])))
    limit_mm = _limit_mm([errors for _, errors in curves]) if limit_mm is None else limit_mm
    parts = [_axes(limit_mm, f"share of joints below an error ({protocol})")]
    for number, (name, errors) in enumerate(curves):
        colour = _COLOURS[number % len(_COLOURS)]
        dash = f' stroke-dasharray="{6 + 2 * number} {2 * number}"' if number else ""
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash} points="{_points(errors, limit_mm)}"/>'
        )
        y = _HEIGHT + _LINE * number
        mean = f"mean {errors.mean():.2f} mm" if len(errors) else "nothing to compare"
        ends = f'x1="{_LEFT}" x2="{_LEFT + 40}" y1="{y}" y2="{y}"'
        parts.append(f'<line {ends} stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{_LEFT + 50}" y="{y + 4}">{escape(name)}: {mean}</text>')
    body, height = "\n".join(parts), _HEIGHT + _LINE * len(curves)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="{_WIDTH}" height="{height}" fill="white"/>\n{body}\n'
        "</svg>\n"
    )


def _axes(limit_mm: float, title: str) -> str:
    parts = [f'<text x="{_LEFT}" y="18" font-size="14">{escape(title)}</text>']
    for tick in range(6):
        x, y = _LEFT + tick / 5 * _PLOT_WIDTH, _TOP + (1 - tick / 5) * _PLOT_HEIGHT
        bottom, right = _TOP + _PLOT_HEIGHT, _LEFT + _PLOT_WIDTH
        parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{_TOP}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(f'<line x1="{_LEFT}" x2="{right}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.0f}" y="{bottom + 16}" text-anchor="middle">{limit_mm * tick / 5:.0f} mm</text>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{20 * tick} %</text>')
    return "\n".join(parts)


def _limit_mm(curves: Sequence[npt.NDArray[np.float64]]) -> float:
    most = max((float(np.quantile(errors, 0.9)) for errors in curves if len(errors)), default=0.0)
    return next((limit for limit in (20.0, 50.0, 100.0, 150.0) if limit >= most), 200.0)


def _points(errors: npt.NDArray[np.float64], limit_mm: float) -> str:
    thresholds = np.linspace(0.0, limit_mm, 101)
    shares = np.searchsorted(errors, thresholds, side="right") / max(len(errors), 1)
    return " ".join(
        f"{_LEFT + x / limit_mm * _PLOT_WIDTH:.1f},{_TOP + (1 - y) * _PLOT_HEIGHT:.1f}"
        for x, y in zip(thresholds, shares, strict=True)
    )
