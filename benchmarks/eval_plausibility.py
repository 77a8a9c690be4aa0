"""Compares ways to make two hands plausible, on held-out duet pairs with both kinds of estimates.

    python -m benchmarks.eval_plausibility PAIRS [-n 2000] [--kinds noise] [--weights FILE] [--out docs/plausibility]

PAIRS is a folder of `a2p data duet` whose pairs from `--first` on took no part in training. Figures of every row are
kept in `--cache`; a run that was stopped goes on where it was. One run for each of `--kinds` at a time uses two cores;
a last one for both writes the table, in which parts and rows that were not asked for stay as they were.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from a2p.data.duet import load_shards, noisy_pairs, view_pairs
from a2p.evaluation import (
    DEFINITIONS,
    Accuracy,
    PairMeshes,
    Plausibility,
    SampleErrors,
    SamplePlausibility,
    TwoHands,
    sample_errors,
    sample_plausibility,
)
from a2p.hand import HandModel, HandParameters
from a2p.plausibility.representation import PairCodec
from a2p.plausibility.weights import DEFAULT_WEIGHTS, read_origin
from a2p.threads import one_torch_thread
from a2p.training.estimates import fitted_estimates
from benchmarks.plausibility_methods import SLOW, Estimates, Hands, Method, ablations, methods

KINDS = {"noise": "errors drawn on the parameters", "fit": "a fit to jittered, partly hidden keypoints"}
CHUNK = 64


class HeldOut:
    """Clean pairs and what an estimator made of them, all of which penetrate."""

    def __init__(self, kind: str, estimates: Estimates) -> None:
        self.kind, self.truth, self.estimates = kind, estimates.truth, estimates
        self.models = HandModel.load_pair("open")
        self.codec = PairCodec(self.models)

    @classmethod
    def make(cls, folder: Path, kind: str, first: int, count: int) -> HeldOut:
        """Returns the estimates of one kind, in chunks that do not depend on how many follow."""
        models = HandModel.load_pair("open")
        pairs = load_shards(folder)[first : first + count]
        truth, found, weights = [], [], []
        for start in range(0, len(pairs), CHUNK):
            generator = torch.Generator().manual_seed(1_000_000 + first + start)
            chunk = pairs[start : start + CHUNK]
            viewed = view_pairs(chunk[:1], models, generator)
            if kind == "noise":
                viewed = view_pairs(chunk, models, generator)
                noisy = noisy_pairs(viewed, models, generator)
                rows = noisy.penetrates
                truth.append((viewed.pairs.right[rows], viewed.pairs.left[rows]))
                found.append((noisy.right[rows], noisy.left[rows]))
            else:
                fitted = fitted_estimates(chunk, models, generator)
                truth.append(fitted.clean)
                found.append(fitted.estimate)
                weights.append(fitted.weights)
        estimates = Estimates(
            _cat([hands[0] for hands in found]),
            _cat([hands[1] for hands in found]),
            torch.cat(weights) if weights else None,
            viewed.camera,
            (_cat([hands[0] for hands in truth]), _cat([hands[1] for hands in truth])),
        )
        return cls(kind, estimates)

    def score(self, hands: Hands, rows: slice) -> tuple[SampleErrors, SamplePlausibility]:
        """Returns the errors and the plausibility of what a method made of some pairs."""
        truth = (self.truth[0][rows], self.truth[1][rows])
        with torch.no_grad():
            meshes = [
                PairMeshes(self.models.right(right).vertices, self.models.left(left).vertices)
                for right, left in (hands, truth)
            ]
        two = [
            TwoHands(self.codec.points(*h).detach(), torch.stack([m.right, m.left], dim=1))
            for h, m in zip((hands, truth), meshes, strict=True)
        ]
        topologies = (self.models.right.topology, self.models.left.topology)
        return sample_errors(*two), sample_plausibility(meshes[0], topologies, meshes[1])


def evaluate(method: Method, make: Callable[[], HeldOut], cache: Path, limit: int) -> dict[str, float]:
    """Returns a method's figures on the first `limit` estimates, from the cache if they are there."""
    if cache.is_file():
        stored: dict[str, float] = json.loads(cache.read_text())
        return stored
    held_out = make()
    errors, plausible = [], []
    count = min(limit, len(held_out.estimates))
    for start in range(0, count, CHUNK):
        rows = slice(start, min(start + CHUNK, count))
        with one_torch_thread():
            found = held_out.score(method(held_out.estimates[rows]), rows)
        errors.append(found[0])
        plausible.append(found[1])
    accuracy = Accuracy.of(SampleErrors.cat(errors))
    figures = {
        "count": count,
        "mpjpe_mm": accuracy.mpjpe_mm.all,
        "mpvpe_mm": accuracy.mpvpe_mm.all,
        "mrrpe_mm": accuracy.mrrpe_mm,
        **asdict(Plausibility.of(SamplePlausibility.cat(plausible))),
        **timings(method, held_out.estimates),
    }
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps(figures))
    return figures


def timings(method: Method, estimates: Estimates) -> dict[str, float]:
    """Returns milliseconds a sample at batch 1 (median over samples of the least of three) and at batch 64."""
    with one_torch_thread():
        method(estimates[:1])
        ones = []
        for i in range(min(20, len(estimates))):
            tries = []
            for _ in range(3):
                start = time.perf_counter()
                method(estimates[i : i + 1])
                tries.append(1e3 * (time.perf_counter() - start))
            ones.append(min(tries))
        start = time.perf_counter()
        method(estimates[:CHUNK])
        many = 1e3 * (time.perf_counter() - start) / min(CHUNK, len(estimates))
    return {"batch_1_ms": statistics.median(ones), "batch_64_ms": many}


def table(rows: dict[str, dict[str, float]]) -> str:
    """The figures as Markdown."""
    lines = [
        "| method | pairs | MPJPE | MPVPE | MRRPE, mm | PenVol, cm3 | PenDist, cm | MaxPen, mm | PenRate | ContactKept "
        "| ProxRatio | ms, batch 1 | ms, batch 64 |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, f in rows.items():
        lines.append(
            f"| {name} | {f['count']:.0f} "
            f"| {f['mpjpe_mm']:.2f} | {f['mpvpe_mm']:.2f} | {f['mrrpe_mm']:.2f} | {f['pen_vol_cm3']:.4f} "
            f"| {f['pen_dist_cm']:.4f} | {f['max_pen_mm']:.2f} | {100 * f['pen_rate']:.1f} % "
            f"| {100 * f['contact_kept']:.1f} % | {100 * f['prox_ratio']:.1f} % | {f['batch_1_ms']:.1f} "
            f"| {f['batch_64_ms']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Evaluates every row for both kinds of estimates; writes Markdown, JSON and plots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("-n", "--count", type=int, default=2000)
    parser.add_argument("--ablation-count", type=int, default=400, help="pairs for the ablations")
    parser.add_argument("--slow-count", type=int, default=400, help="pairs for the rows that take long")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--parts", nargs="*", default=["methods", "ablations"], choices=["methods", "ablations"])
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--larger", type=Path, help="weights of the paper's size, for one more row")
    parser.add_argument("--out", type=Path, default=Path("docs/plausibility"))
    parser.add_argument("--cache", type=Path, default=Path("out/plausibility"))
    parser.add_argument("--only", nargs="*", help="parts of names of rows")
    options = parser.parse_args()
    digest = hashlib.sha256(options.weights.read_bytes()).hexdigest()[:10]
    report = kept_report(options.out, options.weights)
    rows = functools.partial(methods, larger=options.larger)
    parts = {"methods": (rows, options.count), "ablations": (ablations, options.ablation_count)}
    for part, (make, count) in ((name, parts[name]) for name in options.parts):
        for kind in options.kinds:
            held_out = functools.cache(functools.partial(HeldOut.make, options.pairs, kind, options.first, count))
            for name, method in make(options.weights).items():
                if options.only and not any(word in name for word in options.only):
                    continue
                cache = options.cache / f"{digest}-{options.first}-{count}" / f"{kind}-{name}.json"
                is_slow = any(name.startswith(slow) or name.endswith(slow) for slow in SLOW)
                figures = evaluate(method, held_out, cache, options.slow_count if is_slow else count)
                report.setdefault(part, {}).setdefault(kind, {})[name] = figures
                print(table({f"{kind}: {name}": figures}).splitlines()[-1], flush=True)
    write(report, options.out, options.weights)


def kept_report(out: Path, weights: Path) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Returns what `write` wrote of the same weights; parts and rows that are measured anew take its place."""
    path = out / "results.json"
    if not path.is_file():
        return {}
    stored: dict[str, dict[str, dict[str, dict[str, float]]]] = json.loads(path.read_text())
    return stored if stored.pop("weights", None) == asdict(read_origin(weights)) else {}


def write(report: dict[str, dict[str, dict[str, dict[str, float]]]], out: Path, weights: Path) -> None:
    """Writes results.json, results.md and, where matplotlib is, the plots."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps({"weights": asdict(read_origin(weights)), **report}, indent=1) + "\n")
    text = [
        "# Stage 2 on held-out pairs",
        "",
        "Times depend on what else the machine does: compare rows of one run.",
        "",
    ]
    for part, kinds in report.items():
        for kind, rows in kinds.items():
            count = int(max(row["count"] for row in rows.values()))
            text += [f"## {part.capitalize()}: {KINDS[kind]} ({count} pairs that penetrate)", "", table(rows), ""]
    text += ["## Definitions", "", *(f"- {name}: {what}." for name, what in DEFINITIONS.items()), ""]
    (out / "results.md").write_text("\n".join(text))
    from benchmarks.plot_plausibility import draw_report

    draw_report(report, out)


def _cat(hands: list[HandParameters]) -> HandParameters:
    names = ("global_orient", "hand_pose", "betas", "transl")
    return HandParameters(*(torch.cat([getattr(hand, name) for hand in hands]) for name in names))


if __name__ == "__main__":
    main()
