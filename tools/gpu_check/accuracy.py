"""The errors that a device makes against the CPU kernels and against the float64 reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from a2p.bench.hands import ReachingHands, reaching_hands
from a2p.hand import HandModel, HandParameters
from a2p.penetration import FusedPenetration, PenetrationDepth, penetration_depth, signed_distance

_REFERENCE_PAIRS = 8
"""Pairs compared with the reference, which looks at every face for every vertex."""


def observe(device: str, *, pairs: int) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """Yields comparisons on so many pairs of open hands: what they compare, and how to come by the worst errors.

    Errors have the names of tests/tolerances.py where it has one. Gradients are those of the nearest face: where two
    are equally near up to rounding, backends may take either, and the gradients of such a pair differ by more than
    rounding.
    """
    hands = reaching_hands(pairs)
    yield "kernels against the CPU's", lambda: _kernel_errors(hands, device)
    yield "kernels against the reference on the CPU", lambda: _reference_errors(hands, device, "cpu")
    yield "kernels against the reference on the device", lambda: _reference_errors(hands, device, device)
    yield "fused step against the CPU's", lambda: _fused_errors(hands, device)


def _reference_errors(hands: ReachingHands, device: str, reference_device: str) -> dict[str, float]:
    few = slice(0, _REFERENCE_PAIRS)
    actual, gradients = _penetration(hands, device, "auto", few)
    reference, reference_gradients = _penetration(hands, reference_device, "reference", few)
    return {
        "sign_errors": float(((actual.depth_a > 0) != (reference.depth_a > 0)).sum()),
        "CUDA_DEPTH_M": _worst(actual.depth_a, reference.depth_a),
        "CUDA_GRADIENT_REL": max(map(_relative, gradients, reference_gradients)),
    }


def _kernel_errors(hands: ReachingHands, device: str) -> dict[str, float]:
    actual, gradients = _penetration(hands, device, "auto")
    cpu, cpu_gradients = _penetration(hands, "cpu", "cpu")
    points = hands.vertices_left.flip(1).to(device)
    topology = hands.models.right.topology
    distance = signed_distance(points, hands.vertices_right.to(device), topology).cpu()
    true_distance = signed_distance(points.cpu(), hands.vertices_right, topology, backend="cpu")
    return {
        "sign_errors": float(
            ((actual.depth_a > 0) != (cpu.depth_a > 0)).sum() + ((actual.depth_b > 0) != (cpu.depth_b > 0)).sum()
        ),
        "depth_m": max(_worst(actual.depth_a, cpu.depth_a), _worst(actual.depth_b, cpu.depth_b)),
        "gradient_rel": max(map(_relative, gradients, cpu_gradients)),
        "loss_rel": float(((actual.loss - cpu.loss).abs() / cpu.loss.clamp(min=1e-12)).max()),
        "signed_distance_m": _worst(distance, true_distance),
        "signed_distance_sign_errors": float(((distance < 0) != (true_distance < 0)).sum()),
    }


def _penetration(
    hands: ReachingHands, device: str, backend: str, rows: slice = slice(None)
) -> tuple[PenetrationDepth, tuple[Tensor, ...]]:
    """Returns values and gradients in CPU memory; those of the reference in float64."""
    dtype = torch.float64 if backend == "reference" else torch.float32
    leaves = [
        vertices[rows].to(device=device, dtype=dtype).requires_grad_()
        for vertices in (hands.vertices_right, hands.vertices_left)
    ]
    topologies = (model.topology for model in hands.models)
    result = penetration_depth(*leaves, *topologies, backend=backend)  # type: ignore[arg-type]
    gradients = torch.autograd.grad(result.loss.sum(), leaves)
    values = PenetrationDepth(
        result.depth_a.cpu(), result.depth_b.cpu(), result.loss.detach().cpu().double(), result.backend
    )
    return values, tuple(gradient.cpu().double() for gradient in gradients)


def _fused_errors(hands: ReachingHands, device: str) -> dict[str, float]:
    expected = FusedPenetration(*hands.models)(hands.right, hands.left)
    models = [HandModel.load("open", side=side).to(device) for side in ("right", "left")]
    fused = FusedPenetration(models[0], models[1])
    right, left = hands.right.to(device=device), hands.left.to(device=device)
    actual, again = fused(right, left), fused(right, left)
    sides = ((actual.gradient_right, expected.gradient_right), (actual.gradient_left, expected.gradient_left))
    errors = {
        f"CUDA_FUSED_REL_{name}": max(_relative(getattr(a, name).cpu(), getattr(b, name)) for a, b in sides)
        for name in ("global_orient", "hand_pose", "betas", "transl")
    }
    return {
        **errors,
        "CUDA_FUSED_REL": max(errors.values()),
        "CUDA_FUSED_DEPTH_M": _worst(actual.depth_right.cpu(), expected.depth_right),
        "loss_rel": float(((actual.loss.cpu() - expected.loss).abs() / expected.loss.clamp(min=1e-12)).max()),
        "bits_differ_between_runs": float(
            sum(
                int((x != y).sum())
                for x, y in zip(_tensors(actual.gradient_left), _tensors(again.gradient_left), strict=True)
            )
        ),
    }


def _tensors(hand: HandParameters) -> list[Tensor]:
    return [hand.global_orient, hand.hand_pose, hand.betas, hand.transl]


def _worst(actual: Tensor, expected: Tensor) -> float:
    return float((actual.double() - expected.double()).abs().max())


def _relative(actual: Tensor, expected: Tensor) -> float:
    """Returns the worst error of a batch, each pair's relative to its own largest entry."""
    scale = expected.double().abs().flatten(1).amax(dim=1).clamp(min=1e-9)
    error = (actual.double() - expected.double()).abs().flatten(1).amax(dim=1)
    return float((error / scale).max())
