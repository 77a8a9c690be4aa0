"""Stage 2 alone: hands that penetrate in, hands that touch out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from a2p.camera import Camera
from a2p.errors import ConfigError, ShapeError
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.hand.hand_file import read_hand_data
from a2p.hand.skinning import PosedHand
from a2p.penetration import FusedPenetration, PenetrationReport
from a2p.plausibility.compliance import Collision
from a2p.plausibility.descent import DescentConfig, descend, settle
from a2p.plausibility.diffusion import DiffusionConfig, Evidence, PlausibilityDiffusion
from a2p.plausibility.gate import ALLOWED_DEPTH
from a2p.plausibility.metric import Anatomy, EstimatorErrors, HandMetric, hand_metric
from a2p.plausibility.pair import PairState, objective, translated_depths
from a2p.plausibility.refinement import PairEvidence, PairRefinement, RefinementReport
from a2p.plausibility.separation import cheapest_separation
from a2p.plausibility.weights import load_denoiser

Vector = npt.NDArray[np.float64]

_RANDOM_DIRECTIONS = 10


RefineMethod: TypeAlias = Literal["diffusion", "descent"]
"""How pairs are made plausible: drawn from the learned model of two hands, or moved apart at the least cost."""


DEFAULT_METHOD: RefineMethod = "diffusion"
"""What measures better."""


class Refiner:
    """Makes pairs of hands that penetrate by more than 1 mm plausible; others come back as they are, to the bit.

    `diffusion` draws the pair from a learned model of two hands, given the estimate, and moves it until it only
    touches. Where that leaves the image, or the hands in each other, or ends far from the estimate and farther than
    `descent`, the descent takes over. `descent` moves the estimate at the least cost under an estimator's errors; shape
    stays. The same input and seed give the same output.
    """

    def __init__(
        self,
        hand_model: str | Path | tuple[HandModel, HandModel] = "open",
        *,
        method: RefineMethod = DEFAULT_METHOD,
        errors: EstimatorErrors | None = None,
        descent: DescentConfig | None = None,
        diffusion: DiffusionConfig | None = None,
        weights: str | Path | None = None,
    ) -> None:
        """Loads the models.

        Args:
            hand_model: "open", a folder with MANO_RIGHT and MANO_LEFT, or a (right, left) pair of models.
            method: How pairs are made plausible.
            errors: An estimator's errors, under which the descent moves hands.
            descent: How far and how long to descend.
            diffusion: How pairs are drawn.
            weights: A denoiser's weights file instead of the packaged one.
        """
        if method not in ("diffusion", "descent"):
            raise ConfigError(f"method must be 'diffusion' or 'descent'; got {method!r}.")
        self.method = method
        self.models = HandModel.load_pair(hand_model) if isinstance(hand_model, (str, Path)) else HandPair(*hand_model)
        config = DiffusionConfig() if diffusion is None else diffusion
        self._trusted_errors = config.trusted_errors
        self._diffusion: PlausibilityDiffusion | None = None
        if method == "diffusion":
            self._diffusion = PlausibilityDiffusion(
                self.models, load_denoiser(weights), config, knows_shape=_is_open_hand(self.models.right)
            )
        self._anatomies = (Anatomy.of(self.models.right), Anatomy.of(self.models.left))
        self._step = FusedPenetration(self.models.right, self.models.left)
        self._errors = EstimatorErrors() if errors is None else errors
        self._descent = DescentConfig() if descent is None else descent

    def __call__(
        self, right: HandParameters, left: HandParameters, *, seed: int = 0, evidence: PairEvidence | None = None
    ) -> tuple[HandParameters, HandParameters, RefinementReport]:
        """Returns both hands and what was done. Leading dimensions of the parameters are a batch of pairs.

        `seed` fixes the noise that the diffusion starts from, and chooses among the directions in which hands are
        parted that nothing else parts.
        """
        return self._refined(right, left, seed, evidence, self._diffusion)

    def parted(
        self, right: HandParameters, left: HandParameters, *, seed: int = 0, evidence: PairEvidence | None = None
    ) -> tuple[HandParameters, HandParameters, RefinementReport]:
        """Returns the same by the descent, whatever the method."""
        return self._refined(right, left, seed, evidence, None)

    def drawn(
        self, right: HandParameters, left: HandParameters, *, seed: int = 0, evidence: PairEvidence | None = None
    ) -> tuple[HandParameters, HandParameters] | None:
        """Returns what the diffusion draws in place of one pair, even if that does not penetrate.

        None where it is not the hands seen, or they lie in each other or far from the estimate; and for the descent,
        which draws nothing.
        """
        if self._diffusion is None:
            return None
        _require_pairs(right, left)
        known = evidence or PairEvidence()
        found = self._diffusion(right.map(_as_batch), left.map(_as_batch), _evidence_of([known]), seed=seed)
        if not bool(found.is_usable[0]):
            return None
        end = self._arrived(PairState(found.right[0], found.left[0]), self._posed(PairState(right, left)), known)
        return (end.state.right, end.state.left) if self._errors_of(end) <= self._trusted_errors else None

    def measure(self, right: HandParameters, left: HandParameters) -> PenetrationReport:
        """Returns how one pair penetrates."""
        return self._measure(*self._posed(PairState(right, left)))

    def settled(
        self,
        right: HandParameters,
        left: HandParameters,
        start: tuple[HandParameters, HandParameters],
        *,
        evidence: PairEvidence | None = None,
    ) -> tuple[HandParameters, HandParameters]:
        """Returns one pair parted at the least cost near `start`, where it came out before, with the shapes of that."""
        _require_pairs(right, left)
        known = evidence or PairEvidence()
        state = PairState(*(replace(hand, betas=near.betas) for hand, near in zip((right, left), start, strict=True)))
        goal = objective(self._step, state, self._metrics(state, known))
        x = state.change_to(PairState(*start))
        if goal.penetration(x).max_depth > self._descent.target_m:
            x = descend(goal, x, self._descent).x
        settled = state.moved(settle(goal, x, self._descent).x)
        return settled.right, settled.left

    def _refined(
        self,
        right: HandParameters,
        left: HandParameters,
        seed: int,
        evidence: PairEvidence | None,
        diffusion: PlausibilityDiffusion | None,
    ) -> tuple[HandParameters, HandParameters, RefinementReport]:
        _require_pairs(right, left)
        batch = right.betas.shape[:-1]
        rights, lefts = (_flattened(hand, len(batch)) for hand in (right, left))
        states, reports = [], []
        each = (evidence or PairEvidence()).of_each(len(rights.betas))
        for candidate, known in zip(self._candidates(rights, lefts, each, seed, diffusion), each, strict=True):
            refined, refinement = self._refine(candidate, known, seed)
            states.append(refined)
            reports.append(refinement)
        report = RefinementReport(tuple(reports))
        if not any(pair.is_changed for pair in reports):
            return right, left, report
        return (
            _stacked([state.right for state in states], batch),
            _stacked([state.left for state in states], batch),
            report,
        )

    def _candidates(
        self,
        right: HandParameters,
        left: HandParameters,
        evidence: list[PairEvidence],
        seed: int,
        diffusion: PlausibilityDiffusion | None,
    ) -> list[_Candidate]:
        """Returns every pair with what the diffusion makes of it, all that penetrate at once."""
        collision = Collision.of(self._step, right, left)
        depth = collision.max_depth
        rows = (depth > ALLOWED_DEPTH).nonzero()[:, 0]
        drawn: dict[int, PairState] = {}
        if diffusion is not None and len(rows):
            known = _evidence_of([evidence[int(row)] for row in rows])
            found = diffusion(right[rows], left[rows], known, collision[rows], seed=seed)
            drawn = {
                int(row): PairState(found.right[k], found.left[k])
                for k, row in enumerate(rows)
                if bool(found.is_usable[k])
            }
        return [_Candidate(PairState(right[i], left[i]), float(depth[i]), drawn.get(i)) for i in range(len(depth))]

    def _refine(self, candidate: _Candidate, evidence: PairEvidence, seed: int) -> tuple[PairState, PairRefinement]:
        """Returns one pair as it was drawn if that is near the estimate; else the nearer of the draw and of the parted
        estimate.
        """
        state = candidate.state
        posed = self._posed(state)
        before = self._measure(*posed)
        if candidate.depth <= ALLOWED_DEPTH:
            return state, PairRefinement(before, before, False, False, True, 0.0, 0.0)
        drawn = None if candidate.drawn is None else self._arrived(candidate.drawn, posed, evidence)
        end = drawn
        if end is None or self._errors_of(end) > self._trusted_errors:
            change = self._resolve(state, self._metrics(state, evidence), seed)
            end = self._arrived(state.moved(change), posed, evidence)
            if drawn is not None and self._errors_of(drawn) < self._errors_of(end):
                end = drawn
        shifts = (1e3 * end.vertex_shift, 1e3 * end.image_shift)
        is_resolved = end.report.max_mm <= 1e3 * ALLOWED_DEPTH
        return end.state, PairRefinement(before, end.report, True, end is drawn, is_resolved, *shifts)

    def _errors_of(self, end: _End) -> float:
        """Returns how far a pair is from its estimate, in standard deviations of an estimate's errors."""
        return end.image_shift / self._errors.image_m + end.vertex_shift / self._errors.depth_m

    def _arrived(self, state: PairState, was: tuple[PosedHand, PosedHand], evidence: PairEvidence) -> _End:
        """Returns a pair with how it penetrates, and how far it is from where the hands were."""
        there = self._posed(state)
        return _End(state, self._measure(*there), *_shifts(was, there, evidence.camera))

    def _metrics(self, state: PairState, evidence: PairEvidence) -> tuple[HandMetric, HandMetric]:
        sides = ((state.right, evidence.confidence_right), (state.left, evidence.confidence_left))
        right, left = (
            hand_metric(anatomy, hand, camera=evidence.camera, confidence=confidence, errors=self._errors)
            for anatomy, (hand, confidence) in zip(self._anatomies, sides, strict=True)
        )
        return right, left

    def _resolve(self, state: PairState, metrics: tuple[HandMetric, HandMetric], seed: int) -> Vector:
        """Returns the cheapest change found that resolves the pair, or else the one that leaves least."""
        goal = objective(self._step, state, metrics)
        descent = descend(goal, np.zeros(len(goal.precision)), self._descent)
        if descent.max_depth <= ALLOWED_DEPTH:
            return descent.x
        separated = self._separated(state, metrics, seed)
        if separated is None:
            return descent.x
        return settle(goal, separated, self._descent).x

    def _separated(self, state: PairState, metrics: tuple[HandMetric, HandMetric], seed: int) -> Vector | None:
        """Returns the cheapest relative translation that parts the hands, as a change of both."""
        precision = (metrics[0].precision + metrics[1].precision)[48:, 48:].numpy() / 4
        axes = np.linalg.eigh(precision)[1].T
        drawn = np.random.default_rng(seed).normal(size=(_RANDOM_DIRECTIONS, 3))
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        separation = cheapest_separation(
            lambda translations: translated_depths(self.models, state, translations),
            precision,
            np.concatenate([axes, -axes, drawn]),
            target_m=self._descent.target_m,
        )
        if separation is None:
            return None
        change = np.zeros(2 * len(metrics[0].precision))
        change[48:51], change[99:] = separation.translation / 2, -separation.translation / 2
        return change

    def _posed(self, state: PairState) -> tuple[PosedHand, PosedHand]:
        with torch.no_grad():
            return self.models.right(state.right), self.models.left(state.left)

    def _measure(self, right: PosedHand, left: PosedHand) -> PenetrationReport:
        topologies = (self.models.right.topology, self.models.left.topology)
        with torch.no_grad():
            return PenetrationReport.measure(right.vertices, left.vertices, *topologies)


@dataclass(frozen=True)
class _Candidate:
    """A pair before stage 2, how deep its hands lie in each other (m), and what the diffusion drew, if it is usable."""

    state: PairState
    depth: float
    drawn: PairState | None


@dataclass(frozen=True)
class _End:
    """What stage 2 may make of a pair."""

    state: PairState
    report: PenetrationReport
    vertex_shift: float
    """Mean distance of the vertices from where they were, m."""
    image_shift: float
    """The same of the joints across the viewing rays, m."""


def _is_open_hand(model: HandModel) -> bool:
    """Returns whether the model has the packaged hand's shape space, which the packaged weights were trained on."""
    packaged = HandModel(read_hand_data("open", side=model.side))
    return all(torch.equal(getattr(model, name), getattr(packaged, name)) for name in ("v_template", "shapedirs"))


def _shifts(before: Sequence[PosedHand], after: Sequence[PosedHand], camera: Camera | None) -> tuple[float, float]:
    """Returns how far the vertices moved on average, and the joints across the viewing rays (m)."""
    moves, image_moves = [], []
    with torch.no_grad():
        for was, now in zip(before, after, strict=True):
            moves.append((now.vertices - was.vertices).square().sum(dim=-1).sqrt())
            change = now.joints - was.joints
            if camera is not None:
                change = now.joints * (was.joints[:, 2:] / now.joints[:, 2:]) - was.joints
            image_moves.append(change[:, :2].square().sum(dim=-1).sqrt())
    return float(torch.cat(moves).mean()), float(torch.cat(image_moves).mean())


def _evidence_of(evidence: list[PairEvidence]) -> Evidence:
    """Returns what is known of several pairs of one picture."""
    has_camera = evidence[0].camera is not None
    if evidence[0].confidence_right is None and evidence[0].confidence_left is None:
        return Evidence(has_camera=has_camera, weights=None)
    sides = [[pair.confidence_right, pair.confidence_left] for pair in evidence]
    weights = [torch.stack([torch.ones(21) if side is None else side for side in pair]) for pair in sides]
    return Evidence(has_camera=has_camera, weights=torch.stack(weights))


def _as_batch(tensor: Tensor) -> Tensor:
    return tensor.detach()[None]


def _require_pairs(right: HandParameters, left: HandParameters) -> None:
    if right.betas.shape != left.betas.shape or right.betas.dtype != torch.float32:
        raise ShapeError(
            "right and left must be float32 parameters of as many hands; got betas of shape "
            f"{tuple(right.betas.shape)} ({right.betas.dtype}) and {tuple(left.betas.shape)} ({left.betas.dtype}). "
            "Convert them with .to(dtype=torch.float32)."
        )
    for name, hand in (("right", right), ("left", left)):
        for field in ("global_orient", "hand_pose", "betas", "transl"):
            if not np.isfinite(getattr(hand, field).detach().cpu().numpy()).all():
                raise ShapeError(f"{name}.{field} must be finite; it holds NaN or infinity. Drop that hand.")


def _flattened(hand: HandParameters, leading: int) -> HandParameters:
    return hand.map(lambda tensor: tensor.detach().reshape(-1, *tensor.shape[leading:]))


def _stacked(hands: list[HandParameters], batch: torch.Size) -> HandParameters:
    def stack(name: str) -> Tensor:
        stacked = torch.stack([getattr(hand, name) for hand in hands]).detach()
        return stacked.reshape(*batch, *stacked.shape[1:])

    return HandParameters(stack("global_orient"), stack("hand_pose"), stack("betas"), stack("transl"))
