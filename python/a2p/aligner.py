"""Stage 1 as a whole: an image goes in, hands that look like those in the image come out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np
import torch
from torch import Tensor

from a2p.abandonment import raise_if_abandoned
from a2p.alignment.combination import combined
from a2p.alignment.keypoint_fit import KeypointFit, KeypointFitResult
from a2p.alignment.keypoint_observations import KeypointObservations
from a2p.alignment.reading import HandWindows, NetworkHands, NetworkReader
from a2p.camera import Camera
from a2p.errors import ConfigError
from a2p.hand import HandPair, HandParameters
from a2p.perception.crop import Crop, sample
from a2p.perception.detector import Detector, HandBox
from a2p.perception.finder import HandFinder
from a2p.perception.image import ImageInput, Pixels, load_image
from a2p.perception.intrinsics import DEFAULT_FOV_DEG, Intrinsics, intrinsics_for
from a2p.perception.observation import HandObservation
from a2p.perception.outline import keypoints_box
from a2p.threads import one_torch_thread
from a2p.tracking import StreamMemory


@dataclass(frozen=True)
class AlignedHands:
    """What stage 1 makes of a picture. The hands may pass through each other."""

    pixels: Pixels
    intrinsics: Intrinsics
    seen: tuple[HandObservation, ...]
    """What is known of each hand in the image, by perception and, where it was asked, the network."""
    pairs: tuple[tuple[int, int], ...]
    """The (right, left) hands that may be one person's."""
    fit: KeypointFitResult
    parameters: tuple[HandParameters, ...]
    """Of each hand: the fit's, in a stream with less jitter."""
    timings_ms: dict[str, float]
    track_ids: tuple[int, ...] | None = None
    """Which hand of its stream each one is; None for a picture by itself."""


class Aligner:
    """Finds the hands of an image and poses each as the image shows it."""

    def __init__(
        self,
        models: HandPair,
        *,
        max_hands: int = 2,
        detector: Detector | None = None,
        fov_deg: float | None = None,
        network: bool | str | PathLike[str] = True,
    ) -> None:
        """Loads the models; the arguments are those of `Reconstructor`."""
        if max_hands < 1:
            raise ConfigError(f"max_hands must be at least 1; got {max_hands}. Two suit one person.")
        self.fov_deg = DEFAULT_FOV_DEG if fov_deg is None else fov_deg
        Camera.from_fov(1, 1, fov_deg=self.fov_deg)  # raises for an impossible angle
        self.max_hands = max_hands
        self._finder = HandFinder(detector=detector, thorough=network is False)
        self._fit = KeypointFit(models.right, models.left)
        self._network = None if network is False else NetworkReader(None if network is True else network)

    def __call__(
        self, image: ImageInput, *, boxes: Sequence[HandBox] | None = None, camera: Camera | None = None
    ) -> AlignedHands:
        """Returns the hands in an image, found or in the boxes that are given."""
        return self._align(
            image, camera, lambda pixels: self._finder.find_hands(pixels, max_hands=self.max_hands, boxes=boxes)
        )

    def follow(
        self, image: ImageInput, memory: StreamMemory, *, camera: Camera | None = None, time_s: float | None = None
    ) -> AlignedHands:
        """Returns the hands in the next frame of the stream that `memory` belongs to."""

        def look(pixels: Pixels) -> Sequence[HandObservation]:
            return memory.see(self._finder, pixels, max_hands=self.max_hands, time_s=time_s)

        return self._align(image, camera, look, memory)

    def _align(
        self,
        image: ImageInput,
        camera: Camera | None,
        look: Callable[[Pixels], Sequence[HandObservation]],
        memory: StreamMemory | None = None,
    ) -> AlignedHands:
        clock = StageClock()
        with clock.stage("load"):
            loaded = load_image(image)
            intrinsics = intrinsics_for(loaded, camera, default_fov_deg=self.fov_deg)
        with clock.stage("perception"):
            seen = look(loaded.pixels)
        with clock.stage("alignment"), one_torch_thread(), torch.no_grad():
            pairs = _pairs(seen)
            evidence, guess = _evidence(seen, pairs), None
            if self._network and len(seen):
                told = read_crops(self._network, loaded.pixels, seen, pairs, intrinsics.camera)
                evidence = combined(evidence, told, intrinsics.camera)
                guess = told.state
                seen = [_as_combined(hand, evidence, index) for index, hand in enumerate(seen)]
            start = memory.start() if memory else None
            fit = self._fit.fit(evidence, intrinsics.camera, start=start, guess=guess)
            aligned = [fit.parameters[i] for i in range(len(seen))]
            if memory:
                aligned = memory.settle(fit.state, aligned)
        return AlignedHands(
            pixels=loaded.pixels,
            intrinsics=intrinsics,
            seen=tuple(seen),
            pairs=pairs,
            fit=fit,
            parameters=tuple(aligned),
            timings_ms=clock.timings_ms,
            track_ids=memory.track_ids if memory else None,
        )


class StageClock:
    """Wall-clock time by stage; none begins for a caller who is gone."""

    def __init__(self, timings_ms: dict[str, float] | None = None) -> None:
        """Starts behind the stages that have been timed already."""
        self.timings_ms = dict(timings_ms or {})

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is done inside."""
        raise_if_abandoned()
        start = time.perf_counter()
        yield
        self.timings_ms[name] = 1e3 * (time.perf_counter() - start)


def _pairs(seen: Sequence[HandObservation]) -> tuple[tuple[int, int], ...]:
    """Returns the (right, left) hands that may be one person's: each hand in one pair at most, nearest first.

    Where there is just one of each, they are a pair; in a crowd a pair lies within two hands' sizes.
    """
    rights = [i for i, hand in enumerate(seen) if hand.handedness == "right"]
    lefts = [i for i, hand in enumerate(seen) if hand.handedness == "left"]
    reach = math.inf if len(rights) == len(lefts) == 1 else 2.0
    near = sorted((_hands_apart(seen[r], seen[left]), r, left) for r in rights for left in lefts)
    pairs: list[tuple[int, int]] = []
    for apart, right, left in near:
        if apart <= reach and all(right not in pair and left not in pair for pair in pairs):
            pairs.append((right, left))
    return tuple(pairs)


def _hands_apart(one: HandObservation, other: HandObservation) -> float:
    """Returns the distance between two hands in the image in units of the larger one's size."""
    sizes = [float((hand.keypoints_2d.amax(0) - hand.keypoints_2d.amin(0)).norm()) for hand in (one, other)]
    return float((one.keypoints_2d.mean(0) - other.keypoints_2d.mean(0)).norm()) / max(*sizes, 1e-6)


def _evidence(seen: Sequence[HandObservation], pairs: tuple[tuple[int, int], ...]) -> KeypointObservations:
    """Returns what perception saw as the keypoint fit wants it."""

    def stacked(tensors: list[Tensor], *shape: int) -> Tensor:
        return torch.stack(tensors) if tensors else torch.zeros(0, *shape)

    return KeypointObservations(
        is_right=torch.tensor([hand.handedness == "right" for hand in seen], dtype=torch.bool),
        keypoints_2d=stacked([hand.keypoints_2d for hand in seen], 21, 2),
        confidence=stacked([hand.keypoint_confidence for hand in seen], 21),
        keypoints_3d=stacked([hand.keypoints_3d for hand in seen], 21, 3),
        pairs=pairs,
    )


def read_crops(
    network: NetworkReader,
    pixels: Pixels,
    seen: Sequence[HandObservation],
    pairs: tuple[tuple[int, int], ...],
    camera: Camera,
) -> NetworkHands:
    """Returns what the alignment network sees of hands: about the keypoints in their boxes, the caller's ones too."""
    windows = HandWindows(
        is_right=torch.tensor([hand.handedness == "right" for hand in seen]),
        boxes=torch.tensor([keypoints_box(hand.box_xyxy_px) for hand in seen], dtype=torch.float32),
        pairs=pairs,
    )
    squares = zip(windows.centre.tolist(), windows.side.tolist(), windows.is_right.tolist(), strict=True)
    crops = [
        sample(pixels, Crop((x, y), side, mirrored=not is_right), network.crop_px) for (x, y), side, is_right in squares
    ]
    return network(torch.from_numpy(np.stack(crops)).movedim(-1, 1), windows, camera)


def _as_combined(hand: HandObservation, evidence: KeypointObservations, index: int) -> HandObservation:
    return replace(hand, keypoints_2d=evidence.keypoints_2d[index], keypoint_confidence=evidence.confidence[index])
