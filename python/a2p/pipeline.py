"""The whole story on one page: an image goes in, posed hands come out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from typing import TypeAlias, Union

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.abandonment import raise_if_abandoned
from a2p.alignment.combination import combined
from a2p.alignment.keypoint_fit import KeypointFit, KeypointFitResult
from a2p.alignment.keypoint_observations import KeypointObservations, keypoint_weights
from a2p.alignment.reading import HandWindows, NetworkHands, NetworkReader
from a2p.camera import Camera
from a2p.errors import BackendError, ConfigError
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.hand.keypoints import KeypointRegressor
from a2p.penetration import PenetrationReport
from a2p.perception.crop import Crop, sample
from a2p.perception.detector import Detector, HandBox
from a2p.perception.finder import HandFinder
from a2p.perception.image import ImageInput, Pixels, load_image
from a2p.perception.intrinsics import DEFAULT_FOV_DEG, Intrinsics, intrinsics_for
from a2p.perception.observation import HandObservation
from a2p.plausibility import PairEvidence, Refiner, boxes_overlap
from a2p.plausibility.refiner import DEFAULT_METHOD, RefineMethod
from a2p.result import Hand, Reconstruction
from a2p.threads import one_torch_thread
from a2p.tracking import StreamMemory, TrackingConfig

HandModelSource: TypeAlias = Union[str, "PathLike[str]", tuple[HandModel, HandModel]]
"""`open`, a MANO folder, or a (right, left) pair of models."""

MAX_PENETRATION_MM = 1.0
"""Deeper penetration in a result comes with a warning."""
LOW_CONFIDENCE = 0.15
"""A hand below this confidence comes with a warning: hidden behind the other hand, or seen badly."""


class Reconstructor:
    """Two posed hand meshes from one picture.

    Models are loaded once, at construction. Calls are deterministic and independent of each other.
    """

    def __init__(
        self,
        hand_model: HandModelSource = "open",
        *,
        device: str = "auto",
        max_hands: int = 2,
        refine: bool | RefineMethod = True,
        detector: Detector | None = None,
        fov_deg: float | None = None,
        network: bool | str | PathLike[str] = True,
    ) -> None:
        """Loads the models.

        Args:
            hand_model: "open", a folder with MANO_RIGHT and MANO_LEFT, or a (right, left) pair of models.
            device: Where to compute. "auto" takes the CPU: no stage of this version runs on another device.
            max_hands: At most so many hands an image.
            refine: Whether hands that pass through each other are made plausible; "diffusion" or "descent" says how,
                True chooses.
            detector: What proposes hands instead of the packaged palm detector.
            fov_deg: Field of view of the larger image side where neither the call nor EXIF gives a camera.
            network: Whether the alignment network looks at each hand, too, and with which weights: True takes the
                packaged ones, a path those of a file. With False alignment fits the landmark model's keypoints alone.
        """
        if device not in ("auto", "cpu"):
            raise BackendError(
                f"device must be 'auto' or 'cpu'; got {device!r}. Every stage of this version runs on the CPU."
            )
        if max_hands < 1:
            raise ConfigError(f"max_hands must be at least 1; got {max_hands}. Two suit one person.")
        self.fov_deg = DEFAULT_FOV_DEG if fov_deg is None else fov_deg
        Camera.from_fov(1, 1, fov_deg=self.fov_deg)  # raises for an impossible angle
        self.max_hands = max_hands
        self.refine = bool(refine)
        self.models = HandPair(*hand_model) if isinstance(hand_model, tuple) else HandModel.load_pair(str(hand_model))
        self._keypoints = {model.side: KeypointRegressor.for_model(model, "mediapipe") for model in self.models}
        self._finder = HandFinder(detector=detector, thorough=network is False)
        self._fit = KeypointFit(self.models.right, self.models.left)
        self._network = None if network is False else NetworkReader(None if network is True else network)
        self._refiner = Refiner(hand_model=self.models, method=refine if isinstance(refine, str) else DEFAULT_METHOD)

    def __call__(
        self, image: ImageInput, *, boxes: Sequence[HandBox] | None = None, camera: Camera | None = None
    ) -> Reconstruction:
        """Returns the hands in an image; none is a result with a warning, not an error.

        Args:
            image: A path, the bytes of an image file, a PIL image, numpy (h, w, 3) uint8 RGB, or a torch tensor.
            boxes: Where the hands are, `("right" or "left", (x0, y0, x1, y1))` in px, instead of detection.
            camera: Intrinsics of the upright image; without them EXIF's focal length or an assumed field of view.

        Raises:
            ImageError: The image cannot be read.
            BoxError: A box is not usable.
        """
        return self._reconstruct(
            image, camera, lambda pixels: self._finder.find_hands(pixels, max_hands=self.max_hands, boxes=boxes)
        )

    def batch(self, images: Iterable[ImageInput]) -> list[Reconstruction]:
        """Returns the reconstructions of several images, in their order."""
        return [self(image) for image in images]

    def stream(
        self, frames: Iterable[ImageInput], *, camera: Camera | None = None, config: TrackingConfig | None = None
    ) -> Iterator[Reconstruction]:
        """Yields the hands of each frame of a video: faster and steadier than frame by frame, with `Hand.track_id`.

        Results are smoothed; see `HandStream` for the lag and for frames that come one at a time.
        """
        follower = HandStream(self, camera=camera, config=config)
        return (follower(frame) for frame in frames)

    def _follow(
        self, image: ImageInput, camera: Camera | None, memory: StreamMemory, time_s: float | None
    ) -> Reconstruction:
        """Returns the hands in the next frame of the stream that `memory` belongs to."""

        def look(pixels: Pixels) -> Sequence[HandObservation]:
            return memory.see(self._finder, pixels, max_hands=self.max_hands, time_s=time_s)

        return self._reconstruct(image, camera, look, memory)

    def _reconstruct(
        self,
        image: ImageInput,
        camera: Camera | None,
        look: Callable[[Pixels], Sequence[HandObservation]],
        memory: StreamMemory | None = None,
    ) -> Reconstruction:
        clock = _Clock()
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
        with clock.stage("plausibility"), one_torch_thread():
            parameters, before, after = self._make_plausible(seen, pairs, fit, aligned, intrinsics.camera)
        with clock.stage("meshes"), one_torch_thread(), torch.no_grad():
            hands = tuple(
                self._hand(observation, hand, float(confidence), intrinsics.camera)
                for observation, hand, confidence in zip(seen, parameters, fit.confidence, strict=True)
            )
        if memory:
            named = zip(hands, memory.track_ids, strict=True)
            hands = tuple(replace(hand, track_id=track_id) for hand, track_id in named)
        return Reconstruction(
            hands=hands,
            camera=intrinsics.camera,
            penetration_before=before,
            penetration=after,
            timings_ms=clock.timings_ms,
            warnings=_warnings(hands, fit, after, intrinsics),
            image=loaded.pixels,
        )

    def _make_plausible(
        self,
        seen: Sequence[HandObservation],
        pairs: Sequence[tuple[int, int]],
        fit: KeypointFitResult,
        aligned: Sequence[HandParameters],
        camera: Camera,
    ) -> tuple[list[HandParameters], PenetrationReport, PenetrationReport]:
        """Returns every hand's parameters, and the penetration of all pairs before and after.

        The gate: a pair whose boxes do not overlap is left alone, and one that does not penetrate stays as it is.
        """
        parameters = list(aligned)
        before, after = [], []
        for right, left in pairs:
            if not bool(boxes_overlap(_box_of(fit.keypoints_2d[right]), _box_of(fit.keypoints_2d[left]))):
                continue
            if not self.refine:
                before.append(self._measure(parameters[right], parameters[left]))
                after.append(before[-1])
                continue
            confidence = torch.stack([seen[right].keypoint_confidence, seen[left].keypoint_confidence])
            evidence = PairEvidence(camera, *keypoint_weights(confidence))
            parameters[right], parameters[left], report = self._refiner(
                parameters[right], parameters[left], evidence=evidence
            )
            before.append(report.pairs[0].before)
            after.append(report.pairs[0].after)
        return parameters, _together(before), _together(after)

    def _measure(self, right: HandParameters, left: HandParameters) -> PenetrationReport:
        with torch.no_grad():
            return PenetrationReport.measure(
                self.models.right(right).vertices,
                self.models.left(left).vertices,
                self.models.right.topology,
                self.models.left.topology,
            )

    def _hand(self, seen: HandObservation, parameters: HandParameters, confidence: float, camera: Camera) -> Hand:
        model = self.models.right if seen.handedness == "right" else self.models.left
        posed = model(parameters)
        keypoints = self._keypoints[seen.handedness](posed, parameters.betas)
        projected = camera.project(keypoints)
        return Hand(
            handedness=seen.handedness,
            score=seen.score,
            confidence=confidence,
            box_xyxy_px=seen.box_xyxy_px,
            parameters=parameters,
            vertices=posed.vertices,
            faces=model.topology.faces,
            joints=posed.joints,
            keypoints_3d=keypoints,
            keypoints_2d=projected,
            detected_keypoints_2d=seen.keypoints_2d,
            reprojection_error_px=float((projected - seen.keypoints_2d).norm(dim=-1).mean()),
        )


class HandStream:
    """The hands of one camera, frame after frame.

    A hand keeps its `track_id` while it is in view and for a second after it left. Where it was in the last frame it
    is looked for first, and its last pose is where alignment starts. A One-Euro filter takes the jitter out: hands at
    rest come two to three frames late (30 frames a second), moving ones less than one. What is remembered are some
    kilobytes, freed with the object. Frames of one stream must come one at a time, streams may run side by side.
    """

    def __init__(
        self, reconstructor: Reconstructor, *, camera: Camera | None = None, config: TrackingConfig | None = None
    ) -> None:
        self._reconstructor = reconstructor
        self._camera = camera
        self._memory = StreamMemory(reconstructor.models, config)

    def __call__(self, image: ImageInput, *, time_s: float | None = None) -> Reconstruction:
        """Returns the hands in the next frame.

        `time_s` is when it was taken, on any clock that increases; without it the configured frame rate is assumed.
        """
        return self._reconstructor._follow(image, self._camera, self._memory, time_s)


class _Clock:
    """Wall-clock time by stage."""

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
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
    """Returns what the alignment network sees at the places of hands: in their boxes, so in those that were given."""
    windows = HandWindows(
        is_right=torch.tensor([hand.handedness == "right" for hand in seen]),
        boxes=torch.tensor([hand.box_xyxy_px for hand in seen], dtype=torch.float32),
        pairs=pairs,
    )
    squares = zip(windows.centre.tolist(), windows.side.tolist(), windows.is_right.tolist(), strict=True)
    crops = [
        sample(pixels, Crop((x, y), side, mirrored=not is_right), network.crop_px) for (x, y), side, is_right in squares
    ]
    return network(torch.from_numpy(np.stack(crops)).movedim(-1, 1), windows, camera)


def _as_combined(hand: HandObservation, evidence: KeypointObservations, index: int) -> HandObservation:
    return replace(hand, keypoints_2d=evidence.keypoints_2d[index], keypoint_confidence=evidence.confidence[index])


def _box_of(points: Float[Tensor, "21 2"]) -> Float[Tensor, 4]:
    return torch.cat([points.amin(0), points.amax(0)])


def _together(reports: Sequence[PenetrationReport]) -> PenetrationReport:
    """Returns the penetration of several pairs as one report; zeros for none."""
    count = sum(report.vertex_count for report in reports)
    return PenetrationReport(
        max_mm=max((report.max_mm for report in reports), default=0.0),
        mean_mm=sum(report.mean_mm * report.vertex_count for report in reports) / max(count, 1),
        volume_cm3=sum((report.volume_cm3 for report in reports), start=0.0),
        vertex_count=count,
    )


def _warnings(
    hands: Sequence[Hand], fit: KeypointFitResult, after: PenetrationReport, intrinsics: Intrinsics
) -> tuple[str, ...]:
    """Returns what a user should know before trusting the result."""
    if not hands:
        return ("no hand was found; give boxes= if there is one.",)
    messages = list(fit.warnings)
    if intrinsics.source == "assumed":
        messages.append("the field of view is assumed: distances are known up to a common factor. Give camera=.")
    messages += [
        f"{hand.handedness} hand: confidence {hand.confidence:.2f} is low; look at the overlay."
        for hand in hands
        if hand.confidence < LOW_CONFIDENCE
    ]
    if after.max_mm > MAX_PENETRATION_MM:
        messages.append(f"the hands penetrate each other by {after.max_mm:.1f} mm.")
    return tuple(messages)
