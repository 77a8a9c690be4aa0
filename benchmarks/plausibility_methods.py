"""The ways to make pairs plausible that `eval_plausibility` compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from a2p.camera import Camera
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.penetration import FusedPenetration
from a2p.penetration.vertex_criterion import vertex_collisions
from a2p.plausibility import PairEvidence, Refiner
from a2p.plausibility.compliance import Collision, ComplianceModel, SeenPoints
from a2p.plausibility.denoiser import Denoiser
from a2p.plausibility.diffusion import DiffusionConfig, Evidence, PlausibilityDiffusion
from a2p.plausibility.metric import EstimatorErrors
from a2p.plausibility.pair import PairState, translated_depths
from a2p.plausibility.projection import ProjectionConfig, project
from a2p.plausibility.representation import PairCodec
from a2p.plausibility.separation import cheapest_separation
from a2p.plausibility.weights import load_denoiser, read_origin

Hands = tuple[HandParameters, HandParameters]
Method = Callable[["Estimates"], Hands]

TARGET_M = 0.4e-3
SLOW = ("pull-apart by translation", "guided descent", "vertex criterion", "10 steps", "50 steps")
"""Beginnings or ends of the names of rows that take long."""


@dataclass(frozen=True)
class Estimates:
    """Pairs before stage 2."""

    right: HandParameters
    left: HandParameters
    weights: Tensor | None
    """(n, 2, 21), where keypoints were seen."""
    camera: Camera
    truth: Hands
    """What no method may look at but `Told`."""

    def __getitem__(self, rows: slice) -> Estimates:
        """Returns some of the pairs."""
        return Estimates(
            self.right[rows],
            self.left[rows],
            None if self.weights is None else self.weights[rows],
            self.camera,
            (self.truth[0][rows], self.truth[1][rows]),
        )

    def __len__(self) -> int:
        return len(self.right.betas)


def unchanged(pairs: Estimates) -> Hands:
    """The input."""
    return pairs.right, pairs.left


class PullApart:
    """Moves the hands apart along the shortest of 26 directions, half of it each."""

    def __init__(self, models: HandPair) -> None:
        self.models = models
        grid = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), axis=-1).reshape(-1, 3).astype(np.float64)
        grid = grid[np.abs(grid).sum(1) > 0]
        self.directions = grid / np.linalg.norm(grid, axis=1, keepdims=True)

    def __call__(self, pairs: Estimates) -> Hands:
        """Returns the pairs, made plausible."""
        shifts = []
        for i in range(len(pairs)):
            state = PairState(pairs.right[i], pairs.left[i])
            found = cheapest_separation(
                lambda moves, state=state: translated_depths(self.models, state, moves),
                np.eye(3),
                self.directions,
                target_m=TARGET_M,
            )
            shifts.append(torch.zeros(3) if found is None else torch.from_numpy(found.translation).float() / 2)
        shift = torch.stack(shifts)
        return (
            replace(pairs.right, transl=pairs.right.transl + shift),
            replace(pairs.left, transl=pairs.left.transl - shift),
        )


class Refined:
    """The refiner, as the pipeline calls it: gate, reports and what is done where a method fails included."""

    def __init__(self, refiner: Refiner) -> None:
        self.refiner = refiner

    def __call__(self, pairs: Estimates) -> Hands:
        """Returns the pairs, made plausible."""
        sure = (None, None) if pairs.weights is None else (pairs.weights[:, 0], pairs.weights[:, 1])
        right, left, _ = self.refiner(pairs.right, pairs.left, evidence=PairEvidence(pairs.camera, *sure))
        return right, left


class Diffused:
    """The diffusion, all pairs at once."""

    def __init__(self, diffusion: PlausibilityDiffusion) -> None:
        self.diffusion = diffusion

    def __call__(self, pairs: Estimates) -> Hands:
        """Returns the pairs, made plausible."""
        projected = self.diffusion(pairs.right, pairs.left, Evidence(has_camera=True, weights=pairs.weights))
        return projected.right, projected.left


class Told:
    """What the right places alone would give: an estimate that is told how both hands are turned and where they are.

    Then they are parted. What is left to find are the joints' angles alone.
    """

    def __init__(self, models: HandPair) -> None:
        self.models = models
        self._step = FusedPenetration(*models)
        self._compliances = ComplianceModel(models, DiffusionConfig().errors)
        self._codec = PairCodec(models)

    def __call__(self, pairs: Estimates) -> Hands:
        """Returns the pairs, made plausible."""
        right, left = (
            replace(
                own,
                global_orient=true.global_orient,
                transl=true.transl + (model.rest_joints(true.betas) - model.rest_joints(own.betas))[:, 0],
            )
            for model, own, true in zip(self.models, (pairs.right, pairs.left), pairs.truth, strict=True)
        )
        with torch.no_grad():
            points = self._codec.points(right, left)
            seen = SeenPoints.of(points, torch.ones_like(points[..., 0]), has_camera=True)
            compliance = self._compliances(right, left, seen)
            found = project(self._step, compliance, (right, left), ProjectionConfig(), None)
        return found.right, found.left


class VertexGuidance:
    """The paper's criterion as a collision: pairs of vertices, with the gradient that autograd finds."""

    def __init__(self, models: HandPair) -> None:
        self.models = models

    def __call__(self, right: HandParameters, left: HandParameters) -> Collision:
        """Returns the collision by the criterion; its depth is unknown."""
        with torch.inference_mode(mode=False), torch.enable_grad():  # sampling itself knows nothing of autograd
            hands = [hand.map(lambda t: t.clone().detach().requires_grad_()) for hand in (right, left)]
            vertices = [model(hand).vertices for model, hand in zip(self.models, hands, strict=True)]
            faces = [model.topology.faces for model in self.models]
            loss = vertex_collisions(*vertices, *faces).loss
            inputs = [t for hand in hands for t in (hand.global_orient, hand.hand_pose, hand.transl)]
            found = torch.autograd.grad(loss.sum(), inputs, allow_unused=True)
        gradient = [g if g is not None else torch.zeros_like(x) for g, x in zip(found, inputs, strict=True)]
        sides = [torch.cat([g.flatten(1) for g in gradient[k : k + 3]], dim=1) for k in (0, 3)]
        # Geman and McClure's penalty saturates: half of it, so that a step is Polyak's L / |g|^2.
        return Collision(loss.detach() / 2, torch.stack(sides, dim=1), torch.zeros(len(loss)))


def methods(weights: Path | None, larger: Path | None = None) -> dict[str, Method]:
    """The rows of the table; `larger` weights, those of the paper's size, have the last one."""
    models = HandModel.load_pair("open")
    denoiser = load_denoiser(weights)
    ours = DiffusionConfig()
    free = replace(ours, guidance_scale=0.0, projection=None)
    rows: dict[str, Method] = {
        "input X_c": unchanged,
        "estimate told the true places and turns": Told(models),
        "pull-apart by translation": PullApart(models),
        "guided descent": Refined(Refiner(models, method="descent")),
        "vertex criterion as guidance, 5 steps": _diffused(
            models, denoiser, replace(ours, steps=5, projection=None), VertexGuidance(models)
        ),
        "diffusion without guidance, 1 step": _diffused(models, denoiser, free),
        "diffusion without guidance, 5 steps": _diffused(models, denoiser, replace(free, steps=5)),
    }
    for steps in (1, 2, 5, 10, 50):
        name = f"ours, {steps} step{'s' if steps > 1 else ''}"
        config = replace(ours, steps=steps)
        rows[name] = Refined(Refiner(models, method="diffusion", diffusion=config, weights=weights))
    if larger is not None:
        size = sum(parameter.numel() for parameter in load_denoiser(larger).parameters())
        name = f"ours, 1 step, {1e-6 * size:.1f} M parameters, {int(read_origin(larger).samples):,} samples seen"
        rows[name] = Refined(Refiner(models, method="diffusion", diffusion=ours, weights=larger))
    return rows


def ablations(weights: Path | None) -> dict[str, Method]:
    """What each part of ours is worth."""
    models = HandModel.load_pair("open")
    denoiser = load_denoiser(weights)
    ours = DiffusionConfig()
    changes: dict[str, DiffusionConfig] = {
        "as it is: 1 step, lambda 1": ours,
        **{f"5 steps, lambda {scale}": replace(ours, steps=5, guidance_scale=scale) for scale in (0.0, 0.5, 1.0, 1.5)},
        **{
            f"lambda {scale}, no projection": replace(ours, guidance_scale=scale, projection=None)
            for scale in (0.5, 1.0, 1.5)
        },
        **{
            f"5 steps, lambda {scale}, no projection": replace(ours, steps=5, guidance_scale=scale, projection=None)
            for scale in (0.5, 1.0, 1.5)
        },
        **{f"5 steps from the noised estimate at t = {t}": replace(ours, steps=5, start_t=t) for t in (199, 499)},
        "5 steps, eta 1": replace(ours, steps=5, eta=1.0),
        "image not held": replace(ours, image_scale=0.0),
        **{
            f"back to the image in {n} moves at most": replace(
                ours, projection=ProjectionConfig(image_rounds=min(n, 3), more_image_rounds=max(n - 3, 0))
            )
            for n in (1, 3, 10)
        },
        "without the way back to contact": replace(ours, projection=ProjectionConfig(bisections=0)),
        **{
            f"keypoints held to {mm:g} mm": replace(ours, errors=replace(ours.errors, image_m=mm * 1e-3))
            for mm in (1.0, 3.0)
        },
        "distances held to 10 mm": replace(ours, errors=replace(ours.errors, depth_m=10e-3)),
        "hands that give way as an estimate's": replace(ours, errors=EstimatorErrors(image_m=1.5e-3, depth_m=5e-3)),
    }
    rows: dict[str, Method] = {name: _diffused(models, denoiser, config) for name, config in changes.items()}
    for scale in (0.5, 2.0):
        rows[f"vertex criterion, 5 steps, lambda {scale}"] = _diffused(
            models, denoiser, replace(ours, steps=5, guidance_scale=scale, projection=None), VertexGuidance(models)
        )
    return rows


def _diffused(
    models: HandPair, denoiser: Denoiser, config: DiffusionConfig, collide: VertexGuidance | None = None
) -> Diffused:
    return Diffused(PlausibilityDiffusion(models, denoiser, config, knows_shape=True, collide=collide))
