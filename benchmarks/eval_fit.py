"""Measures the keypoint fit on the shared photos and on hand_graph_cnn, and prints the figures as Markdown tables.

    python -m benchmarks.eval_fit [SHARED_FOLDER] [--draw FOLDER]

The folder holds photos that may not be redistributed; it is looked for beside the repository. The keypoint regressor's
numbers were calibrated on the even half of hand_graph_cnn: the odd half is the honest one.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from a2p.alignment import KeypointFit, KeypointFitResult, KeypointObservations
from a2p.camera import Camera
from a2p.hand import HandModel
from a2p.hand.keypoints import PARENT_OF_KEYPOINT
from a2p.perception import HandFinder, HandObservation, intrinsics_for, load_image


@dataclass(frozen=True)
class Annotated:
    """One photo of one hand, with its truth and what perception says."""

    pixels: np.ndarray
    seen: HandObservation | None
    camera: Camera
    guessed_camera: Camera
    joints: np.ndarray
    """(21, 3) m, camera frame."""

    @property
    def truth_2d(self) -> np.ndarray:
        """Returns the joints' pixels."""
        camera = np.array([[self.camera.fx, self.camera.fy], [self.camera.cx, self.camera.cy]])
        return self.joints[:, :2] / self.joints[:, 2:] * camera[0] + camera[1]


def annotated_hands(finder: HandFinder, folder: Path) -> list[Annotated]:
    """Returns hand_graph_cnn's photos with the likeliest hand found in each."""
    hands = []
    for sample in json.loads((folder / "joints.json").read_text())["samples"]:
        image = load_image(folder / sample["file"])
        found = finder.find_hands(image.pixels, max_hands=1)
        hands.append(
            Annotated(
                pixels=image.pixels,
                seen=found[0] if found else None,
                camera=Camera(*sample["fx_fy_cx_cy"]),
                guessed_camera=intrinsics_for(image).camera,
                joints=np.array(sample["joints_camera_m"]),
            )
        )
    return hands


def observations_of(hands: tuple[HandObservation, ...]) -> KeypointObservations:
    """Returns what the fit reads; a left and a right hand count as one person's."""
    sides = [hand.handedness for hand in hands]
    pair = ((sides.index("right"), sides.index("left")),) if sorted(sides) == ["left", "right"] else ()
    return KeypointObservations(
        is_right=torch.tensor([side == "right" for side in sides]),
        keypoints_2d=torch.stack([hand.keypoints_2d for hand in hands]),
        confidence=torch.stack([hand.keypoint_confidence for hand in hands]),
        keypoints_3d=torch.stack([hand.keypoints_3d for hand in hands]),
        pairs=pair,
    )


def procrustes_error_mm(points: np.ndarray, truth: np.ndarray) -> float:
    """Returns the mean distance after the similarity that aligns the points best (PA-MPJPE)."""
    centred, target = points - points.mean(0), truth - truth.mean(0)
    left, values, right = np.linalg.svd(centred.T @ target)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    scale = (values * signs).sum() / (centred**2).sum()
    return float(1e3 * np.linalg.norm(scale * centred @ (left * signs) @ right - target, axis=1).mean())


def measure(hand: Annotated, points_2d: np.ndarray, points_3d: np.ndarray) -> tuple[float, float, float, float]:
    """Returns 2D error (px), PA-MPJPE, MPJPE after wrist alignment and the wrist's depth error (mm)."""
    about_wrist = (points_3d - points_3d[0]) - (hand.joints - hand.joints[0])
    return (
        float(np.linalg.norm(points_2d - hand.truth_2d, axis=1).mean()),
        procrustes_error_mm(points_3d, hand.joints),
        float(1e3 * np.linalg.norm(about_wrist, axis=1).mean()),
        float(1e3 * (points_3d[0, 2] - hand.joints[0, 2])),
    )


def evaluate_annotated(fit: KeypointFit, hands: list[Annotated]) -> None:
    """Prints one row for each half and kind of camera."""
    found = [(index, hand) for index, hand in enumerate(hands) if hand.seen is not None]
    print(f"hand_graph_cnn: found {len(found)} of {len(hands)}\n")
    print("| half | what | 2D px | PA-MPJPE mm | MPJPE mm | depth error mm, median | depth bias mm | reprojection % |")
    print("|---|---|---|---|---|---|---|---|")
    tables: dict[str, list[tuple[float, ...]]] = {
        "landmark model alone": [],
        "given intrinsics": [],
        "guessed camera": [],
    }
    for _, hand in found:
        assert hand.seen is not None
        seen = hand.seen.keypoints_2d.double().numpy(), hand.seen.keypoints_3d.double().numpy()
        tables["landmark model alone"].append((*measure(hand, *seen), 0.0))
        for name, camera in (("given intrinsics", hand.camera), ("guessed camera", hand.guessed_camera)):
            result = fit.fit(observations_of((hand.seen,)), camera)
            points = result.keypoints_2d[0].double().numpy(), result.keypoints_3d[0].double().numpy()
            tables[name].append((*measure(hand, *points), 100 * float(result.reprojection_share[0])))
    index = np.array([at for at, _ in found])
    for half, chosen in (("all", index >= 0), ("even", index % 2 == 0), ("odd", index % 2 == 1)):
        for name, rows in tables.items():
            row = np.array(rows)[chosen]
            mean, depth = row.mean(0), np.median(np.abs(row[:, 3]))
            alone = name == "landmark model alone"
            rest = "- | - | - | -" if alone else f"{mean[2]:.1f} | {depth:.1f} | {mean[3]:.1f} | {mean[4]:.2f}"
            print(f"| {half} | {name} | {mean[0]:.2f} | {mean[1]:.2f} | {rest} |")


def evaluate_photos(fit: KeypointFit, finder: HandFinder, folder: Path, draw: Path | None) -> None:
    """Prints every hand's reprojection error on the photos."""
    print("\n| photo | hand | score | reprojection % | confidence | depth m | ms a photo | warnings |")
    print("|---|---|---|---|---|---|---|---|")
    shares, times = [], []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png")):
        image = load_image(path)
        hands = finder.find_hands(image.pixels)
        if not hands:
            continue
        start = time.process_time()
        result = fit.fit(observations_of(hands), intrinsics_for(image).camera)
        times.append(1e3 * (time.process_time() - start))
        for k, hand in enumerate(hands):
            shares.append(100 * float(result.reprojection_share[k]))
            said = "; ".join(text for text in result.warnings if text.startswith(f"hand {k}:"))
            print(
                f"| {path.name[:44]} | {hand.handedness} | {hand.score:.2f} | {shares[-1]:.2f} | "
                f"{float(result.confidence[k]):.2f} | {float(result.keypoints_3d[k, 0, 2]):.2f} | "
                f"{times[-1]:.0f} | {said} |"
            )
        if draw is not None:
            drawn(image.pixels, hands, result).save(draw / f"{path.stem}.png")
    above = sum(share > 1.5 for share in shares)
    print(f"\nreprojection, share of the hand's diagonal: mean {np.mean(shares):.2f} %, worst {max(shares):.2f} %;")
    print(f"{above} of {len(shares)} hands above 1.5 %;")
    print(f"median {np.median(times):.0f} ms of processor time a photo")


def drawn(pixels: np.ndarray, hands: tuple[HandObservation, ...], result: KeypointFitResult) -> Image.Image:
    """Returns the photo with detected keypoints (dots) and fitted skeletons (lines)."""
    picture = Image.fromarray(pixels)
    scale = max(1.0, 900 / max(picture.size))
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    pen = ImageDraw.Draw(picture)
    for k, hand in enumerate(hands):
        fitted = (scale * result.keypoints_2d[k]).tolist()
        for child, parent in enumerate(PARENT_OF_KEYPOINT):
            if parent >= 0:
                pen.line(
                    [*fitted[parent], *fitted[child]],
                    fill=(255, 80, 60) if hand.handedness == "right" else (60, 140, 255),
                    width=3,
                )
        for x, y in (scale * hand.keypoints_2d).tolist():
            pen.ellipse([x - 3, y - 3, x + 3, y + 3], fill=(255, 255, 80))
    return picture


def main() -> None:
    """Runs both evaluations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", nargs="?", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--draw", type=Path)
    arguments = parser.parse_args()
    if arguments.draw is not None:
        arguments.draw.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    finder = HandFinder()
    fit = KeypointFit(HandModel.load("open"), HandModel.load("open", side="left"))
    evaluate_annotated(fit, annotated_hands(finder, arguments.shared / "annotated" / "hand_graph_cnn"))
    evaluate_photos(fit, finder, arguments.shared / "photos", arguments.draw)


if __name__ == "__main__":
    main()
