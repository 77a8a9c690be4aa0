"""Measures perception on the shared photos and on hand_graph_cnn, and prints the figures as Markdown tables.

    python -m benchmarks.eval_perception [SHARED_FOLDER] [--draw FOLDER] [--detector WEIGHTS]

The folder holds photos that may not be redistributed; it is looked for beside the repository.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from tests.perception.photo_truth import PHOTOS, found

from a2p.detection.detector import CentreDetector
from a2p.perception import HandFinder, HandObservation, load_image
from a2p.perception.observation import ERROR_AT_FULL_CONFIDENCE

_FINGERS = [(0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (5, 9, 10, 11, 12), (9, 13, 14, 15, 16), (13, 17, 18, 19, 20), (0, 17)]
_COLOURS = {"right": (255, 60, 60), "left": (60, 120, 255)}


def evaluate_photos(finder: HandFinder, folder: Path, draw: Path | None) -> None:
    """Prints, for each photo, which hands were found, and the sums that the targets name."""
    rows, times = [], []
    sums = {contact: [0, 0, 0] for contact in ("no", "near", "yes")}
    both = 0
    for name, truth in PHOTOS.items():
        image = load_image(folder / name)
        start = time.perf_counter()
        hands = finder.find_hands(image.pixels)
        times.append(1e3 * (time.perf_counter() - start))
        hits = found(folder / name, hands, image.width, image.height)
        sums[truth.contact][0] += len(hits)
        sums[truth.contact][1] += sum(at for at, _ in hits)
        sums[truth.contact][2] += sum(right for _, right in hits)
        both += truth.contact == "yes" and all(at for at, _ in hits)
        extra = len(hands) - sum(at for at, _ in hits)
        marks = " ".join(
            f"{hand.handedness}:{'ok' if right else 'wrong side' if at else 'MISSED'}"
            for hand, (at, right) in zip(truth.hands, hits, strict=True)
        )
        said = " ".join(f"{hand.handedness} {hand.score:.2f}" for hand in hands)
        rows.append(f"| {name[:48]} | {truth.contact} | {marks} | {said} | {extra} | {times[-1]:.0f} |")
        if draw is not None:
            drawn(image.pixels, hands).save(draw / f"{Path(name).stem}.png")
    print("| photo | contact | true hands | said | elsewhere | ms |\n|---|---|---|---|---|---|")
    print("\n".join(rows))
    print("\n| contact | hands | found | with the right handedness | share |\n|---|---|---|---|---|")
    no_near = [sum(pair) for pair in zip(sums["no"], sums["near"], strict=True)]
    for contact, (total, at, right) in {**sums, "no and near": no_near}.items():
        print(f"| {contact} | {total} | {at} | {right} | {right / total:.3f} |")
    touching = sum(truth.contact == "yes" for truth in PHOTOS.values())
    print(f"\nboth hands found with contact: {both} of {touching}; median {statistics.median(times):.0f} ms a photo\n")


def evaluate_annotated(finder: HandFinder, folder: Path) -> None:
    """Prints found, mean 2D error and the error by confidence on hand_graph_cnn."""
    errors, expectations, times, sides, extra = [], [], [], 0, 0
    samples = json.loads((folder / "joints.json").read_text())["samples"]
    for sample in samples:
        image = load_image(folder / sample["file"])
        joints = np.array(sample["joints_camera_m"])
        fx, fy, cx, cy = sample["fx_fy_cx_cy"]
        truth = joints[:, :2] / joints[:, 2:] * (fx, fy) + (cx, cy)
        start = time.perf_counter()
        hands = finder.find_hands(image.pixels, max_hands=1)
        times.append(1e3 * (time.perf_counter() - start))
        extra += len(finder.find_hands(image.pixels)) > 1
        if hands:
            errors.append(np.linalg.norm(hands[0].keypoints_2d.numpy() - truth, axis=-1))
            expected = ERROR_AT_FULL_CONFIDENCE * np.ptp(hands[0].keypoints_2d.numpy(), axis=0).max()
            expectations.append(expected / hands[0].keypoint_confidence.numpy())
            sides += hands[0].handedness == "left"
    error, expectation = np.array(errors), np.array(expectations)
    print("| hand_graph_cnn | found | said left | with a second hand | mean 2D error px | median | 95 % | median ms |")
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {len(samples)} photos | {len(errors)} | {sides} | {extra} | {error.mean():.3f} | {np.median(error):.2f} "
        f"| {np.percentile(error, 95):.2f} | {statistics.median(times):.0f} |\n"
    )
    print("| expected error by confidence, px | mean 2D error px |\n|---|---|")
    edges = np.quantile(expectation, np.linspace(0, 1, 6))
    for low, high in itertools.pairwise(edges):
        chosen = (expectation >= low) & (expectation <= high)
        print(f"| {low:.1f} to {high:.1f} | {error[chosen].mean():.2f} |")
    print("\nmean error by keypoint, px:", " ".join(f"{value:.1f}" for value in error.mean(axis=0)))


def drawn(pixels: np.ndarray, hands: tuple[HandObservation, ...]) -> Image.Image:
    """Returns a photo with the hands' keypoints drawn on it, thumbs green."""
    picture = Image.fromarray(pixels)
    picture = picture.resize((picture.width * 700 // max(picture.size), picture.height * 700 // max(picture.size)))
    scale = picture.width / pixels.shape[1]
    pen = ImageDraw.Draw(picture)
    for hand in hands:
        points = hand.keypoints_2d.numpy() * scale
        for index, chain in enumerate(_FINGERS):
            colour = (0, 220, 0) if index == 0 else _COLOURS[hand.handedness]
            pen.line([tuple(points[joint]) for joint in chain], fill=colour, width=2)
        for x, y in points:
            pen.ellipse([x - 2, y - 2, x + 2, y + 2], outline="yellow")
    return picture


def main() -> None:
    """Reads the arguments and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", nargs="?", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--draw", type=Path, help="write every photo with its keypoints into this folder")
    parser.add_argument("--detector", type=Path, help="weights of the detection network, instead of the palm detector")
    arguments = parser.parse_args()
    if arguments.draw is not None:
        arguments.draw.mkdir(parents=True, exist_ok=True)
    detector = None if arguments.detector is None else CentreDetector(arguments.detector)
    finder = HandFinder(detector=detector)
    evaluate_photos(finder, arguments.shared / "photos", arguments.draw)
    evaluate_annotated(finder, arguments.shared / "annotated" / "hand_graph_cnn")


if __name__ == "__main__":
    main()
