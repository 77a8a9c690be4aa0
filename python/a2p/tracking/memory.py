"""What one stream remembers from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from a2p.alignment.hand_chain import HandState
from a2p.errors import ConfigError
from a2p.hand import HandPair, HandParameters
from a2p.perception import HandObservation
from a2p.perception.image import Pixels
from a2p.tracking.pair_memory import PairConfig, PairMemory
from a2p.tracking.smoothing import HandSmoother, SmoothingConfig

_PALM = (0, 1, 5, 9, 13, 17)


@runtime_checkable
class Finder(Protocol):
    """What sees hands in a frame: `a2p.perception.HandFinder`."""

    def find_hands(self, image: Pixels, *, max_hands: int) -> tuple[HandObservation, ...]:
        """Returns all hands of a frame."""

    def follow_hands(self, image: Pixels, last: Sequence[HandObservation]) -> tuple[HandObservation | None, ...]:
        """Returns each known hand where it is now, or None."""


@dataclass(frozen=True, kw_only=True)
class TrackingConfig:
    """How hands are followed from frame to frame."""

    frame_rate_hz: float = 30.0
    """Frames a second where frames come without a time."""
    search_frames: int = 10
    """While fewer hands than wanted are in view, the whole frame is searched once in so many frames."""
    verify_frames: int = 60
    """While all hands wanted are in view, the same once in so many frames: what was taken for a hand, or for the other
    hand, is found out."""
    refit_frames: int = 15
    """Once in so many frames alignment starts from scratch, and leaves a pose that it is stuck in."""
    memory_s: float = 1.0
    """A hand that is lost keeps its identity for so long."""
    reach: float = 1.5
    """A hand found anew is a lost one where their palms are at most so many hand sizes apart."""
    smoothing: SmoothingConfig | None = field(default_factory=SmoothingConfig)
    """None for no filter."""
    pairs: PairConfig | None = field(default_factory=PairConfig)
    """How what stage 2 draws of a pair goes on; None takes each frame by itself."""

    def __post_init__(self) -> None:
        for name in ("frame_rate_hz", "search_frames", "verify_frames", "refit_frames", "memory_s", "reach"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive; got {getattr(self, name)}. Leave it out for the default.")


@dataclass
class _Track:
    """One hand, followed."""

    track_id: int
    observation: HandObservation
    seen_s: float
    smoother: HandSmoother | None
    state: HandState | None = None


class StreamMemory:
    """The hands of one stream: identities, where each was last, its last pose and its filter.

    One frame after the other: `see`, then `start`, `settle`, and `pair` of each pair. Some kilobytes a hand; nothing
    outlives the object.
    """

    def __init__(self, models: HandPair, config: TrackingConfig | None = None) -> None:
        self.config = config or TrackingConfig()
        self._models = models
        self._present: list[_Track] = []
        self._lost: list[_Track] = []
        self._pairs: dict[tuple[int, int], PairMemory] = {}
        self._paired: set[tuple[int, int]] = set()
        self._last_id = 0
        self._now_s = 0.0
        self._frame = -1
        self._dt_s = 1.0 / self.config.frame_rate_hz
        self._searched = -self.config.search_frames

    @property
    def track_ids(self) -> tuple[int, ...]:
        """The identities of the hands of the last frame, in the order of its observations."""
        return tuple(track.track_id for track in self._present)

    @property
    def dt_s(self) -> float:
        """The time from the frame before to the last one."""
        return self._dt_s

    def pair(self, right: int, left: int) -> PairMemory | None:
        """Returns what is remembered of two hands of the last frame, given their places among its observations."""
        if self.config.pairs is None:
            return None
        ids = (self._present[right].track_id, self._present[left].track_id)
        self._paired.add(ids)
        return self._pairs.setdefault(ids, PairMemory(self.config.pairs))

    def see(
        self, finder: Finder, image: Pixels, *, max_hands: int, time_s: float | None = None
    ) -> tuple[HandObservation, ...]:
        """Returns the hands of the next frame: followed where they were, searched for where that does not do."""
        self._advance(time_s)
        before = self._present
        followed = finder.follow_hands(image, [track.observation for track in self._present]) if self._present else ()
        if self._must_search(followed, max_hands):
            self._searched = self._frame
            self._recognise(finder.find_hands(image, max_hands=max_hands))
        else:
            tracks = list(zip(self._present, followed, strict=True))
            self._lost += [track for track, seen in tracks if seen is None]
            self._present = [self._seen_again(track, seen) for track, seen in tracks if seen is not None]
        self._keep_pairs(before)
        return tuple(track.observation for track in self._present)

    def start(self) -> HandState | None:
        """Returns where alignment may start; None where a hand is new or it is time to look at all starts again."""
        states = [track.state for track in self._present if track.state is not None]
        if len(states) < len(self._present) or not states or self._frame % self.config.refit_frames == 0:
            return None
        return HandState.joined(states)

    def settle(self, state: HandState, parameters: Sequence[HandParameters]) -> list[HandParameters]:
        """Keeps the frame's fit for the next one and returns its parameters with less jitter."""
        settled = []
        for index, (track, own) in enumerate(zip(self._present, parameters, strict=True)):
            track.state = state[index : index + 1]
            settled.append(own if track.smoother is None else track.smoother(own, self._dt_s))
        return settled

    def _advance(self, time_s: float | None) -> None:
        """Moves on to the next frame. Times that do not increase are replaced by the frame rate's."""
        nominal = 1.0 / self.config.frame_rate_hz
        now_s = self._now_s + nominal if time_s is None else time_s
        first = self._frame < 0
        self._dt_s = now_s - self._now_s if not first and now_s > self._now_s else nominal
        self._now_s = now_s if first else self._now_s + self._dt_s
        self._frame += 1
        self._lost = [track for track in self._lost if self._now_s - track.seen_s <= self.config.memory_s]

    def _must_search(self, followed: Sequence[HandObservation | None], max_hands: int) -> bool:
        found = sum(seen is not None for seen in followed)
        since = self._frame - self._searched
        due = since >= (self.config.search_frames if found < max_hands else self.config.verify_frames)
        return found < len(followed) or due

    def _keep_pairs(self, before: Sequence[_Track]) -> None:
        """Forgets the pairs of hands that were away, which may come back anywhere, and those that are none any more."""
        stayed = {track.track_id for track in self._present if any(track is other for other in before)}
        self._pairs = {ids: pair for ids, pair in self._pairs.items() if stayed.issuperset(ids) and ids in self._paired}
        self._paired = set()

    def _recognise(self, observations: Sequence[HandObservation]) -> None:
        """Gives the hands of a whole search the identities of those that were known, nearest first."""
        known = self._present + self._lost
        chosen = _matches([track.observation for track in known], observations, self.config.reach)
        self._lost = [track for k, track in enumerate(known) if k not in chosen.values()]
        present = []
        for i, seen in enumerate(observations):
            track = known[chosen[i]] if i in chosen else None
            if track is None or chosen[i] >= len(self._present):
                track = self._begun(seen, track)
            present.append(self._seen_again(track, seen))
        self._present = present

    def _begun(self, seen: HandObservation, lost: _Track | None) -> _Track:
        """Returns the track of a hand that is new or back in view: without a pose to go on from."""
        smoothing = self.config.smoothing
        model = self._models.right if seen.handedness == "right" else self._models.left
        if lost is None:
            self._last_id += 1
        return _Track(
            track_id=self._last_id if lost is None else lost.track_id,
            observation=seen,
            seen_s=self._now_s,
            smoother=None if smoothing is None else HandSmoother(model, smoothing),
        )

    def _seen_again(self, track: _Track, observation: HandObservation) -> _Track:
        track.observation, track.seen_s = observation, self._now_s
        return track


def _matches(known: Sequence[HandObservation], seen: Sequence[HandObservation], reach: float) -> dict[int, int]:
    """Returns which known hand each seen one is, by index; nearest pairs first, within `reach` hand sizes."""
    near = sorted(
        (_apart(one, other), i, k)
        for i, one in enumerate(seen)
        for k, other in enumerate(known)
        if one.handedness == other.handedness
    )
    chosen: dict[int, int] = {}
    for apart, i, k in near:
        if apart <= reach and i not in chosen and k not in chosen.values():
            chosen[i] = k
    return chosen


def _apart(a: HandObservation, b: HandObservation) -> float:
    """Returns how far apart two hands' palms are, in sizes of the larger hand."""
    palm = list(_PALM)

    def size(points: Float[Tensor, "21 2"]) -> float:
        return max(float((points.amax(0) - points.amin(0)).max()), 1e-6)

    between = (a.keypoints_2d[palm] - b.keypoints_2d[palm]).norm(dim=-1).mean()
    return float(between) / max(size(a.keypoints_2d), size(b.keypoints_2d))
