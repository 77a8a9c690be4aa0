"""Who is who from frame to frame, with perception played by a script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from a2p.errors import ConfigError
from a2p.hand import HandModel
from a2p.perception import Handedness, HandObservation
from a2p.tracking import StreamMemory, TrackingConfig

IMAGE = np.zeros((48, 64, 3), np.uint8)
MODELS = HandModel.load_pair("open")


def _hand(handedness: Handedness, x: float, y: float = 100.0) -> HandObservation:
    draw = torch.Generator().manual_seed(0)
    points = torch.tensor([x, y]) + 50.0 * torch.rand(21, 2, generator=draw)
    return HandObservation(handedness, 0.9, (x, y, x + 50.0, y + 50.0), points, torch.ones(21), torch.zeros(21, 3))


class ScriptedFinder:
    """Shows one list of hands a frame. What is near a hand of the frame before can be followed."""

    def __init__(self, frames: Sequence[Sequence[HandObservation]]) -> None:
        self.frames = list(frames)
        self.frame = -1
        self.searches = 0

    def find_hands(self, image: np.ndarray, *, max_hands: int) -> tuple[HandObservation, ...]:  # noqa: ARG002
        self.searches += 1
        return tuple(self.frames[self.frame])

    def follow_hands(
        self,
        image: np.ndarray,  # noqa: ARG002
        last: Sequence[HandObservation],
    ) -> tuple[HandObservation | None, ...]:
        def near(old: HandObservation) -> HandObservation | None:
            for hand in self.frames[self.frame]:
                if float((hand.keypoints_2d - old.keypoints_2d).norm(dim=-1).mean()) < 25.0:
                    return hand
            return None

        return tuple(near(old) for old in last)


def _run(frames: Sequence[Sequence[HandObservation]], **config: Any) -> tuple[list[tuple[int, ...]], ScriptedFinder]:
    finder, memory = ScriptedFinder(frames), StreamMemory(MODELS, TrackingConfig(**config))
    ids = []
    for index in range(len(frames)):
        finder.frame = index
        memory.see(finder, IMAGE, max_hands=2)
        ids.append(memory.track_ids)
    return ids, finder


def test_a_hand_keeps_its_number_while_it_moves_and_one_search_does() -> None:
    frames = [[_hand("right", 10.0 * k), _hand("left", 600.0 - 10.0 * k)] for k in range(20)]
    ids, finder = _run(frames)
    assert ids == [(1, 2)] * 20
    assert finder.searches == 1


def test_a_hand_that_jumps_is_searched_for_and_recognised() -> None:
    ids, finder = _run([[_hand("right", 0.0)], [_hand("right", 45.0)]])
    assert ids == [(1,), (1,)]
    assert finder.searches == 2


def test_a_hand_back_within_a_second_is_the_same_and_later_a_new_one() -> None:
    absent: list[list[HandObservation]] = [[] for _ in range(20)]
    soon, _ = _run([[_hand("left", 5.0)], *absent, [_hand("left", 20.0)]], search_frames=1)
    late, _ = _run([[_hand("left", 5.0)], *absent, *absent, [_hand("left", 20.0)]], search_frames=1)
    assert (soon[0], soon[10], soon[-1]) == ((1,), (), (1,))
    assert late[-1] == (2,)


def test_a_left_hand_is_never_taken_for_the_right_hand_that_was_there() -> None:
    ids, _ = _run([[_hand("right", 0.0)], [_hand("left", 30.0)]])
    assert ids == [(1,), (2,)]


def test_a_second_hand_is_noticed_at_the_next_search() -> None:
    ids, finder = _run([[_hand("right", 0.0)]] * 2 + [[_hand("right", 0.0), _hand("left", 300.0)]] * 12)
    assert ids[9] == (1,)
    assert ids[10] == (1, 2)
    assert finder.searches == 2


def test_what_is_in_view_is_searched_again_after_a_while() -> None:
    _, finder = _run([[_hand("right", 0.0), _hand("left", 300.0)]] * 25, verify_frames=10)
    assert finder.searches == 3


@pytest.mark.parametrize("fields", [{"frame_rate_hz": 0.0}, {"search_frames": 0}, {"reach": -1.0}], ids=str)
def test_a_setting_that_cannot_work_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        TrackingConfig(**fields)


def test_a_pair_is_remembered_while_both_hands_stay_and_are_a_pair() -> None:
    right, left = _hand("right", 0.0), _hand("left", 300.0)
    shown: list[list[HandObservation]] = [[right, left], [right, left], [right], [right, left], [right, left]]
    finder, memory = ScriptedFinder(shown), StreamMemory(MODELS, TrackingConfig(search_frames=1))
    pairs = []
    for index, hands in enumerate(shown):
        finder.frame = index
        memory.see(finder, IMAGE, max_hands=2)
        pairs.append(memory.pair(0, 1) if len(hands) == 2 and index < 4 else None)
    assert pairs[0] is pairs[1]
    assert pairs[3] is not None
    assert pairs[3] is not pairs[0]
    finder.frame = 4
    memory.see(finder, IMAGE, max_hands=2)
    assert memory.pair(0, 1) is not pairs[3]


def test_pairs_are_not_remembered_where_each_frame_is_to_be_taken_by_itself() -> None:
    finder = ScriptedFinder([[_hand("right", 0.0), _hand("left", 300.0)]])
    finder.frame = 0
    memory = StreamMemory(MODELS, TrackingConfig(pairs=None))
    memory.see(finder, IMAGE, max_hands=2)
    assert memory.pair(0, 1) is None
