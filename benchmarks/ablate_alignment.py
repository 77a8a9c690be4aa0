"""Trains the alignment network without and with each prior, the same budget each, and prints METHOD's ablation table.

    python -m benchmarks.ablate_alignment --out OUT --pairs PAIRS --held-out HELD_OUT_PAIRS [--max-seconds 500]

Four runs on the same pictures: baseline, + keypoints, + segmentation, + depth. The same command goes on where it was
stopped; when all runs are through, the held-out pictures are measured and OUT/ablation.md is written. For one large GPU
with 16 cores: --processes 14. For two cores: --recipe ablation_cpu, whose crops are smaller; some two hours. Table 3 of
`a2p evaluate` takes OUT, too, as --ablation.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from a2p.alignment.weights import load_alignment
from a2p.evaluation.ablation import VARIANTS, WEIGHTS
from a2p.plausibility import Refiner
from a2p.training.alignment import recipe_of, train_together
from a2p.training.alignment_recipe import AlignmentTraining
from benchmarks.alignment_held_out import ALL_AXES, NetworkErrors, held_out_pictures, network_errors


def recipes_of(whole: AlignmentTraining, out: Path, steps: int | None) -> dict[Path, AlignmentTraining]:
    """Returns each variant's folder with the recipe that has the variant's priors alone."""
    return {
        out / variant.folder: replace(
            whole,
            teacher=whole.teacher if variant.priors else "none",
            priors=variant.priors,
            steps=steps or whole.steps,
        )
        for variant in VARIANTS
    }


def row_of(name: str, errors: NetworkErrors) -> str:
    """Returns a row of the table."""
    means = [errors.accuracy(axes) for axes in ALL_AXES]
    figures = [m.mpjpe_mm.all for m in means] + [m.mpvpe_mm.all for m in means]
    return f"| {name} | {' | '.join(f'{value:.2f}' for value in figures)} | {means[0].mrrpe_mm:.2f} |"


def table(options: argparse.Namespace) -> str:
    """Returns the table of finished runs on pictures of pairs that touch."""
    images = held_out_pictures(options.held_out, size_px=192, contact=1.0)
    lines = [
        "| variant | MPJPE | MPJPE-XY | MPJPE-Z | MPVPE | MPVPE-XY | MPVPE-Z | MRRPE |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for variant in VARIANTS:
        network = load_alignment(options.out / variant.folder / WEIGHTS)
        lines.append(row_of(variant.name, network_errors(network, images, options.count)))
    network = load_alignment(options.out / VARIANTS[-1].folder / WEIGHTS)
    for name, refiner in ((f"the last, {options.few}", None), ("+ plausibility", Refiner(method="diffusion"))):
        lines.append(row_of(name, network_errors(network, images, options.few, refiner=refiner)))
    return "\n".join(lines)


def main() -> None:
    """Reads the command line, trains and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the four runs and the table")
    parser.add_argument("--pairs", type=Path, required=True, help="folder of duet pairs to train on")
    parser.add_argument("--held-out", type=Path, required=True, help="folder of duet pairs to measure on")
    parser.add_argument("--recipe", default="ablation_gpu", help="a packaged recipe, or a JSON file")
    parser.add_argument("--steps", type=int, help="of each run, instead of the recipe's")
    parser.add_argument("--count", type=int, default=1000, help="pictures to measure on")
    parser.add_argument("--few", type=int, default=128, help="pictures to measure plausibility on")
    parser.add_argument("--processes", type=int, default=0, help="that render")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--commit", default="unknown", help="of the code, for the weights' origin")
    parser.add_argument("--train-only", action="store_true", help="leave the table to the same command without this")
    parser.add_argument("--max-seconds", type=float, help="stop after so long; the same command goes on")
    options = parser.parse_args()
    recipes = recipes_of(recipe_of(options.recipe), options.out, options.steps)
    steps = train_together(
        recipes,
        pairs=options.pairs,
        device=options.device,
        max_seconds=options.max_seconds,
        processes=options.processes,
        commit=options.commit,
    )
    for folder, recipe in recipes.items():
        print(f"{folder.name}: {steps[folder]} of {recipe.steps} steps", flush=True)
    if options.train_only or any(steps[folder] < recipe.steps for folder, recipe in recipes.items()):
        return
    text = table(options)
    (options.out / "ablation.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
