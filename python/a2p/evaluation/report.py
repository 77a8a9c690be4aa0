"""A web page of one file about runs: tables, curves, and the best, median and worst samples from two views."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import UInt8
from PIL import Image

from a2p.data.contact_sheet import cut_window, hands_window, sample_tile
from a2p.data.reading import LoadedSample, SampleReader
from a2p.data.sample import SIDES, HandDataset, Sample
from a2p.evaluation.accuracy import Protocol
from a2p.evaluation.plots import error_curves
from a2p.evaluation.results_file import RunResults
from a2p.evaluation.scoring import Records
from a2p.evaluation.tables import Table
from a2p.hand import HandPair, HandParameters
from a2p.render import RenderMesh, colour_of, draw_overlay, view_from_aside

_TILE = 256
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1340px; padding: 1rem; color: #222; }
h1 { margin: 0.3em 0; } h2 { margin: 2em 0 0.3em; } h3 { margin: 2em 0 0; } h4 { margin: 1.6em 0 0.4em; }
p, ul { color: #555; max-width: 62em; } ul { font-size: 13px; padding-left: 1.3em; }
.wide { overflow-x: auto; margin: 1em 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid #ddd; padding: 3px 9px; text-align: right; white-space: nowrap; }
th { background: #f4f4f4; vertical-align: bottom; white-space: normal; }
td:first-child, td:nth-last-child(2), th:nth-last-child(2) { text-align: left; }
td:nth-last-child(2) { min-width: 15em; white-space: normal; }
td:first-child, th:first-child { position: sticky; left: 0; white-space: normal; min-width: 8em; background: #fff; }
th:first-child { background: #f4f4f4; } tr.ours td { background: #fdf1ec; } tr.ours td:first-child { font-weight: 600; }
svg { max-width: 100%; height: auto; }
.sample { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(46%, 240px), 1fr)); gap: 12px; }
figure { margin: 0; max-width: 256px; } figcaption { font-size: 13px; line-height: 1.35; color: #555; padding: 4px 0; }
figcaption b { display: block; color: #222; } img { display: block; width: 100%; height: auto; margin-bottom: 3px; }
"""


@dataclass(frozen=True)
class _Choice:
    """A sample to show and why."""

    title: str
    row: int


def html_report(
    dataset: HandDataset,
    runs: Sequence[RunResults],
    tables: Sequence[Table],
    models: HandPair,
    *,
    each: int = 3,
    protocol: Protocol = "interwild",
) -> str:
    """Returns the page about runs of one data set, the last of which decides which samples are shown.

    `each` samples with the least, median and largest mean joint error, and those that penetrated most in the first run.
    """
    shown = runs[-1]
    parts = [f"<h1>a2p on {escape(dataset.name)}, {escape(dataset.split)} split</h1>", *_tables(tables)]
    parts += ["<h2>Errors of joints</h2>", error_curves(runs, protocol=protocol)]
    parts.append(
        "<h2>Samples</h2>\n<p>Each in its picture and, below, from the camera's right and above; right hands are "
        "coral, left hands blue. Error: mean of the joints, each hand aligned at its wrist. Depth: how far the hands "
        f"lie in each other. Best, median and worst by the error of <b>{escape(shown.info.title)}</b>.</p>"
    )
    reader = SampleReader(dataset, skip_broken=True)
    heading = ""
    for choice in _choices(runs[0], shown, each):
        loaded = reader.load(shown.positions[choice.row])
        if not isinstance(loaded, LoadedSample):
            continue
        if choice.title != heading:
            heading = choice.title
            parts.append(f"<h3>{escape(heading)}</h3>")
        parts.append(_sample(loaded, runs, shown.ids[choice.row], models))
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
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
        _Choice(f"Deepest penetration of {first.info.title}", row)
        for row in deepest[:each]
        if np.nan_to_num(depth.get(shown.ids[row], 0.0)) > 0
    ]
    first_of_row = {choice.row: choice for choice in reversed(chosen)}
    return [choice for choice in chosen if first_of_row[choice.row] is choice]


def _sample(loaded: LoadedSample, runs: Sequence[RunResults], identity: str, models: HandPair) -> str:
    sample = loaded.sample
    tile = sample_tile(sample, loaded.pixels, size=_TILE).crop((0, 0, _TILE, _TILE))
    true_hands = _true_meshes(sample, models)
    aside = [view_from_aside(true_hands, size=_TILE)] if true_hands else []
    figures = [_figure([tile, *aside], "truth", sample.source_frame)]
    for run in runs:
        if identity not in run.ids:
            continue
        row = run.ids.index(identity)
        meshes = _meshes(run.records[row], models)
        pictures = [_overlay(loaded, loaded.pixels, meshes), view_from_aside(meshes, size=_TILE)]
        figures.append(_figure(pictures, run.info.title, _figures_of(run.records[row])))
    hands = "two hands" if sample.hand_type == "interacting" else f"{sample.hand_type} hand"
    return f'<h4>{escape(identity)}: {hands}</h4><div class="sample">{"".join(figures)}</div>'


def _figures_of(record: np.void) -> str:
    error, depth = sample_errors_mm(np.array([record]))[0], float(record["max_depth_mm"])
    parts = [f"error {error:.1f} mm"] if np.isfinite(error) else ["no hand found"]
    parts += [f"depth {depth:.1f} mm"] if np.isfinite(depth) else []
    return ", ".join(parts)


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


def _true_meshes(sample: Sample, models: HandPair) -> list[RenderMesh]:
    """Returns the true hands, where the data set has meshes of these models."""
    meshes = []
    for side, hand in sample.hands:
        topology = (models.right if side == "right" else models.left).topology
        if hand.vertices is not None and len(hand.vertices) == topology.vertex_count:
            meshes.append(RenderMesh(hand.vertices.numpy(), topology.faces.numpy(), colour_of(side)))
    return meshes


def _figure(pictures: Sequence[Image.Image], title: str, text: str) -> str:
    images = "".join(
        f'<img width="{picture.width}" height="{picture.height}" alt="{escape(title)}, {view}" '
        f'src="data:image/jpeg;base64,{_jpeg(picture)}">'
        for picture, view in zip(pictures, ("in the picture", "from aside"), strict=False)
    )
    return f"<figure>{images}<figcaption><b>{escape(title)}</b>{escape(text)}</figcaption></figure>"


def _jpeg(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, format="JPEG", quality=88)
    return base64.b64encode(buffer.getvalue()).decode()


def _tables(tables: Sequence[Table]) -> Iterator[str]:
    """Yields the tables, each note where it is first due."""
    told: set[str] = set()
    for table in tables:
        rows = []
        for row in table.rows:
            cells = "".join(f"<td>{escape(cell)}</td>" for cell in table.cells(row))
            rows.append(f"<tr{' class=ours' if row.is_ours else ''}>{cells}</tr>")
        head = "".join(f"<th>{escape(name)}</th>" for name in ("", *table.columns, "protocol", "samples"))
        notes = [note for note in table.notes if note not in told]
        told.update(notes)
        yield f"<h2>Table {table.number}: {escape(table.title)}</h2>"
        yield f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'
        yield f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""
