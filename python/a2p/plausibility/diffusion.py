"""Stage 2 as the paper has it: pairs drawn from the denoiser, kept out of each other at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.errors import ConfigError
from a2p.hand.model import HandPair
from a2p.hand.parameters import HandParameters
from a2p.penetration import FusedPenetration
from a2p.plausibility.compliance import Collision, Compliance, ComplianceModel, SeenPoints, moved
from a2p.plausibility.condition import SeenPair, pair_condition
from a2p.plausibility.ddim import ddim_sample
from a2p.plausibility.denoiser import Denoiser
from a2p.plausibility.gate import ALLOWED_DEPTH
from a2p.plausibility.metric import EstimatorErrors
from a2p.plausibility.pair_numbers import PairCondition, PairNumbers, PairParts
from a2p.plausibility.projection import Hands, HeldImage, ProjectionConfig, project
from a2p.plausibility.representation import PairCodec, PairFrame, frame_of
from a2p.plausibility.schedule import NoiseSchedule


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig:
    """How pairs are sampled."""

    steps: int = 1
    """Steps of DDIM."""
    start_t: int | None = None
    """Timestep that the noised estimate starts from; None starts from pure noise."""
    eta: float = 0.0
    """Noise of the steps: 0 none, 1 as much as the diffusion had."""
    guidance_scale: float = 1.0
    """Lambda of eq. 6, as a share of the step that would resolve the collision to first order; 0 for no guidance."""
    image_scale: float = 1.0
    """How much of the way back to seen keypoints each guided step before the last takes; 0 lets the image go."""
    errors: EstimatorErrors = field(
        default_factory=lambda: EstimatorErrors(
            image_m=1.5e-3, depth_m=5e-3, orientation_rad=0.04, flexion_rad=0.07, abduction_rad=0.03
        )
    )
    """What moves cost when guidance and projection part the hands and bring them back to the image.

    Joints and orientation that were drawn err less than an estimate's: hands go back stiffly. On fits to keypoints this
    is worth 1.2 mm of MPJPE.
    """
    projection: ProjectionConfig | None = field(default_factory=ProjectionConfig)
    """The final projection, which takes the last step's guidance further; None for none."""
    allowed_shift_m: float = 3e-3
    """Mean shift of seen keypoints across their viewing rays beyond which what was drawn is not the hands seen."""
    trusted_errors: float = 4.5
    """Draws no farther from the estimate are taken as they are, others only where they are nearer to it than what the
    descent makes of it. In standard deviations of an estimate's errors: those of the mean shift across the viewing rays
    and of the mean shift of the vertices, added."""

    def __post_init__(self) -> None:
        if self.guidance_scale < 0 or self.image_scale < 0 or self.eta < 0:
            raise ConfigError(
                "guidance_scale, image_scale and eta must be at least 0; got "
                f"{self.guidance_scale}, {self.image_scale} and {self.eta}."
            )


_UNSEEN_WEIGHT = (1.5 / 16) ** 2
"""How much the keypoints of an estimate are held that does not say how sure they are: their errors count as eleven
times as large."""

Collide: TypeAlias = Callable[[HandParameters, HandParameters], Collision]
"""From pairs to how they collide."""


@dataclass(frozen=True)
class Evidence:
    """What an image says of pairs."""

    has_camera: bool
    """Whether the parameters are in a camera's frame; viewing rays run along z otherwise.

    Estimates in a camera's frame come from an image: across the rays they err less than along them.
    """
    weights: Float[Tensor, "b 2 21"] | None
    """How much each keypoint of the estimate is to be held in the image, 0 to 1; None if no keypoints were seen."""


@dataclass(frozen=True)
class Drawn:
    """What was drawn in place of estimates."""

    right: HandParameters
    left: HandParameters
    max_depth: Float[Tensor, " b"]
    """Of the deepest vertex, m."""
    is_seen: Bool[Tensor, " b"]
    """Whether the keypoints are where the image shows them, as far as any were seen."""

    @property
    def is_usable(self) -> Bool[Tensor, " b"]:
        """Whether they also only touch."""
        return self.is_seen & (self.max_depth <= ALLOWED_DEPTH)


class PlausibilityDiffusion:
    """Samples plausible pairs given an estimate. Deterministic for one seed, batch and thread count."""

    def __init__(
        self,
        models: HandPair,
        denoiser: Denoiser,
        config: DiffusionConfig,
        *,
        knows_shape: bool,
        collide: Collide | None = None,
    ) -> None:
        """Keeps the models.

        Args:
            models: Both hands.
            denoiser: What predicts the clean pair.
            config: How pairs are drawn.
            knows_shape: Whether the models have the shape space that the denoiser was trained on.
            collide: The collision that guides; without one the exact depths.
        """
        self.config = config
        self._collide = collide
        self._denoiser = denoiser
        self._knows_shape = knows_shape
        self._codec = PairCodec(models)
        self._step = FusedPenetration(models.right, models.left)
        self._compliances = ComplianceModel(models, config.errors)
        self._schedule = NoiseSchedule.cosine(denoiser.config.noising_steps)
        self._timesteps = self._schedule.timesteps(config.steps, start_t=config.start_t)

    def __call__(
        self,
        right: HandParameters,
        left: HandParameters,
        evidence: Evidence,
        collision: Collision | None = None,
        *,
        seed: int = 0,
    ) -> Drawn:
        """Returns sampled pairs in place of the estimates (float32, one leading dimension).

        `collision` is that of the estimates, where it is known.
        """
        with torch.inference_mode():
            drawn = self._draw(right, left, evidence, collision, seed)
        # Copies made outside are tensors that autograd may keep.
        right, left = drawn.right.map(torch.clone), drawn.left.map(torch.clone)
        return Drawn(right, left, drawn.max_depth.clone(), drawn.is_seen.clone())

    def _draw(
        self, right: HandParameters, left: HandParameters, evidence: Evidence, collision: Collision | None, seed: int
    ) -> Drawn:
        weights = evidence.weights
        seen = self._see(
            right, left, evidence, Collision.of(self._step, right, left) if collision is None else collision
        )
        ones = seen.points.new_ones(seen.points.shape[:-1])
        condition = pair_condition(
            self._codec, seen, weights=ones if weights is None else weights, keypoints_seen=weights is not None
        )
        estimate = self._denoiser.normalised(condition.numbers)
        generator = torch.Generator().manual_seed(seed)
        first = torch.full((len(estimate),), self._timesteps[0])
        # One draw for all pairs: what a pair becomes does not depend on its neighbours in the batch.
        noise = torch.randn(1, estimate.shape[1], generator=generator).expand_as(estimate)
        x_start = noise if self.config.start_t is None else self._schedule.noised(estimate, noise, first)
        held_weights = _UNSEEN_WEIGHT * ones if weights is None else weights
        held = SeenPoints.of(seen.points, held_weights, has_camera=evidence.has_camera)
        is_held = (weights is not None or evidence.has_camera) and self.config.image_scale > 0
        image = HeldImage(held, self._codec.points, is_seen=weights is not None) if is_held else None
        guidance = _Guidance(self, seen, held, image)
        x_0 = ddim_sample(
            self._schedule,
            lambda x_t, t: self._denoise(x_t, t, condition),
            x_start,
            self._timesteps,
            eta=self.config.eta,
            generator=generator,
            guide=guidance if self.config.guidance_scale > 0 else None,
        )
        sampled = guidance.hands(x_0)
        if self.config.projection is None:
            return Drawn(*sampled, Collision.of(self._step, *sampled).max_depth, self._is_seen(sampled, image))
        found = project(self._step, self._compliances(*sampled, held), sampled, self.config.projection, image)
        hands = (found.right, found.left)
        return Drawn(*hands, found.max_depth, self._is_seen(hands, image))

    def _is_seen(self, hands: Hands, image: HeldImage | None) -> Bool[Tensor, " b"]:
        if image is None or not image.is_seen:
            return torch.ones(len(hands[0].betas), dtype=torch.bool)
        return image.shift(hands) <= self.config.allowed_shift_m

    def _denoise(self, x_t: Float[Tensor, "b 215"], t: int, condition: PairCondition) -> Float[Tensor, "b 215"]:
        x_0: Tensor = self._denoiser(x_t, torch.full((len(x_t),), t), condition)
        return x_0

    def _collided(self, right: HandParameters, left: HandParameters) -> Collision:
        if self._collide is not None:
            return self._collide(right, left)
        return Collision.of(self._step, right, left)

    def _see(self, right: HandParameters, left: HandParameters, evidence: Evidence, collision: Collision) -> SeenPair:
        points = self._codec.points(right, left)
        frame = frame_of(points, has_camera=evidence.has_camera)
        return SeenPair(right, left, points, frame, collision)


class _Guidance:
    """Corrects estimates of x_0: out of the collision, and back to the keypoints that the image shows."""

    def __init__(self, owner: PlausibilityDiffusion, seen: SeenPair, rays: SeenPoints, image: HeldImage | None) -> None:
        self._owner = owner
        self._seen = seen
        self._rays = rays
        self._image = image
        self._compliance: Compliance | None = None

    def __call__(self, x_0: Float[Tensor, "b 215"], t: int) -> Float[Tensor, "b 215"]:
        owner, config = self._owner, self._owner.config
        if t == owner._timesteps[-1] and config.projection is not None:
            return x_0
        hands = self.hands(x_0)
        compliance = self._known_compliance()
        if self._image is not None:
            hands = moved(*hands, config.image_scale * compliance.returning(self._image.residual(hands)))
        move = compliance.resolving(owner._collided(*hands), longest=2.0)
        hands = moved(*hands, config.guidance_scale * move)
        return owner._denoiser.normalised(owner._codec.encode(*hands, self._frame))

    def _known_compliance(self) -> Compliance:
        """Returns how the estimate gives way."""
        if self._compliance is None:
            self._compliance = self._owner._compliances(self._seen.right, self._seen.left, self._rays)
        return self._compliance

    @property
    def _frame(self) -> PairFrame:
        return self._seen.frame

    def hands(self, x_0: Float[Tensor, "b 215"]) -> tuple[HandParameters, HandParameters]:
        """Returns the hands of normalised numbers; shapes stay the estimate's where the denoiser does not know them."""
        numbers: PairNumbers = self._owner._denoiser.restored(x_0)
        if not self._owner._knows_shape:
            parts = PairParts.of(numbers)
            own = torch.stack([self._seen.right.betas, self._seen.left.betas], dim=1)
            numbers = PairParts(parts.rot6d, own, parts.relative).numbers
        return self._owner._codec.decode(numbers, self._frame)
