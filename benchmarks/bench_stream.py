"""Stream against still: milliseconds a frame, jitter at rest, lag in motion.

    python -m benchmarks.bench_stream --frames 40

Frames are made of the packaged example: the same picture under fresh noise, and the picture moved by a constant step.
Jitter is the root mean square distance of the keypoints from their own mean over the frames; lag is how far the
keypoints trail those of the same hands at rest, over the step.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch
import tyro

import a2p
from a2p.perception import load_image
from a2p.pipeline import HandStream
from a2p.plausibility.refiner import DEFAULT_METHOD, RefineMethod
from a2p.tracking import TrackingConfig

Follow = Callable[[np.ndarray], a2p.Reconstruction]
Results = dict[str, list[a2p.Reconstruction]]
WARM_UP = 10
"""Frames left out: the first fit, and the filter's way to its place."""


@dataclass(frozen=True)
class Options:
    """What to measure."""

    frames: int = 40
    """Frames a case, beside the warm-up."""
    noise: float = 8.0
    """Standard deviation of the noise, in steps of 255."""
    step_px: float = 4.0
    """Motion a frame in the second case."""
    picture: Path | None = None
    """Picture of two hands in place of the packaged one, such as one of hands that touch."""
    refine: RefineMethod = DEFAULT_METHOD
    """How hands that penetrate are made plausible."""


def shown(picture: Path | None) -> np.ndarray:
    """Returns the pixels of a picture, by default of the packaged example."""
    return load_image(picture or (resources.files("a2p") / "assets" / "example.jpg").read_bytes()).pixels


def noisy(image: np.ndarray, sigma: float, draw: np.random.Generator) -> np.ndarray:
    """Returns the image under fresh noise."""
    return np.clip(image + draw.normal(0.0, sigma, image.shape), 0, 255).astype(np.uint8)


def moved(image: np.ndarray, shift_px: float) -> np.ndarray:
    """Returns the image moved to the right by whole pixels, its edge repeated."""
    columns = np.clip(np.arange(image.shape[1]) - round(shift_px), 0, image.shape[1] - 1)
    return np.ascontiguousarray(image[:, columns])


def followers(reconstructor: a2p.Reconstructor) -> dict[str, Follow]:
    """Returns what is compared, by name."""
    return {
        "still": reconstructor,
        "stream, no filter": HandStream(reconstructor, config=TrackingConfig(smoothing=None)),
        "stream": HandStream(reconstructor),
    }


def run(compared: dict[str, Follow], frames: Sequence[np.ndarray]) -> tuple[Results, dict[str, list[float]]]:
    """Returns the results and the times, ms, of the frames after the warm-up; all take turns, frame by frame."""
    results: Results = {name: [] for name in compared}
    times: dict[str, list[float]] = {name: [] for name in compared}
    for frame in frames:
        for name, follow in compared.items():
            start = time.perf_counter()
            results[name].append(follow(frame))
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: kept[WARM_UP:] for name, kept in results.items()}, {
        name: kept[WARM_UP:] for name, kept in times.items()
    }


def keypoints(results: Sequence[a2p.Reconstruction], kind: str) -> torch.Tensor:
    """Returns the keypoints of both hands in all frames that show both, (frames, 42, d)."""
    both = [(one.right, one.left) for one in results]
    return torch.stack(
        [torch.cat([getattr(right, kind), getattr(left, kind)]) for right, left in both if right and left]
    )


def jitter(points: torch.Tensor) -> float:
    """Returns the root mean square distance from the mean over the frames."""
    return float((points - points.mean(0)).square().sum(-1).mean().sqrt())


def main(options: Options) -> None:
    """Measures and prints one JSON row a case."""
    torch.set_num_threads(1)
    reconstructor = a2p.Reconstructor(refine=options.refine)
    image = shown(options.picture)
    draw = np.random.default_rng(0)
    count = options.frames + WARM_UP
    resting = [noisy(image, options.noise, draw) for _ in range(count)]
    start_px = -options.step_px * count / 2
    moving = [moved(image, start_px + options.step_px * index) for index in range(count)]
    results, times = run(followers(reconstructor), resting)
    in_motion, _ = run(followers(reconstructor), moving)
    first_px = start_px + WARM_UP * options.step_px
    at_rest = keypoints([reconstructor(image)], "keypoints_2d")[0]
    for name, kept in results.items():
        wrists = torch.stack([one.relative_translation for one in kept if one.relative_translation is not None])
        row = {
            "case": name,
            "frame_median_ms": round(statistics.median(times[name]), 1),
            "frame_p95_ms": round(float(np.percentile(times[name], 95)), 1),
            "jitter_px": round(jitter(keypoints(kept, "keypoints_2d")), 3),
            "jitter_mm": round(1e3 * jitter(keypoints(kept, "keypoints_3d")), 3),
            "jitter_between_wrists_mm": round(1e3 * jitter(wrists[:, None]), 3),
            "penetrated": sum(one.penetration_before.max_mm > 1 for one in kept),
            "lag_frames": round(lag(in_motion[name], options.step_px, first_px, at_rest), 2),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        }
        print(json.dumps(row), flush=True)


def lag(results: Sequence[a2p.Reconstruction], step_px: float, start_px: float, at_rest: torch.Tensor) -> float:
    """Returns by how many frames the keypoints trail where the picture moved them to."""
    lags = []
    for index, result in enumerate(results):
        if result.right and result.left:
            shift = round(start_px + step_px * index)
            behind = at_rest[:, 0] + shift - keypoints([result], "keypoints_2d")[0][:, 0]
            lags.append(float(behind.mean()) / step_px)
    return statistics.fmean(lags)


if __name__ == "__main__":
    main(tyro.cli(Options))
