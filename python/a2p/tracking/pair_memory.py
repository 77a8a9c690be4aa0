"""Stage 2 over time: what it changes in a pair goes on from frame to frame.

What stage 2 makes of an estimate depends on the estimate: by itself it would jitter, and jump wherever a held pose
penetrates in one frame and not in the next, or is drawn in one and parted in the next. So the change follows slowly
what stage 2 would make of each frame, by draws or by parting until the other has been right for a while; and it is
taken back, as slowly, only when the estimates have been apart for a while.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from a2p.errors import ConfigError
from a2p.hand import HandParameters
from a2p.penetration import PenetrationReport
from a2p.plausibility import PairEvidence, RefinementReport, Refiner
from a2p.tracking.one_euro import OneEuro
from a2p.tracking.pair_change import PairChange, PairChangeFilter, PairPose

Hands: TypeAlias = tuple[HandParameters, HandParameters]
"""The right and the left hand of one pair."""


@dataclass(frozen=True, kw_only=True)
class PairConfig:
    """How stage 2's change of a pair goes on from frame to frame."""

    following: OneEuro = field(default_factory=lambda: OneEuro(min_cutoff_hz=4.0, beta=0.0))
    """How fast the change follows what stage 2 makes of a frame."""
    apart_mm: float = 0.2
    """Estimates no deeper than this are apart ..."""
    apart_s: float = 0.3
    """... and when they were so long enough, the change is taken back."""
    switch_s: float = 0.5
    """For so long all draws must have been of use, or none, before draws are followed, or no longer."""
    retry_s: float = 0.2
    """While draws are not followed, one is tried so often."""
    least_rad: float = 2e-3
    """A change that is taken back is dropped when it turns no joint farther than this ..."""
    least_mm: float = 0.2
    """... and moves no hand farther than this."""

    def __post_init__(self) -> None:
        for name in ("apart_mm", "apart_s", "switch_s", "retry_s", "least_rad", "least_mm"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive; got {getattr(self, name)}. Leave it out for the default.")


class FollowedPair(NamedTuple):
    """A pair after stage 2, and how it penetrated before and after."""

    right: HandParameters
    left: HandParameters
    before: PenetrationReport
    after: PenetrationReport

    @classmethod
    def of(cls, right: HandParameters, left: HandParameters, report: RefinementReport) -> FollowedPair:
        """Returns what stage 2 made of one pair by itself."""
        return cls(right, left, report.pairs[0].before, report.pairs[0].after)


class PairMemory:
    """What stage 2 changes in one pair; while it needs no change, and needed none lately, not a bit of it changes."""

    def __init__(self, config: PairConfig | None = None) -> None:
        self.config = config or PairConfig()
        self._is_new = True
        self._filter: PairChangeFilter | None = None
        self._last = PairChange.none()
        self._apart_s = 0.0
        self._draws = _DrawsFollowed(self.config, False)

    @property
    def is_changing(self) -> bool:
        """Whether a change goes on."""
        return self._filter is not None

    def __call__(
        self, refiner: Refiner, right: HandParameters, left: HandParameters, evidence: PairEvidence, dt_s: float
    ) -> FollowedPair:
        """Returns the pair of the next frame, `dt_s` after the last."""
        is_new, self._is_new = self._is_new, False
        if self._filter is not None:
            return self._followed(self._filter, refiner, (right, left), evidence, dt_s)
        new_right, new_left, report = refiner(right, left, evidence=evidence)
        done = report.pairs[0]
        if not done.is_changed:
            return FollowedPair(right, left, done.before, done.after)
        pose = PairPose.of(right, left)
        self._filter = PairChangeFilter(self.config.following)
        self._apart_s = 0.0
        self._draws = _DrawsFollowed(self.config, done.is_drawn)
        change = PairPose.of(new_right, new_left).since(pose)
        if is_new:
            self._last = self._filter(change, dt_s)
            return FollowedPair(new_right, new_left, done.before, done.after)
        # Hands that were shown as they are do not jump.
        self._filter(PairChange.none(), dt_s)
        return self._changed(refiner, pose, self._filter(change, dt_s), evidence, done.before)

    def _followed(
        self,
        smooth: PairChangeFilter,
        refiner: Refiner,
        hands: Hands,
        evidence: PairEvidence,
        dt_s: float,
    ) -> FollowedPair:
        """Returns the pair where a change goes on."""
        before = refiner.measure(*hands)
        pose = PairPose.of(*hands)
        self._apart_s = self._apart_s + dt_s if before.max_mm <= self.config.apart_mm else 0.0
        if self._apart_s <= self.config.apart_s:
            return self._changed(
                refiner, pose, smooth(self._wanted(refiner, hands, pose, evidence, dt_s), dt_s), evidence, before
            )
        change = smooth(PairChange.none(), dt_s)
        if change.turn <= self.config.least_rad and 1e3 * change.move <= self.config.least_mm:
            self._filter = None
            return FollowedPair(*hands, before, before)
        return self._changed(refiner, pose, change, evidence, before)

    def _wanted(
        self, refiner: Refiner, hands: Hands, pose: PairPose, evidence: PairEvidence, dt_s: float
    ) -> PairChange:
        """Returns the change that stage 2 would make of the frame.

        That is the draw, whose noise is the same in every frame, or the last change where it is of no use. Where draws
        have been of no use for a while, the hands are parted near where they came out before: from scratch that is slow
        and may end elsewhere each time.
        """
        if self._draws.is_due(dt_s):
            found = refiner.drawn(*hands, evidence=evidence)
            self._draws.note(found is not None)
            if self._draws.are_followed:
                return self._last if found is None else PairPose.of(*found).since(pose)
        found = refiner.settled(*hands, pose.changed(self._last).parameters(), evidence=evidence)
        return PairPose.of(*found).since(pose)

    def _changed(
        self, refiner: Refiner, pose: PairPose, change: PairChange, evidence: PairEvidence, before: PenetrationReport
    ) -> FollowedPair:
        """Returns the pair after a change, parted where it still penetrates."""
        hands = pose.changed(change).parameters()
        right, left, report = refiner.parted(*hands, evidence=evidence)
        self._last = PairPose.of(right, left).since(pose)
        return FollowedPair(right, left, before, report.pairs[0].after)


class _DrawsFollowed:
    """Whether draws are followed: that changes when what speaks against it has lasted."""

    def __init__(self, config: PairConfig, are_followed: bool) -> None:
        self.are_followed = are_followed
        self._config = config
        self._against_s = 0.0
        self._since_s = 0.0

    def is_due(self, dt_s: float) -> bool:
        """Returns whether to draw, `dt_s` after the last frame."""
        self._since_s += dt_s
        return self.are_followed or self._since_s >= self._config.retry_s

    def note(self, is_useful: bool) -> None:
        """Takes note of a draw."""
        self._against_s = self._against_s + self._since_s if is_useful != self.are_followed else 0.0
        self._since_s = 0.0
        if self._against_s > self._config.switch_s:
            self.are_followed = not self.are_followed
            self._against_s = 0.0
