"""Measures the errors that `a2p.alignment.combination.CombinationConfig` expects of the network.

    python -m benchmarks.calibrate_alignment [SHARED_FOLDER] --weights FILE --pairs HELD_OUT_PAIRS

On rendered pictures that no training run saw: the error of each keypoint against the square of its heat map's spread,
that of relative points against the hand's mean spread, and that of the depth between two wrists against the spread of
both; each a line by least squares. On hand_graph_cnn's real hands, which are in plain view, as a check: the same error,
and how far the network's error and the landmark model's are correlated.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from a2p.aligner import read_crops
from a2p.alignment.reading import NetworkReader
from a2p.alignment.weights import load_alignment
from a2p.data.hand_graph_cnn import HandGraphCnn
from a2p.perception import HandFinder
from benchmarks.alignment_held_out import held_out_pictures, network_errors

LEAST_ERROR, LEAST_ERROR_M = 0.02, 0.005
"""No keypoint is surer than this, in hand sizes; no relative point, in m."""
SIGMA_OF_MEAN = 1.2533
"""Standard deviation of a normal error whose mean size is 1."""


def line(x: np.ndarray, y: np.ndarray, *, least: float) -> tuple[float, float]:
    """Returns offset and slope of the least-squares line whose offset is not below `least`."""
    slope, offset = np.polyfit(x, y, 1)
    if offset < least:
        offset, slope = least, float((x * (y - least)).sum() / np.square(x).sum())
    return float(offset), float(slope)


def print_quintiles(name: str, x: np.ndarray, y: np.ndarray, offset: float, slope: float) -> None:
    """Prints, for fifths of the spread, the error expected and the error found."""
    edges = np.quantile(x, np.linspace(0, 1, 6))
    for low, high in itertools.pairwise(edges):
        chosen = (x >= low) & (x <= high)
        expected = offset + slope * x[chosen].mean()
        print(f"| {name} | {low:.3f} to {high:.3f} | {expected:.4f} | {y[chosen].mean():.4f} |")


class RealHands(NamedTuple):
    """Of each keypoint of hand_graph_cnn, in sizes of the hand."""

    spread: np.ndarray
    network: np.ndarray
    """The network's error: (n, 2)."""
    landmarks: np.ndarray
    """The landmark model's."""

    @property
    def correlation(self) -> float:
        """Of the two errors, as `CombinationConfig.correlation` means it."""
        sizes = np.square(self.network).sum() * np.square(self.landmarks).sum()
        return float((self.network * self.landmarks).sum() / np.sqrt(sizes))


def real_hands(weights: Path, folder: Path) -> RealHands:
    """Returns what both models get wrong on hand_graph_cnn."""
    samples, finder, reader = HandGraphCnn(folder), HandFinder(), NetworkReader(weights)
    rows = []
    for index in range(len(samples)):
        sample = samples[index]
        assert sample.camera is not None
        seen = finder.find_hands(sample.pixels(), max_hands=1)
        said = read_crops(reader, sample.pixels(), seen, (), sample.camera)
        truth = sample.hands[0][1].keypoints_2d
        size = float((truth.amax(0) - truth.amin(0)).max())
        places = (said.keypoints_2d[0], seen[0].keypoints_2d)
        rows.append((said.spread[0].numpy(), *((place - truth).numpy() / size for place in places)))
    return RealHands(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def main() -> None:
    """Reads the arguments and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500, help="pictures of hands that touch, and as many of others")
    options = parser.parse_args()
    network = load_alignment(options.weights)
    parts = [
        network_errors(network, held_out_pictures(options.pairs, size_px=192, contact=contact), options.count)
        for contact in (1.0, 0.0)
    ]
    known = torch.cat([part.known for part in parts])
    spread, flat, solid = (
        torch.cat([getattr(part, name) for part in parts])[known].numpy()
        for name in ("spread", "flat", "relative_3d_m")
    )
    squared = np.square(spread)
    offset, slope = line(squared.ravel(), flat.ravel(), least=LEAST_ERROR)
    solid_offset, solid_slope = line(spread.mean(1), solid.mean(1), least=LEAST_ERROR_M)
    print(f"spread_offset {offset:.4f}, spread_curve {slope:.3f} (hand sizes; CombinationConfig has 1.3 times or so)")
    print(f"network_3d_m {solid_offset:.4f}, network_3d_slope_m {solid_slope:.4f}")
    depth = torch.cat([part.depth_m for part in parts])
    both = torch.cat([part.spread.mean((1, 2)) for part in parts])
    told = depth.isfinite()
    depth_offset, depth_slope = line(both[told].numpy(), SIGMA_OF_MEAN * depth[told].numpy(), least=LEAST_ERROR_M)
    print(f"network_depth_m {depth_offset:.4f}, network_depth_slope_m {depth_slope:.4f}\n")
    print("| what | spread (2D: its square) | expected | found |\n|---|---|---|---|")
    print_quintiles("rendered, 2D", squared.ravel(), flat.ravel(), offset, slope)
    print_quintiles("rendered, 3D (m)", spread.mean(1), solid.mean(1), solid_offset, solid_slope)
    sized = SIGMA_OF_MEAN * depth[told].numpy()
    print_quintiles("rendered, depth between wrists (m)", both[told].numpy(), sized, depth_offset, depth_slope)
    real = real_hands(options.weights, options.shared / "annotated" / "hand_graph_cnn")
    print_quintiles("hand_graph_cnn, 2D", np.square(real.spread), np.linalg.norm(real.network, axis=-1), offset, slope)
    print(f"\ncorrelation of the network's and the landmark model's errors there: {real.correlation:.2f}")


if __name__ == "__main__":
    main()
