"""How far two hands are from where they should be: MPJPE, MPVPE, MRRPE, RRVE, all in mm.

The protocol is InterWild's (G. Moon, "Bringing Inputs to Shared Domains for 3D Interacting Hands Recovery in the
Wild", CVPR 2023), which the paper follows. `intaghand` aligns at the base of the middle finger and rescales by the bone
from there to the wrist (M. Li et al., "Interacting Attention Graph for Single Image Two-Hand Reconstruction", CVPR
2022); figures of the two protocols are not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.errors import ShapeError
from a2p.evaluation.procrustes import procrustes_aligned

Protocol: TypeAlias = Literal["interwild", "intaghand", "procrustes"]
PROTOCOLS: tuple[Protocol, ...] = ("interwild", "intaghand", "procrustes")
Axes: TypeAlias = Literal["xyz", "xy", "z"]
_COMPONENTS: dict[Axes, tuple[int, ...]] = {"xyz": (0, 1, 2), "xy": (0, 1), "z": (2,)}
WRIST = 0
MIDDLE_BASE = 9
"""The base of the middle finger among 21 keypoints in MediaPipe's order."""


@dataclass(frozen=True)
class TwoHands:
    """Points of n samples, camera frame, m. Hands: right, then left. A hand that is not there holds NaN or anything."""

    joints: Float[Tensor, "n 2 j 3"]
    """Joint `WRIST` is the wrist; 21 keypoints in MediaPipe's order for protocol `intaghand`."""
    vertices: Float[Tensor, "n 2 v 3"] | None = None
    mesh_wrists: Float[Tensor, "n 2 3"] | None = None
    """The wrists regressed from the vertices, that MPVPE aligns; the wrists of `joints` where left out."""


@dataclass(frozen=True)
class Validity:
    """Which parts of the ground truth are known."""

    joints: Bool[Tensor, "n 2 j"]
    """An invalid wrist invalidates its hand."""
    meshes: Bool[Tensor, "n 2"]
    is_interacting: Bool[Tensor, " n"]
    """Whether a sample shows two hands that interact, rather than one hand."""

    @classmethod
    def full(cls, hands: TwoHands) -> Validity:
        """Returns that everything is known and that every sample shows two hands."""
        n, _, j, _ = hands.joints.shape
        return cls(
            torch.ones(n, 2, j, dtype=torch.bool), torch.ones(n, 2, dtype=torch.bool), torch.ones(n, dtype=torch.bool)
        )


@dataclass(frozen=True)
class SampleErrors:
    """The errors of every sample, mm; NaN where the ground truth is not known."""

    joints: Float[Tensor, "n 2 j"]
    """Of each joint after its hand was aligned."""
    vertices: Float[Tensor, "n 2"]
    """Mean over the vertices of each hand after it was aligned."""
    relative_root: Float[Tensor, " n"]
    """Of the left wrist's place relative to the right wrist."""
    relative_vertices: Float[Tensor, " n"]
    """Mean over the vertices of both hands after alignment of the right wrist alone."""
    is_interacting: Bool[Tensor, " n"]

    @classmethod
    def cat(cls, parts: Sequence[SampleErrors]) -> SampleErrors:
        """Returns the errors of all parts in order."""
        names = ("joints", "vertices", "relative_root", "relative_vertices", "is_interacting")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Split:
    """One error over all samples, over single hands (SH) and over interacting hands (IH), mm; NaN without samples."""

    all: float
    single: float
    interacting: float


@dataclass(frozen=True)
class Accuracy:
    """What tables 1 and 2 of the paper report, mm; NaN where no sample tells."""

    mpjpe_mm: Split
    """Per joint over the samples first, then over the 42 joints."""
    mpvpe_mm: Split
    """Over the hands of all samples."""
    mrrpe_mm: float
    """Over interacting samples."""
    rrve_mm: float
    """Over interacting samples."""

    @classmethod
    def of(cls, errors: SampleErrors) -> Accuracy:
        """Returns the means of per-sample errors."""
        single, both = ~errors.is_interacting, errors.is_interacting
        return cls(
            mpjpe_mm=Split(*(_mean_by_joint(part) for part in _parts(errors.joints, single, both))),
            mpvpe_mm=Split(*(_mean(part) for part in _parts(errors.vertices, single, both))),
            mrrpe_mm=_mean(errors.relative_root),
            rrve_mm=_mean(errors.relative_vertices),
        )


def sample_errors(
    predicted: TwoHands,
    target: TwoHands,
    validity: Validity | None = None,
    *,
    protocol: Protocol = "interwild",
    axes: Axes = "xyz",
) -> SampleErrors:
    """Returns the errors of every sample; `axes` restricts them to the image plane (xy) or to depth (z).

    Relative errors (MRRPE, RRVE) are those of protocol `interwild` whatever the protocol: nothing is rescaled.
    """
    validity = Validity.full(target) if validity is None else validity
    _require_alike(predicted, target, validity)
    known = validity.joints & validity.joints[..., WRIST : WRIST + 1]
    pair = known[..., WRIST].all(dim=-1) & validity.is_interacting
    joints = _distances_mm(*_aligned(predicted, target, protocol, "joints"), axes)
    vertices, relative_vertices = _vertex_errors(predicted, target, protocol, axes)
    roots = [hands.joints[:, 1, WRIST] - hands.joints[:, 0, WRIST] for hands in (predicted, target)]
    return SampleErrors(
        joints=_masked(joints, known),
        vertices=_masked(vertices, validity.meshes & known[..., WRIST]),
        relative_root=_masked(_distances_mm(roots[0], roots[1], axes), pair),
        relative_vertices=_masked(relative_vertices, pair & validity.meshes.all(dim=-1)),
        is_interacting=validity.is_interacting,
    )


def _vertex_errors(
    predicted: TwoHands, target: TwoHands, protocol: Protocol, axes: Axes
) -> tuple[Float[Tensor, "n 2"], Float[Tensor, " n"]]:
    """Returns the mean errors of each hand's vertices, and of both hands' relative to the right wrist (mm)."""
    if predicted.vertices is None or target.vertices is None:
        n = len(target.joints)
        return torch.full((n, 2), torch.nan), torch.full((n,), torch.nan)
    each = _distances_mm(*_aligned(predicted, target, protocol, "vertices"), axes).mean(dim=-1)
    placed = [
        hands.vertices - _wrists(hands)[:, :1, None] for hands in (predicted, target) if hands.vertices is not None
    ]
    return each, _distances_mm(placed[0], placed[1], axes).mean(dim=(-2, -1))


def _wrists(hands: TwoHands) -> Float[Tensor, "n 2 3"]:
    return hands.joints[:, :, WRIST] if hands.mesh_wrists is None else hands.mesh_wrists


def _aligned(
    predicted: TwoHands, target: TwoHands, protocol: Protocol, kind: Literal["joints", "vertices"]
) -> tuple[Tensor, Tensor]:
    """Returns the predicted points and the true ones, each hand aligned as the protocol says."""
    points, truth = getattr(predicted, kind), getattr(target, kind)
    if protocol == "procrustes":
        finite = torch.nan_to_num(truth)
        return procrustes_aligned(torch.nan_to_num(points), finite), finite
    if protocol == "interwild":
        roots = [hands.joints[:, :, WRIST] if kind == "joints" else _wrists(hands) for hands in (predicted, target)]
        return points - roots[0][:, :, None], truth - roots[1][:, :, None]
    if target.joints.shape[-2] <= MIDDLE_BASE:
        raise ShapeError(
            f"protocol intaghand needs 21 joints in MediaPipe's order; got {target.joints.shape[-2]}. "
            "Give keypoints, or choose protocol interwild."
        )
    bones = [hands.joints[:, :, WRIST] - hands.joints[:, :, MIDDLE_BASE] for hands in (predicted, target)]
    lengths = [bone.square().sum(dim=-1).sqrt() for bone in bones]
    scale = (lengths[1] / lengths[0])[..., None, None]
    roots = [hands.joints[:, :, MIDDLE_BASE, None] for hands in (predicted, target)]
    return (points - roots[0]) * scale, truth - roots[1]


def _distances_mm(points: Float[Tensor, "*b 3"], truth: Float[Tensor, "*b 3"], axes: Axes) -> Float[Tensor, "*b"]:
    difference = (points - truth).double()[..., _COMPONENTS[axes]]
    return 1e3 * difference.square().sum(dim=-1).sqrt()


def _masked(errors: Tensor, known: Tensor) -> Tensor:
    return errors.double().masked_fill(~known, torch.nan)


def _parts(errors: Tensor, *masks: Tensor) -> tuple[Tensor, ...]:
    return errors, *(errors[mask] for mask in masks)


def _mean(errors: Tensor) -> float:
    return float(errors.nanmean())


def _mean_by_joint(errors: Float[Tensor, "n 2 j"]) -> float:
    return float(errors.nanmean(dim=0).nanmean())


def _require_alike(predicted: TwoHands, target: TwoHands, validity: Validity) -> None:
    shapes = [tuple(predicted.joints.shape[:3]), tuple(target.joints.shape[:3]), tuple(validity.joints.shape)]
    if len(set(shapes)) > 1:
        raise ShapeError(
            f"predicted joints, true joints and validity must agree in (n, 2, j); got {shapes[0]}, {shapes[1]} and "
            f"{shapes[2]}. Regress the same joints from both."
        )
    meshes = [tuple(hands.vertices.shape) for hands in (predicted, target) if hands.vertices is not None]
    if len(set(meshes)) > 1:
        raise ShapeError(
            f"predicted and true vertices must have one shape (n, 2, v, 3); got {meshes[0]} and {meshes[1]}. "
            "Pose both with the same hand model."
        )
    known = validity.joints & validity.joints[..., WRIST : WRIST + 1]
    lost = ~torch.isfinite(predicted.joints).all(dim=-1) & known
    if bool(lost.any()):
        sample, hand, joint = (int(i) for i in lost.nonzero()[0])
        raise ShapeError(
            f"predicted joints must be finite wherever the truth is known; sample {sample}, "
            f"{('right', 'left')[hand]} hand, joint {joint} is not. Score a failure as a failure: say what was "
            "predicted, or leave the sample out and report how many were."
        )
