"""Stage 2 alone: hands that penetrate in, hands that touch out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
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
from a2p.plausibility.separation import cheapest_separation
from a2p.plausibility.weights import load_denoiser

Vector = npt.NDArray[np.float64]

_RANDOM_DIRECTIONS = 10


@dataclass(frozen=True)
class PairEvidence:
    """What else is known about a pair in one picture."""

    camera: Camera | None = None
    """Without one, viewing rays are taken as parallel to z."""
    confidence_right: Float[Tensor, "*batch 21"] | None = None
    """How much each keypoint of the right hand is to be held in the image, 0 to 1; for all pairs, or for each."""
    confidence_left: Float[Tensor, "*batch 21"] | None = None

    def of_each(self, count: int) -> list[PairEvidence]:
        """Returns the evidence of each of `count` pairs."""
        sides = [_for_each(side, count) for side in (self.confidence_right, self.confidence_left)]
        return [PairEvidence(self.camera, right, left) for right, left in zip(*sides, strict=True)]


@dataclass(frozen=True)
class PairRefinement:
    """What stage 2 did to one pair."""

    before: PenetrationReport
    after: PenetrationReport
    is_changed: bool
    """False where the hands penetrated no deeper than a contact: then not a bit of them changed."""
    is_resolved: bool
    """Whether no vertex is deeper than 1 mm any more."""
    vertex_shift_mm: float
    """Mean distance that the vertices moved."""
    image_shift_mm: float
    """Mean distance that the joints moved across the viewing rays."""

    @property
    def warning(self) -> str | None:
        """What a person should know, if anything."""
        if self.is_resolved:
            return None
        return (
            f"the hands still penetrate by {self.after.max_mm:.1f} mm; at most {1e3 * ALLOWED_DEPTH:.0f} was asked for"
        )


@dataclass(frozen=True)
class RefinementReport:
    """What stage 2 did to every pair of the batch, in order."""

    pairs: tuple[PairRefinement, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of all pairs, each with the pair's number if there are several."""
        several = len(self.pairs) > 1
        return tuple(
            f"pair {i}: {pair.warning}" if several else pair.warning
            for i, pair in enumerate(self.pairs)
            if pair.warning is not None
        )


RefineMethod: TypeAlias = Literal["diffusion", "descent"]
"""How pairs are made plausible: drawn from the learned model of two hands, or moved apart at the least cost."""


DEFAULT_METHOD: RefineMethod = "descent"
"""What measures better."""


class Refiner:
    """Makes pairs of hands that penetrate by more than 1 mm plausible; others come back as they are, to the bit.

    `diffusion` draws the pair from a learned model of two hands, given the estimate, and moves it until it only
    touches; where that leaves the image, or the hands in each other, it does what `descent` does. `descent` moves the
    estimate at the least cost under an estimator's errors; shape stays. The same input and seed give the same output.
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
        self._diffusion: PlausibilityDiffusion | None = None
        if method == "diffusion":
            config = DiffusionConfig() if diffusion is None else diffusion
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
        _require_pairs(right, left)
        batch = right.betas.shape[:-1]
        rights, lefts = (_flattened(hand, len(batch)) for hand in (right, left))
        states, reports = [], []
        each = (evidence or PairEvidence()).of_each(len(rights.betas))
        for candidate, known in zip(self._sampled(rights, lefts, each, seed), each, strict=True):
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

    def _sampled(
        self, right: HandParameters, left: HandParameters, evidence: list[PairEvidence], seed: int
    ) -> list[_Candidate]:
        """Returns every pair with what the diffusion makes of it, all that penetrate at once.

        What it draws is of use where the hands are apart and still where the image shows them.
        """
        collision = Collision.of(self._step, right, left)
        depth = collision.max_depth
        rows = (depth > ALLOWED_DEPTH).nonzero()[:, 0]
        drawn: dict[int, PairState] = {}
        if self._diffusion is not None and len(rows):
            known = _evidence_of([evidence[int(row)] for row in rows])
            found = self._diffusion(right[rows], left[rows], known, collision[rows], seed=seed)
            usable = (found.max_depth <= ALLOWED_DEPTH) & found.is_seen
            drawn = {
                int(row): PairState(found.right[k], found.left[k]) for k, row in enumerate(rows) if bool(usable[k])
            }
        return [_Candidate(PairState(right[i], left[i]), float(depth[i]), drawn.get(i)) for i in range(len(depth))]

    def _refine(self, candidate: _Candidate, evidence: PairEvidence, seed: int) -> tuple[PairState, PairRefinement]:
        state = candidate.state
        posed = self._posed(state)
        before = self._measure(*posed)
        if candidate.depth <= ALLOWED_DEPTH:
            return state, PairRefinement(before, before, False, True, 0.0, 0.0)
        refined = state if candidate.drawn is None else candidate.drawn
        there = posed if candidate.drawn is None else self._posed(refined)
        after = before if candidate.drawn is None else self._measure(*there)
        if after.max_mm > 1e3 * ALLOWED_DEPTH:
            metrics = (
                self._metric(0, refined.right, evidence.camera, evidence.confidence_right),
                self._metric(1, refined.left, evidence.camera, evidence.confidence_left),
            )
            refined = refined.moved(self._resolve(refined, metrics, seed))
            there = self._posed(refined)
            after = self._measure(*there)
        vertex_shift, image_shift = _shifts(posed, there, evidence.camera)
        is_resolved = after.max_mm <= 1e3 * ALLOWED_DEPTH
        return refined, PairRefinement(before, after, True, is_resolved, 1e3 * vertex_shift, 1e3 * image_shift)

    def _metric(
        self, hand: int, parameters: HandParameters, camera: Camera | None, confidence: Tensor | None
    ) -> HandMetric:
        return hand_metric(self._anatomies[hand], parameters, camera=camera, confidence=confidence, errors=self._errors)

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
    """A pair before stage 2, how deep its hands lie in each other (m), and what the diffusion drew, if it is of use."""

    state: PairState
    depth: float
    drawn: PairState | None


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


def _for_each(confidence: Float[Tensor, "*batch 21"] | None, count: int) -> list[Tensor | None]:
    if confidence is None:
        return [None] * count
    rows = confidence.detach().float().reshape(-1, 21)
    if len(rows) not in (1, count):
        raise ShapeError(
            f"a confidence must be of shape (21,) or of one row for each of the {count} pairs; got "
            f"{tuple(confidence.shape)}."
        )
    return list(rows.expand(count, 21))


def _evidence_of(evidence: list[PairEvidence]) -> Evidence:
    """Returns what is known of several pairs of one picture."""
    has_camera = evidence[0].camera is not None
    if evidence[0].confidence_right is None and evidence[0].confidence_left is None:
        return Evidence(has_camera=has_camera, weights=None)
    sides = [[pair.confidence_right, pair.confidence_left] for pair in evidence]
    weights = [torch.stack([torch.ones(21) if side is None else side for side in pair]) for pair in sides]
    return Evidence(has_camera=has_camera, weights=torch.stack(weights))


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
