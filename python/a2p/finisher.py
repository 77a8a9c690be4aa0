"""Stage 2 as a whole: hands as the image shows them go in, a result with plausible ones comes out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.aligner import AlignedHands, StageClock
from a2p.alignment.keypoint_fit import KeypointFitResult
from a2p.alignment.keypoint_observations import keypoint_weights
from a2p.hand import HandPair, HandParameters
from a2p.hand.keypoints import KeypointRegressor
from a2p.penetration import PenetrationReport
from a2p.perception.intrinsics import Intrinsics
from a2p.plausibility import PairEvidence, Refiner, boxes_overlap
from a2p.plausibility.refiner import DEFAULT_METHOD, RefineMethod
from a2p.result import Hand, Reconstruction
from a2p.threads import one_torch_thread
from a2p.tracking import FollowedPair, PairMemory, StreamMemory

MAX_PENETRATION_MM = 1.0
"""Deeper penetration in a result comes with a warning."""
LOW_CONFIDENCE = 0.15
"""A hand below this confidence comes with a warning: hidden behind the other hand, or seen badly."""


class Finisher:
    """Makes aligned hands plausible and meshes of them."""

    def __init__(self, models: HandPair, *, refine: bool | RefineMethod = True) -> None:
        """Loads the models; `refine` is that of `Reconstructor`."""
        self._models = models
        self._keypoints = {model.side: KeypointRegressor.for_model(model, "mediapipe") for model in models}
        method = refine if isinstance(refine, str) else DEFAULT_METHOD
        self._refiner = Refiner(models, method=method) if refine else None

    def __call__(self, aligned: AlignedHands, memory: StreamMemory | None = None) -> Reconstruction:
        """Returns the result of a picture, or of the frame of a stream that `memory` has just followed."""
        clock = StageClock(aligned.timings_ms)
        with clock.stage("plausibility"), one_torch_thread():
            parameters, before, after = self._make_plausible(aligned, memory)
        with clock.stage("meshes"), one_torch_thread(), torch.no_grad():
            hands = tuple(self._hand(aligned, index, parameters[index]) for index in range(len(parameters)))
        return Reconstruction(
            hands=hands,
            camera=aligned.intrinsics.camera,
            penetration_before=before,
            penetration=after,
            timings_ms=clock.timings_ms,
            warnings=_warnings(hands, aligned.fit, after, aligned.intrinsics),
            image=aligned.pixels,
        )

    def _make_plausible(
        self, aligned: AlignedHands, memory: StreamMemory | None
    ) -> tuple[list[HandParameters], PenetrationReport, PenetrationReport]:
        """Returns every hand's parameters, and the penetration of all pairs before and after.

        The gate: a pair whose boxes do not overlap is left alone, and one that does not penetrate stays as it is.
        """
        parameters = list(aligned.parameters)
        before, after = [], []
        for right, left in aligned.pairs:
            followed = self._memory_of(right, left, memory)
            boxes = [_box_of(aligned.fit.keypoints_2d[hand]) for hand in (right, left)]
            if not (bool(boxes_overlap(*boxes)) or (followed and followed.is_changing)):
                continue
            if self._refiner is None:
                before.append(self._measure(parameters[right], parameters[left]))
                after.append(before[-1])
                continue
            confidence = torch.stack([aligned.seen[hand].keypoint_confidence for hand in (right, left)])
            evidence = PairEvidence(aligned.intrinsics.camera, *keypoint_weights(confidence))
            hands = (parameters[right], parameters[left])
            if followed and memory:
                pair = followed(self._refiner, *hands, evidence, memory.dt_s)
            else:
                pair = FollowedPair.of(*self._refiner(*hands, evidence=evidence))
            parameters[right], parameters[left] = pair.right, pair.left
            before.append(pair.before)
            after.append(pair.after)
        return parameters, _together(before), _together(after)

    def _memory_of(self, right: int, left: int, memory: StreamMemory | None) -> PairMemory | None:
        """Returns what is remembered of two hands of a stream. The descent takes each frame by itself."""
        if memory is None or self._refiner is None or self._refiner.method == "descent":
            return None
        return memory.pair(right, left)

    def _measure(self, right: HandParameters, left: HandParameters) -> PenetrationReport:
        with torch.no_grad():
            return PenetrationReport.measure(
                self._models.right(right).vertices,
                self._models.left(left).vertices,
                self._models.right.topology,
                self._models.left.topology,
            )

    def _hand(self, aligned: AlignedHands, index: int, parameters: HandParameters) -> Hand:
        seen = aligned.seen[index]
        model = self._models.right if seen.handedness == "right" else self._models.left
        posed = model(parameters)
        keypoints = self._keypoints[seen.handedness](posed, parameters.betas)
        projected = aligned.intrinsics.camera.project(keypoints)
        return Hand(
            handedness=seen.handedness,
            score=seen.score,
            confidence=float(aligned.fit.confidence[index]),
            box_xyxy_px=seen.box_xyxy_px,
            parameters=parameters,
            vertices=posed.vertices,
            faces=model.topology.faces,
            joints=posed.joints,
            keypoints_3d=keypoints,
            keypoints_2d=projected,
            detected_keypoints_2d=seen.keypoints_2d,
            reprojection_error_px=float((projected - seen.keypoints_2d).norm(dim=-1).mean()),
            track_id=None if aligned.track_ids is None else aligned.track_ids[index],
        )


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
