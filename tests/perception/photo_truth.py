"""What hands the shared photos show, judged by eye: facts to compare with, the photos themselves are not here.

Boxes and wrists are fractions of the image's width and height, good to about 0.03. Handedness is what the picture
shows (two of the selfies are mirrored). `?` where it cannot be told. Only the two most prominent hands are listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2p.perception import HandObservation


@dataclass(frozen=True)
class TrueHand:
    """One hand that a person sees in a photo."""

    handedness: str
    box: tuple[float, float, float, float]
    wrist: tuple[float, float]

    def is_at(self, hand: HandObservation, width: int, height: int) -> bool:
        """Says whether a hand's keypoints lie on this hand: most in its box, the wrist at the wrist."""
        size = np.array([width, height])
        low, high = np.array(self.box[:2]) * size, np.array(self.box[2:]) * size
        margin = 0.1 * (high - low)
        points = hand.keypoints_2d.numpy()
        inside = np.all((points >= low - margin) & (points <= high + margin), axis=-1).mean()
        extent = np.linalg.norm(np.ptp(points, axis=0)) / np.linalg.norm(high - low)
        off = np.linalg.norm(points[0] - np.array(self.wrist) * size) / np.linalg.norm(high - low)
        return bool(inside >= 0.75 and 0.5 < extent < 1.5 and off < 0.25)


@dataclass(frozen=True)
class PhotoTruth:
    """The hands of one photo and whether they touch: "no", "near" or "yes"."""

    contact: str
    hands: tuple[TrueHand, ...]


def _hand(handedness: str, x0: float, y0: float, x1: float, y1: float, x: float, y: float) -> TrueHand:
    return TrueHand(handedness, (x0, y0, x1, y1), (x, y))


R, L = "right", "left"
PHOTOS = {
    "Dw1010__IntagHand__1.jpg": PhotoTruth(
        "yes", (_hand(R, 0.22, 0.32, 0.73, 0.73, 0.27, 0.61), _hand(L, 0.55, 0.36, 0.98, 0.75, 0.91, 0.70))
    ),
    "ZhengdiYu__Arbitrary-Hands-3D-Reconstruction__magic.jpg": PhotoTruth(
        "no", (_hand(L, 0.51, 0.29, 0.78, 0.65, 0.545, 0.43),)
    ),
    "cansik__yolo-hand-detection__cathryn-lavery-fMD_Cru6OTk-unsplash.jpg": PhotoTruth(
        "near", (_hand(L, 0.22, 0.54, 0.46, 0.93, 0.29, 0.92), _hand(R, 0.53, 0.46, 0.75, 0.78, 0.71, 0.75))
    ),
    "facebookresearch__InterWild__demo1_lefthalf.png": PhotoTruth(
        "yes", (_hand(R, 0.20, 0.27, 0.74, 0.70, 0.21, 0.49), _hand(L, 0.27, 0.27, 0.86, 0.70, 0.85, 0.52))
    ),
    "facebookresearch__InterWild__demo3_lefthalf.png": PhotoTruth(
        "yes", (_hand(R, 0.29, 0.47, 0.82, 0.88, 0.38, 0.80), _hand(L, 0.33, 0.47, 0.85, 0.88, 0.75, 0.78))
    ),
    "facebookresearch__InterWild__demo5_lefthalf.png": PhotoTruth(
        "yes", (_hand(R, 0.20, 0.60, 0.70, 0.95, 0.23, 0.81), _hand(L, 0.27, 0.60, 0.80, 0.95, 0.77, 0.80))
    ),
    "geopavlakos__hamer__test1.jpg": PhotoTruth(
        "near", (_hand(R, 0.30, 0.27, 0.46, 0.62, 0.40, 0.59), _hand(R, 0.47, 0.50, 0.60, 0.76, 0.585, 0.70))
    ),
    "geopavlakos__hamer__test3.jpg": PhotoTruth(
        "yes", (_hand(R, 0.33, 0.30, 0.58, 0.80, 0.36, 0.55), _hand(L, 0.33, 0.28, 0.60, 0.66, 0.56, 0.60))
    ),
    "open-mmlab__mmpose__image69148.jpg": PhotoTruth(
        "yes", (_hand(R, 0.13, 0.33, 0.63, 0.62, 0.15, 0.47), _hand(L, 0.27, 0.33, 0.64, 0.64, 0.58, 0.51))
    ),
    "google-ai-edge__mediapipe-samples__test_image.jpg": PhotoTruth(
        "yes", (_hand(R, 0.20, 0.18, 0.52, 0.90, 0.50, 0.69), _hand("?", 0.09, 0.13, 0.40, 0.78, 0.39, 0.50))
    ),
    "vladmandic__human__person-christina.jpg": PhotoTruth(
        "yes", (_hand(L, 0.37, 0.69, 0.53, 0.90, 0.46, 0.72), _hand(R, 0.37, 0.70, 0.55, 0.92, 0.405, 0.75))
    ),
    "vladmandic__human__person-tasia.jpg": PhotoTruth(
        "near", (_hand(L, 0.40, 0.48, 0.57, 0.80, 0.52, 0.77), _hand(R, 0.05, 0.84, 0.26, 1.02, 0.13, 0.97))
    ),
    "microsoft__MeshGraphormer__freihand_sample1.jpg": PhotoTruth(
        "no", (_hand(R, 0.25, 0.30, 0.77, 0.78, 0.30, 0.60),)
    ),
    "microsoft__MeshGraphormer__freihand_sample2.jpg": PhotoTruth(
        "no", (_hand(R, 0.32, 0.22, 0.70, 0.80, 0.48, 0.73),)
    ),
    "microsoft__MeshGraphormer__freihand_sample3.jpg": PhotoTruth(
        "no", (_hand(R, 0.28, 0.24, 0.82, 0.76, 0.35, 0.70),)
    ),
    "tensorflow__tfjs-models__hands.jpg": PhotoTruth(
        "no", (_hand(L, 0.08, 0.02, 0.48, 0.95, 0.19, 0.90), _hand(L, 0.52, 0.0, 0.93, 1.0, 0.80, 0.10))
    ),
    "tensorflow__tfjs-models__three_people.jpg": PhotoTruth("no", (_hand(L, 0.51, 0.0, 0.62, 0.14, 0.55, 0.10),)),
    "google-ai-edge__mediapipe-samples__hand_thumb_up.jpg": PhotoTruth(
        "no", (_hand(L, 0.25, 0.10, 0.63, 0.80, 0.28, 0.71),)
    ),
    "google-ai-edge__mediapipe__044768ad-1709-44ba-b041-c2f8cbe4c166.jpg": PhotoTruth(
        "no", (_hand(L, 0.48, 0.37, 0.77, 0.55, 0.73, 0.48),)
    ),
    "google-ai-edge__mediapipe__07fdea90-1102-4419-a3af-b394cb29531b.jpg": PhotoTruth(
        "no", (_hand(L, 0.64, 0.35, 0.84, 0.55, 0.72, 0.53),)
    ),
    "google-ai-edge__mediapipe__15a73593-b13e-4a1b-99bb-51775cfdfc42.jpg": PhotoTruth(
        "no", (_hand(L, 0.57, 0.45, 0.79, 0.70, 0.66, 0.65),)
    ),
    "google-ai-edge__mediapipe__1f5fb137-c7a9-435b-85dd-6d7b63ea233a.jpg": PhotoTruth(
        "no", (_hand(R, 0.29, 0.42, 0.54, 0.60, 0.325, 0.58),)
    ),
    "svenflow__micro-handpose__hand_nikhil.jpg": PhotoTruth("no", (_hand(R, 0.15, 0.13, 0.95, 0.95, 0.48, 0.78),)),
    "svenflow__micro-handpose__hand_07.jpg": PhotoTruth("no", (_hand(L, 0.35, 0.30, 0.67, 0.80, 0.46, 0.75),)),
    "vladmandic__human__stock-emotions-a-1.jpg": PhotoTruth(
        "no", (_hand(R, 0.10, 0.03, 0.42, 0.45, 0.19, 0.33), _hand(L, 0.58, 0.03, 0.90, 0.45, 0.82, 0.31))
    ),
    "vladmandic__human__stock-emotions-b-5.jpg": PhotoTruth("no", (_hand(R, 0.30, 0.30, 0.50, 0.63, 0.47, 0.57),)),
    "victordibia__handtracking__test_image.jpeg": PhotoTruth(
        "no", (_hand(R, 0.10, 0.50, 0.24, 0.75, 0.19, 0.66), _hand(L, 0.35, 0.49, 0.55, 0.72, 0.51, 0.64))
    ),
}
"""Every photo of the shared folder whose hands hold nothing and belong to few people."""


def found(photo: Path, hands: tuple[HandObservation, ...], width: int, height: int) -> list[tuple[bool, bool]]:
    """Returns for each true hand whether one is at its place, and whether that one's handedness is right too.

    Each found hand counts for one true hand only; a pair that could be either way round is matched the better way.
    """
    truth = PHOTOS[photo.name].hands
    options = []
    for order in {tuple(range(len(truth))), tuple(range(len(truth)))[::-1]}:
        free = list(hands)
        score: dict[int, tuple[bool, bool]] = {}
        for index in order:
            at = [hand for hand in free if truth[index].is_at(hand, width, height)]
            right = [hand for hand in at if truth[index].handedness in ("?", hand.handedness)]
            for hand in (right or at)[:1]:
                free = [other for other in free if other is not hand]
            score[index] = (bool(at), bool(right))
        options.append([score[index] for index in range(len(truth))])
    return max(options, key=lambda option: (sum(at and right for at, right in option), sum(at for at, _ in option)))
