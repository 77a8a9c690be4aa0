"""Trains for a while on a machine that is given back afterwards, and leaves what is needed to go on elsewhere.

    python -m tools.gpu_train --out OUT --recipe compact_gpu --pairs PAIRS --seconds 480 [--state EARLIER_OUT]

`OUT` receives a light checkpoint in parts that are small enough to travel (`state.000`, `state.001`, ...), the averaged
weights in half precision, the log and a picture of predictions. The same command with `--state` set to an earlier
`OUT` goes on from there, on this machine or another. A light checkpoint has no optimiser state, which is half of a
whole one: AdamW's momenta build up anew within some hundred steps. While the machine stays, the whole checkpoint in
`--run` is used instead.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
from pathlib import Path

import torch

from a2p.alignment.weights import load_alignment, read_origin, save_alignment
from a2p.training.alignment import GRID, recipe_of, train
from a2p.training.runs import CHECKPOINT, LOG, WEIGHTS

PART_BYTES = 15 * 2**20


def split(run: Path, out: Path, *, only_averaged: bool = False) -> list[Path]:
    """Writes a run's checkpoint without its optimiser, in parts; returns them.

    With `only_averaged` the averaged weights take the place of the current ones too: a third of the size.
    """
    state = torch.load(run / CHECKPOINT, map_location="cpu", weights_only=True)
    state.pop("optimiser", None)
    averaged = state["averaged"]
    state["averaged"] = {k: v.half() if v.is_floating_point() else v for k, v in averaged.items()}
    if only_averaged:
        state["network"] = state["averaged"]
    stream = io.BytesIO()
    torch.save(state, stream)
    whole = stream.getvalue()
    parts = []
    for number, start in enumerate(range(0, len(whole), PART_BYTES)):
        parts.append(out / f"state.{number:03d}")
        parts[-1].write_bytes(whole[start : start + PART_BYTES])
    return parts


def join(parts: Path, run: Path) -> None:
    """Puts the checkpoint in parts, and its log, into a run's folder."""
    names = sorted(parts.glob("state.[0-9][0-9][0-9]"))
    if not names:
        raise SystemExit(f"{parts} must hold state.000 and so on; it holds none. Give the folder of an earlier --out.")
    run.mkdir(parents=True, exist_ok=True)
    (run / CHECKPOINT).write_bytes(b"".join(name.read_bytes() for name in names))
    if (parts / LOG).is_file():
        shutil.copy(parts / LOG, run / LOG)


def main() -> None:
    """Reads the command line, trains and packs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for what is to be taken away")
    parser.add_argument("--recipe", default="compact_gpu", help="compact_gpu, or a JSON file")
    parser.add_argument("--pairs", type=Path, help="folder of duet pairs")
    parser.add_argument("--state", type=Path, help="an earlier --out")
    parser.add_argument("--run", type=Path, default=Path("build/gpu_run"), help="folder that stays on the machine")
    parser.add_argument("--seconds", type=float, default=480.0, help="of training; packing takes some more")
    parser.add_argument("--processes", type=int, default=14, help="that render")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--commit", default="unknown", help="of the code, for the model card")
    options = parser.parse_args()
    recipe = recipe_of(options.recipe)
    if options.state is not None and not (options.run / CHECKPOINT).is_file():
        join(options.state, options.run)
    steps = train(
        recipe,
        options.run,
        pairs=options.pairs,
        device=options.device,
        max_seconds=options.seconds,
        processes=options.processes,
        commit=options.commit,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    parts = split(options.run, options.out)
    save_alignment(
        load_alignment(options.run / WEIGHTS), options.out / WEIGHTS, read_origin(options.run / WEIGHTS), half=True
    )
    for name in (LOG, GRID):
        if (options.run / name).is_file():
            shutil.copy(options.run / name, options.out / name)
    rows = (options.run / LOG).read_text().splitlines() if (options.run / LOG).is_file() else []
    held_out = [json.loads(row) for row in rows if '"held_out"' in row]
    print(f"{steps} of {recipe.steps} steps; {len(parts)} parts; {held_out[-1] if held_out else 'not checked yet'}")


if __name__ == "__main__":
    main()
