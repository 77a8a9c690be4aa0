"""What is known of pairs of hands before stage 2, and what it did to them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from a2p.camera import Camera
from a2p.errors import ShapeError
from a2p.penetration import PenetrationReport
from a2p.plausibility.gate import ALLOWED_DEPTH


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
    is_drawn: bool
    """Whether the pair was drawn; otherwise, if it is changed, the descent parted the estimate."""
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
