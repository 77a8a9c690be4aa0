"""Plots of runs as SVG, which every browser shows and no library is needed for."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from a2p.evaluation.accuracy import Protocol
from a2p.evaluation.results_file import RunResults
from a2p.evaluation.scoring import MEASURES

_WIDTH, _HEIGHT, _LEFT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 640, 380, 60, 30, 400, 290
_COLOURS = ("#d1603d", "#2f7fc1", "#3a8f5c", "#8a5fb0", "#b08a2f", "#555555")


def error_curves(runs: Sequence[RunResults], *, protocol: Protocol = "interwild", limit_mm: float = 50.0) -> str:
    """Returns the share of joints whose error is below a threshold, for every run, as SVG."""
    row = MEASURES.index((protocol, "xyz"))
    curves = []
    for run in runs:
        errors = run.records["joints_mm"][:, row].ravel().astype(np.float64)
        curves.append((run.info.name, np.sort(errors[np.isfinite(errors)])))
    parts = [_axes(limit_mm, f"share of joints below an error ({protocol})")]
    for number, (name, errors) in enumerate(curves):
        colour = _COLOURS[number % len(_COLOURS)]
        dash = f' stroke-dasharray="{6 + 2 * number} {2 * number}"' if number else ""
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash} points="{_points(errors, limit_mm)}"/>'
        )
        y = _TOP + 12 + 34 * number
        mean = f"mean {errors.mean():.2f} mm" if len(errors) else "nothing to compare"
        parts.append(f'<line x1="470" x2="490" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="495" y="{y}">{escape(name[:24])}</text><text x="495" y="{y + 14}">{mean}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="sans-serif" font-size="11">\n<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n'
        "</svg>\n"
    )


def _axes(limit_mm: float, title: str) -> str:
    parts = [f'<text x="{_LEFT}" y="18" font-size="13">{escape(title)}</text>']
    for tick in range(6):
        x, y = _LEFT + tick / 5 * _PLOT_WIDTH, _TOP + (1 - tick / 5) * _PLOT_HEIGHT
        bottom, right = _TOP + _PLOT_HEIGHT, _LEFT + _PLOT_WIDTH
        parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{_TOP}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(f'<line x1="{_LEFT}" x2="{right}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.0f}" y="{bottom + 16}" text-anchor="middle">{limit_mm * tick / 5:.0f} mm</text>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{20 * tick} %</text>')
    return "\n".join(parts)


def _points(errors: npt.NDArray[np.float64], limit_mm: float) -> str:
    thresholds = np.linspace(0.0, limit_mm, 101)
    shares = np.searchsorted(errors, thresholds, side="right") / max(len(errors), 1)
    return " ".join(
        f"{_LEFT + x / limit_mm * _PLOT_WIDTH:.1f},{_TOP + (1 - y) * _PLOT_HEIGHT:.1f}"
        for x, y in zip(thresholds, shares, strict=True)
    )
