"""The curves of a run: every number in its log over the samples seen."""

from __future__ import annotations

import json
import math
from pathlib import Path

from PIL import Image, ImageDraw

from a2p.errors import DataError
from a2p.training.runs import LOG

_PANEL, _MARGIN, _COLUMNS = (300, 180), 28, 3
_COLOURS = {"training": (60, 110, 200), "held_out": (220, 90, 40)}
_NOT_CURVES = {"step", "samples", "kind", "unix_time_s"}


def save_curves(run: Path, path: Path) -> int:
    """Draws a run's log, training in blue, held out in orange, on a logarithmic scale; returns the number of curves."""
    curves = _curves(run / LOG)
    width, height = _PANEL
    sheet = Image.new("RGB", (width * _COLUMNS, height * -(-len(curves) // _COLUMNS)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, ((kind, name), points) in enumerate(sorted(curves.items())):
        corner = (number % _COLUMNS * width, number // _COLUMNS * height)
        _panel(draw, corner, f"{kind}: {name}", points, _COLOURS.get(kind, (0, 0, 0)))
    sheet.save(path)
    return len(curves)


def _curves(log: Path) -> dict[tuple[str, str], list[tuple[float, float]]]:
    try:
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        curves: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for row in rows:
            for name in row.keys() - _NOT_CURVES:
                curves.setdefault((row["kind"], name), []).append((float(row["samples"]), float(row[name])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{log} must be the log of a training run: {error!r}. Give the run's folder.") from error
    if not curves:
        raise DataError(f"{log} has no rows yet. Let the run take some steps.")
    return curves


def _panel(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    title: str,
    points: list[tuple[float, float]],
    colour: tuple[int, int, int],
) -> None:
    width, height = _PANEL
    values = [math.log10(max(value, 1e-12)) for _, value in points]
    low, high = min(values), max(values)
    last = max(points[-1][0], 1.0)
    left, top = corner[0] + _MARGIN, corner[1] + _MARGIN
    across, down = width - 2 * _MARGIN, height - 2 * _MARGIN
    line = [
        (left + across * samples / last, top + down * (high - value) / max(high - low, 1e-9))
        for (samples, _), value in zip(points, values, strict=True)
    ]
    draw.rectangle((left, top, left + across, top + down), outline=(210, 210, 210))
    draw.line(line, fill=colour, width=2)
    draw.text((left, corner[1] + 8), title, fill="black")
    draw.text((left + 2, top + 1), f"{10**high:.3g}", fill=(120, 120, 120))
    draw.text((left + 2, top + down - 12), f"{10**low:.3g}", fill=(120, 120, 120))
    draw.text((left, top + down + 6), f"last {points[-1][1]:.4g} after {last:,.0f} samples", fill=(120, 120, 120))
