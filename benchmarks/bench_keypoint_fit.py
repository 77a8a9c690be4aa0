"""The keypoint fit in native code against its definition in PyTorch, one thread, all in one run.

`python -m pytest benchmarks/bench_keypoint_fit.py` gives pytest-benchmark's table; `python -m
benchmarks.bench_keypoint_fit` prints times and ratios.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
import torch
from tests.alignment.scenes import CAMERA, random_hands, scene_of

from a2p.alignment.keypoint_fit import KeypointFit, KeypointFitResult
from a2p.alignment.keypoint_observations import KeypointObservations
from a2p.bench.timing import take_turns
from a2p.hand import HandModel
from a2p.native import core

BACKENDS = ("cpu", "reference")
PAIR_COUNTS = (1, 32)


@cache
def fitter(backend: str) -> KeypointFit:
    """Returns the fit of the open hands."""
    return KeypointFit(HandModel.load("open"), HandModel.load("open", side="left"), backend=backend)


def seen(pair_count: int) -> KeypointObservations:
    """Returns right and left hands of so many people, with 4 px of noise."""
    scenes = []
    for side in ("right", "left"):
        model = HandModel.load("open", side="right" if side == "right" else "left").double()
        hands = random_hands(model, pair_count, seed=0)
        scenes.append(scene_of(model, hands, noise_px=4.0, seed=0).observations)
    right, left = scenes
    assert right.keypoints_3d is not None
    assert left.keypoints_3d is not None
    return KeypointObservations(
        is_right=torch.cat([right.is_right, left.is_right]),
        keypoints_2d=torch.cat([right.keypoints_2d, left.keypoints_2d]),
        confidence=torch.cat([right.confidence, left.confidence]),
        keypoints_3d=torch.cat([right.keypoints_3d, left.keypoints_3d]),
        pairs=tuple((pair, pair_count + pair) for pair in range(pair_count)),
    )


def photo(backend: str, pair_count: int) -> Callable[[], KeypointFitResult]:
    """Returns a fit from all starts."""
    return partial(fitter(backend).fit, seen(pair_count), CAMERA)


def frame(backend: str, pair_count: int) -> Callable[[], KeypointFitResult]:
    """Returns a fit that goes on from a fit to the same hands, as in a stream that stands still."""
    start = photo("cpu", pair_count)().state
    return partial(fitter(backend).fit, seen(pair_count), CAMERA, start=start)


@pytest.mark.parametrize("pair_count", PAIR_COUNTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_photo(benchmark: Any, backend: str, pair_count: int) -> None:
    """Times a fit from all starts."""
    benchmark(photo(backend, pair_count))


@pytest.mark.parametrize("backend", BACKENDS)
def test_frame(benchmark: Any, backend: str) -> None:
    """Times a fit to a stream's next frame."""
    benchmark(frame(backend, 1))


def main() -> None:
    """Prints one line a case."""
    torch.set_num_threads(1)
    core.set_thread_count(1)
    cases = {"photo, one pair": (photo, 1), "stream's frame, one pair": (frame, 1), "photos, 32 pairs": (photo, 32)}
    for name, (make, pair_count) in cases.items():
        calls: dict[str, Callable[[], object]] = {backend: make(backend, pair_count) for backend in BACKENDS}
        functions = {backend: lambda _, call=call: call() for backend, call in calls.items()}
        with torch.no_grad():
            turns = take_turns(functions, rounds=20, budget_s=8)
        native, reference = (turns[backend].median_ms for backend in BACKENDS)
        print(f"{name}: native {native:.2f} ms, reference {reference:.1f} ms, {reference / native:.1f} x")


if __name__ == "__main__":
    main()
