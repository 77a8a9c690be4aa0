"""Measures alignment with and without the network, and prints the figures as Markdown tables.

    python -m benchmarks.eval_alignment [SHARED_FOLDER] --weights FILE --pairs HELD_OUT_PAIRS [--only PART ...]

Parts: `held-out` (rendered pictures, network alone and whole pipeline), `annotated` (hand_graph_cnn), `interhand`
(InterHand2.6M's interacting frames, boxes and camera given), `photos` (overlays into --out, to be judged by eye),
`speed`. The shared folder holds photos that may not be redistributed; it is looked for beside the repository.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from tests.perception.photo_truth import PHOTOS, found

import a2p
from a2p.aligner import read_crops
from a2p.alignment.reading import HandWindows, NetworkReader
from a2p.alignment.weights import load_alignment
from a2p.camera import Camera
from a2p.data.hand_graph_cnn import HandGraphCnn
from a2p.data.interhand import InterHand26M
from a2p.data.sample import Sample
from a2p.evaluation.accuracy import Accuracy, Axes, SampleErrors
from a2p.evaluation.procrustes import procrustes_aligned
from a2p.perception import HandFinder, HandObservation
from benchmarks.alignment_held_out import ALL_AXES, held_out_pictures, network_errors, pipeline_errors

_BATCH = 16
"""Pictures of the batch whose time is taken."""
PARTS = ("held-out", "annotated", "interhand", "photos", "speed")


class Annotated(NamedTuple):
    """Errors on hand_graph_cnn."""

    flat_px: float
    mpjpe_mm: float
    pa_mpjpe_mm: float


def print_held_out(options: argparse.Namespace, reconstructors: dict[str, a2p.Reconstructor]) -> None:
    """Prints the network's errors and the pipeline's, for hands in contact and not."""
    network = load_alignment(options.weights)
    print(
        "\n| held-out pictures | MPJPE | MPJPE-XY | MPJPE-Z | MPVPE | MPVPE-XY | MPVPE-Z | MRRPE | MRRPE-XY | MRRPE-Z |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, contact in (("contact", 1.0), ("apart", 0.0)):
        images = held_out_pictures(options.pairs, size_px=192, contact=contact)
        errors = network_errors(network, images, options.count)
        _print_accuracy(f"{name}, network alone, {options.count}", errors.by_axes)
        images = held_out_pictures(options.pairs, size_px=384, contact=contact)
        for way, reconstructor in reconstructors.items():
            _print_accuracy(f"{name}, {way}, {options.few}", pipeline_errors(reconstructor, images, options.few))


def _print_accuracy(name: str, errors: dict[Axes, SampleErrors]) -> None:
    means = [Accuracy.of(errors[axes]) for axes in ALL_AXES]
    figures = [
        *(m.mpjpe_mm.all for m in means),
        *(m.mpvpe_mm.all for m in means),
        *(float(errors[axes].relative_root.nanmean()) for axes in ALL_AXES),
    ]
    print(f"| {name} | {' | '.join(f'{value:.2f}' for value in figures)} |", flush=True)


def print_annotated(options: argparse.Namespace, reconstructors: dict[str, a2p.Reconstructor]) -> None:
    """Prints 2D and 3D errors on hand_graph_cnn, whose hands are single and in plain view."""
    samples = HandGraphCnn(options.shared / "annotated" / "hand_graph_cnn")
    finder, reader = HandFinder(), NetworkReader(options.weights)
    rows: dict[str, list[Annotated]] = {"landmark model alone": [], "network alone": []}
    for index in range(len(samples)):
        sample = samples[index]
        seen = finder.find_hands(sample.pixels(), max_hands=1)[0]
        said = read_crops(reader, sample.pixels(), (seen,), (), _camera(sample))
        truth_2d, truth_3d = _truth(sample)
        rows["landmark model alone"].append(_errors(seen.keypoints_2d, seen.keypoints_3d, truth_2d, truth_3d))
        rows["network alone"].append(_errors(said.keypoints_2d[0], said.keypoints_3d[0], truth_2d, truth_3d))
        for name, reconstructor in reconstructors.items():
            for given, camera in (("given intrinsics", _camera(sample)), ("assumed camera", None)):
                result = reconstructor(sample.pixels(), camera=camera)
                if result.hands:
                    hand = result.hands[0]
                    errors = _errors(hand.keypoints_2d, hand.keypoints_3d, truth_2d, truth_3d)
                    rows.setdefault(f"{name}, {given}", []).append(errors)
    print("\n| hand_graph_cnn | found | 2D px | odd half | MPJPE mm, wrist-aligned | PA-MPJPE mm | odd half |")
    print("|---|---|---|---|---|---|---|")
    for name, errors in rows.items():
        flat, solid, aligned = (np.array([getattr(e, field) for e in errors]) for field in Annotated._fields)
        print(
            f"| {name} | {len(errors)} | {flat.mean():.2f} | {flat[1::2].mean():.2f} | {solid.mean():.2f} "
            f"| {aligned.mean():.2f} | {aligned[1::2].mean():.2f} |",
            flush=True,
        )


def _camera(sample: Sample) -> Camera:
    assert sample.camera is not None
    return sample.camera


def _truth(sample: Sample) -> tuple[torch.Tensor, torch.Tensor]:
    hand = sample.hands[0][1]
    assert hand.keypoints_3d is not None
    return hand.keypoints_2d, hand.keypoints_3d


def _errors(flat: torch.Tensor, solid: torch.Tensor, truth_2d: torch.Tensor, truth_3d: torch.Tensor) -> Annotated:
    about, true_about = solid - solid[:1], truth_3d - truth_3d[:1]
    return Annotated(
        float((flat - truth_2d).norm(dim=-1).mean()),
        1e3 * float((about - true_about).norm(dim=-1).mean()),
        1e3 * float((procrustes_aligned(solid.double(), truth_3d.double()) - truth_3d).norm(dim=-1).mean()),
    )


def print_interhand(options: argparse.Namespace, reconstructors: dict[str, a2p.Reconstructor]) -> None:
    """Prints the errors on InterHand2.6M's interacting frames, with boxes and camera given; writes overlays."""
    samples = InterHand26M(options.shared / "annotated" / "interhand2.6m", index_folder=options.out / "index")
    print("\n| InterHand2.6M | way | 2D px | MPJPE mm | MRRPE mm | PA-MPJPE mm |\n|---|---|---|---|---|---|")
    for index in range(len(samples)):
        sample = samples[index]
        if len(sample.hands) < 2:
            continue
        for name, reconstructor in reconstructors.items():
            result = reconstructor(sample.pixels(), boxes=sample.boxes, camera=sample.camera)
            result.overlay(aside=True).save(options.out / f"interhand-{sample.id}-{_slug(name)}.png")
            errors, wrists = [], []
            for hand, (_, labels) in zip(result.hands, sample.hands, strict=True):
                assert labels.keypoints_3d is not None
                known = labels.keypoints_3d_valid
                points, truth = hand.keypoints_3d[known], labels.keypoints_3d[known]
                errors.append(_errors(hand.keypoints_2d[known], points, labels.keypoints_2d[known], truth))
                wrists.append(hand.keypoints_3d[0] - labels.keypoints_3d[0])
            flat, solid, aligned = np.mean(errors, axis=0)
            apart = 1e3 * float((wrists[1] - wrists[0]).norm())
            print(f"| {sample.id} | {name} | {flat:.1f} | {solid:.1f} | {apart:.1f} | {aligned:.1f} |", flush=True)


def print_photos(options: argparse.Namespace, reconstructors: dict[str, a2p.Reconstructor]) -> None:
    """Prints which hands each way finds and how far from the seen keypoints they lie; writes overlays to look at."""
    with (options.shared / "photos" / "manifest.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    print("\n| photo | contact | way | hands (score, confidence) | true hands found | reprojection, % of diagonal |")
    print("|---|---|---|---|---|---|")
    sums: dict[tuple[str, bool], list[int]] = {}
    for row in rows:
        if options.contact and row["interacting"] != "yes":
            continue
        path = options.shared / "photos" / row["file"]
        for name, reconstructor in reconstructors.items():
            result = reconstructor(path)
            said = ", ".join(f"{h.handedness} {h.score:.2f} {h.confidence:.2f}" for h in result.hands)
            shares = ", ".join(f"{_share(hand):.2f}" for hand in result.hands)
            marks = "-"
            if row["file"] in PHOTOS:
                height, width = result.image.shape[:2]
                hits = found(path, _observations(result), width, height)
                marks = " ".join("ok" if right else "side" if at else "missed" for at, right in hits)
                total = sums.setdefault((name, PHOTOS[row["file"]].contact == "yes"), [0, 0, 0])
                for position, value in enumerate((len(hits), sum(at for at, _ in hits), sum(r for _, r in hits))):
                    total[position] += value
            print(f"| {row['file'][-40:]} | {row['interacting']} | {name} | {said} | {marks} | {shares} |", flush=True)
            result.overlay(aside=True).save(options.out / f"{path.stem}-{_slug(name)}.png")
    for (name, contact), (hands, at, right) in sums.items():
        print(f"\n{name}, {'contact' if contact else 'others'}: {at} of {hands} found, {right} with the right side")


def _observations(result: a2p.Reconstruction) -> tuple[HandObservation, ...]:
    return tuple(
        HandObservation(
            hand.handedness, hand.score, hand.box_xyxy_px, hand.keypoints_2d, torch.ones(21), hand.keypoints_3d
        )
        for hand in result.hands
    )


def _share(hand: a2p.Hand) -> float:
    extent = hand.keypoints_2d.amax(0) - hand.keypoints_2d.amin(0)
    return 100.0 * hand.reprojection_error_px / math.hypot(*extent.tolist())


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def print_speed(options: argparse.Namespace) -> None:
    """Prints parameters and milliseconds by stage for the packaged picture of two hands: the best of some runs."""
    picture = np.asarray(Image.open(Path(a2p.__file__).parent / "assets" / "example.jpg").convert("RGB"))
    reader = NetworkReader(options.weights)
    print("\n| stage 1's network | |\n|---|---|")
    print(f"| parameters | {reader.network.parameter_count():,} |")
    print(f"| parameters of teachers | {0 if reader.network.projection is None else 'some'} |")
    windows = HandWindows(torch.tensor([True, False]), torch.tensor([[0.0, 0.0, 99.0, 99.0]] * 2), ((0, 1),))
    crops = torch.rand(2, 3, reader.crop_px, reader.crop_px)
    camera = Camera.from_fov(640, 480, fov_deg=60.0)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        took = _best(lambda: reader(crops, windows, camera), options.repeat)
        print(f"| both hands of a picture, {threads} threads | {took:.1f} ms |")
    print(
        "\n| whole way | load | perception | alignment | plausibility | meshes | all, ms | pictures a second "
        "| in a batch |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, network in (("without network", False), ("with network", options.weights)):
        for refine in (False, True):
            reconstructor = a2p.Reconstructor(network=network, refine=refine)
            runs = [reconstructor(picture).timings_ms for _ in range(options.repeat)]
            stages = {stage: min(run[stage] for run in runs) for stage in runs[0]}
            total = min(sum(run.values()) for run in runs)
            cells = " | ".join(f"{value:.1f}" for value in stages.values())
            label = f"{name}, {'with' if refine else 'without'} plausibility"
            several = [picture] * _BATCH
            each = _best(lambda several=several, of=reconstructor: of.batch(several), options.repeat // 4) / _BATCH
            print(f"| {label} | {cells} | {total:.0f} | {1e3 / total:.1f} | {1e3 / each:.1f} |", flush=True)


def _best(call, repeat: int) -> float:  # type: ignore[no-untyped-def]
    times = []
    for _ in range(repeat + 2):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)


def main() -> None:
    """Reads the arguments and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--weights", type=Path, help="of the network; by default the packaged ones")
    parser.add_argument("--pairs", type=Path, help="held-out duet pairs, for the part held-out")
    parser.add_argument("--count", type=int, default=1000, help="held-out pictures for the network")
    parser.add_argument("--few", type=int, default=60, help="held-out pictures for the whole pipeline")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--contact", action="store_true", help="only photos of hands that touch")
    parser.add_argument("--repeat", type=int, default=15, help="runs of each timing")
    parser.add_argument("--out", type=Path, default=Path("out/alignment"), help="folder for overlays")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.weights is None:
        options.weights = Path(a2p.__file__).parent / "alignment" / "assets" / "alignment_compact.safetensors"
    reconstructors = {
        "without network": a2p.Reconstructor(network=False),
        "with network": a2p.Reconstructor(network=options.weights),
    }
    started = time.perf_counter()
    if "held-out" in options.only and options.pairs is not None:
        print_held_out(options, reconstructors)
    if "annotated" in options.only:
        print_annotated(options, reconstructors)
    if "interhand" in options.only:
        print_interhand(options, reconstructors)
    if "photos" in options.only:
        print_photos(options, reconstructors)
    if "speed" in options.only:
        print_speed(options)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
