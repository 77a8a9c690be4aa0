"""A web page of one file about runs: tables, curves, and the best, median and worst samples from two views."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import UInt8
from PIL import Image

from a2p.data.contact_sheet import cut_window, hands_window, sample_tile
from a2p.data.reading import LoadedSample, SampleReader
from a2p.data.sample import SIDES, HandDataset
from a2p.evaluation.plots import error_curves
from a2p.evaluation.results_file import RunResults
from a2p.evaluation.scoring import Records
from a2p.evaluation.tables import Table
from a2p.hand import HandPair, HandParameters
from a2p.render import RenderMesh, colour_of, draw_overlay, view_from_aside

_TILE = 240
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1330px; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; } td, th { border: 1px solid #ccc; padding: 3px 9px; }
td { text-align: right; } td:first-child, td:nth-last-child(2) { text-align: left; }
tr.ours { background: #fdf1ec; font-weight: 600; }
.sample { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 1.6em; } figure { margin: 0; width: 240px; }
figcaption { font-size: 12px; color: #555; } img { display: block; } ul { color: #555; font-size: 12px; }
"""


@dataclass(frozen=True)
class _Choice:
    """A sample to show and why."""

    title: str
    row: int


def html_report(
    dataset: HandDataset, runs: Sequence[RunResults], tables: Sequence[Table], models: HandPair, *, each: int = 3
) -> str:
    """Returns the page about runs of one data set, the last of which decides which samples are shown.

    `each` samples with the least, median and largest mean joint error, and those that penetrated most in the first run.
    """
    shown = runs[-1]
    parts = [f"<h1>{escape(dataset.name)}, {escape(dataset.split)}</h1>", *(_table(table) for table in tables)]
    parts.append(error_curves(runs))
    reader = SampleReader(dataset, skip_broken=True)
    heading = ""
    for choice in _choices(runs[0], shown, each):
        loaded = reader.load(shown.positions[choice.row])
        if not isinstance(loaded, LoadedSample):
            continue
        if choice.title != heading:
            heading = choice.title
            parts.append(f"<h2>{escape(heading)}</h2>")
        parts.append(_sample(loaded, runs, shown.ids[choice.row], models))
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>a2p: {escape(dataset.name)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def sample_errors_mm(records: Records) -> npt.NDArray[np.float64]:
    """Returns each sample's mean joint error after alignment at the wrists; NaN without truth."""
    errors = records["joints_mm"][:, 0].reshape(len(records), -1).astype(np.float64)
    there = np.isfinite(errors)
    total, count = np.where(there, errors, 0.0).sum(axis=1), there.sum(axis=1)
    means: npt.NDArray[np.float64] = np.divide(total, count, out=np.full(len(records), np.nan), where=count > 0)
    return means


def _choices(first: RunResults, shown: RunResults, each: int) -> list[_Choice]:
    """Returns what to show, every sample once."""
    errors = sample_errors_mm(shown.records)
    ranked = [int(row) for row in np.argsort(errors, kind="stable") if np.isfinite(errors[row])]
    middle = max(0, (len(ranked) - each) // 2)
    chosen = [_Choice("Best: least mean joint error", row) for row in ranked[:each]]
    chosen += [_Choice("Median", row) for row in ranked[middle : middle + each]]
    chosen += [_Choice("Worst: largest mean joint error", row) for row in reversed(ranked[-each:])]
    depth = dict(zip(first.ids, first.records["max_depth_mm"].tolist(), strict=True))
    deepest = sorted(range(len(shown.ids)), key=lambda row: -np.nan_to_num(depth.get(shown.ids[row], 0.0)))
    chosen += [
        _Choice("Deepest penetration in the first run", row)
        for row in deepest[:each]
        if np.nan_to_num(depth.get(shown.ids[row], 0.0)) > 0
    ]
    first_of_row = {choice.row: choice for choice in reversed(chosen)}
    return [choice for choice in chosen if first_of_row[choice.row] is choice]


def _sample(loaded: LoadedSample, runs: Sequence[RunResults], identity: str, models: HandPair) -> str:
    figures = [_figure(sample_tile(loaded.sample, loaded.pixels, size=_TILE), "truth")]
    for run in runs:
        if identity not in run.ids:
            continue
        record = run.records[run.ids.index(identity)]
        meshes = _meshes(record, models)
        error = sample_errors_mm(run.records[run.ids.index(identity)][None])[0]
        depth = float(record["max_depth_mm"])
        text = f"{run.info.title}: {error:.1f} mm"
        text += f", penetrates by {depth:.1f} mm" if np.isfinite(depth) else ""
        figures.append(_figure(_overlay(loaded, loaded.pixels, meshes), text))
        figures.append(_figure(view_from_aside(meshes, size=_TILE), "from aside"))
    return f'<div class="sample">{"".join(figures)}</div>'


def _overlay(loaded: LoadedSample, pixels: UInt8[np.ndarray, "h w 3"], meshes: list[RenderMesh]) -> Image.Image:
    window = hands_window(loaded.sample, pixels.shape[1], pixels.shape[0])
    picture = Image.fromarray(pixels)
    if loaded.sample.camera is not None and meshes:
        picture = draw_overlay(pixels, meshes, loaded.sample.camera)
    return cut_window(picture, window, size=_TILE)


def _meshes(record: np.void, models: HandPair) -> list[RenderMesh]:
    """Returns the predicted hands, posed again from their parameters."""
    meshes = []
    for side, model, row in zip(SIDES, models, record["parameters"], strict=True):
        if not np.isfinite(row).all():
            continue
        values = torch.from_numpy(np.array(row))
        parameters = HandParameters(values[:3], values[3:48].reshape(15, 3), values[48:58], values[58:])
        with torch.no_grad():
            vertices = model(parameters).vertices.numpy()
        meshes.append(RenderMesh(vertices, model.topology.faces.numpy(), colour_of(side)))
    return meshes


def _figure(picture: Image.Image, caption: str) -> str:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, format="JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f'width="{picture.width}" height="{picture.height}"'
    image = f'<img {size} alt="{escape(caption)}" src="data:image/jpeg;base64,{data}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _table(table: Table) -> str:
    rows = []
    for row in table.rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in table.cells(row))
        rows.append(f"<tr{' class=ours' if row.is_ours else ''}>{cells}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *table.columns, "protocol", "samples"))
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    title = f"<h2>Table {table.number}: {escape(table.title)}</h2>"
    return f"{title}<table><tr>{head}</tr>{''.join(rows)}</table><ul>{notes}</ul>"
