"""Makes hand pairs, prepares them and trains stage 2's denoiser on a machine that is there for minutes only.

    python -m tools.gpu_plausibility --out OUT --seconds 540 [--recipe RECIPE.json] [--state EARLIER_OUT]

Every call does as much as `--seconds` allow and goes on where the last one stopped, as long as the machine keeps
`--work`. `OUT` receives the averaged weights in parts that are small enough to travel (`state.000`, ...), the log and
the curves. With `--state` set to an earlier `OUT` training goes on elsewhere, where the same pairs are made again.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from tools.gpu_train import join, split

import a2p.training
from a2p.data.duet import write_shards
from a2p.training.curves import save_curves
from a2p.training.plausibility import PlausibilityTraining, train
from a2p.training.preparation import prepare_duet
from a2p.training.runs import CHECKPOINT, LOG

RECIPE = Path(a2p.training.__file__).parent / "recipes" / "plausibility_paper_gpu.json"
_SLICE = 20_000
"""Pairs that are made between looks at the clock."""


def made_pairs(folder: Path, count: int, workers: int, end: float) -> bool:
    """Makes the first `count` pairs of seed 0 until the time is up; says whether all are there."""
    for goal in [*range(_SLICE, count, _SLICE), count]:
        if time.monotonic() > end:
            return False
        write_shards(folder, goal, workers=workers)
    return True


def prepared_pairs(pairs: Path, folder: Path, recipe: PlausibilityTraining, workers: int, end: float) -> bool:
    """Prepares the pairs until the time is up; says whether all are prepared."""
    jobs = prepare_duet(pairs, folder, draws=recipe.draws, fitted_every=recipe.fitted_every, workers=workers)
    for _ in jobs:
        if time.monotonic() > end:
            jobs.close()
            return False
    return True


def main() -> None:
    """Reads the command line, makes pairs, prepares, trains and packs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for what is to be taken away")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--pairs", type=int, default=200_000, help="pairs to make")
    parser.add_argument("--work", type=Path, default=Path("build/gpu_plausibility"), help="stays on the machine")
    parser.add_argument("--state", type=Path, help="an earlier --out")
    parser.add_argument("--seconds", type=float, default=540.0)
    parser.add_argument("--workers", type=int, default=16, help="processes that make and prepare pairs")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--commit", default="unknown", help="of the code, for the model card")
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    recipe = PlausibilityTraining.read(options.recipe)
    pairs, prepared, run = (options.work / name for name in ("pairs", "prepared", "run"))
    if not made_pairs(pairs, options.pairs, options.workers, end):
        print(f"{len(list(pairs.glob('duet-*.npz')))} files of pairs are made; run the same command again")
        return
    if not prepared_pairs(pairs, prepared, recipe, options.workers, end):
        print(f"{len(list(prepared.glob('*.safetensors')))} files are prepared; run the same command again")
        return
    if options.state is not None and not (run / CHECKPOINT).is_file():
        join(options.state, run)
    left = max(0.0, end - time.monotonic())
    steps = train(recipe, prepared, run, device=options.device, max_seconds=left, commit=options.commit)
    options.out.mkdir(parents=True, exist_ok=True)
    parts = split(run, options.out, only_averaged=True)
    if (run / LOG).is_file():
        shutil.copy(run / LOG, options.out / LOG)
        save_curves(run, options.out / "curves.png")
    print(f"{steps} of {recipe.steps} steps; {len(parts)} parts")


if __name__ == "__main__":
    main()
