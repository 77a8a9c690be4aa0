"""What stage 2 changes in a pair over time, on pairs that tremble as an estimator's output does."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from a2p.camera import Camera
from a2p.errors import ConfigError
from a2p.hand import HandModel, HandParameters
from a2p.plausibility import PairEvidence, Refiner
from a2p.tracking import FollowedPair, PairConfig, PairMemory
from tests.plausibility.pairs import near_pair

MODELS = HandModel.load_pair("open")
EVIDENCE = PairEvidence(Camera(1000.0, 1000.0, 500.0, 500.0), torch.ones(21), torch.ones(21))
DT_S = 1 / 30
NAMES = ("global_orient", "hand_pose", "betas", "transl")
DRAWN = 0
"""A pair that is drawn."""

Pair = tuple[HandParameters, HandParameters]


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(MODELS, method="diffusion")


def _trembling(count: int, seed: int = 0) -> list[Pair]:
    generator = torch.Generator().manual_seed(seed)
    right, left = near_pair(MODELS, DRAWN)

    def shaken(hand: HandParameters) -> HandParameters:
        pose = hand.hand_pose + 0.01 * torch.randn(15, 3, generator=generator)
        return HandParameters(
            hand.global_orient, pose, hand.betas, hand.transl + 5e-4 * torch.randn(3, generator=generator)
        )

    return [(shaken(right), shaken(left)) for _ in range(count)]


def _apart(pair: Pair) -> Pair:
    right, left = pair
    away = left.transl + torch.tensor([0.0, 0.0, 0.2])
    return right, HandParameters(left.global_orient, left.hand_pose, left.betas, away)


def _follow(refiner: Refiner, frames: list[Pair], memory: PairMemory | None = None) -> list[FollowedPair]:
    memory = memory or PairMemory()
    return [memory(refiner, right, left, EVIDENCE, DT_S) for right, left in frames]


def _points(pair: tuple[HandParameters, ...]) -> Tensor:
    with torch.no_grad():
        return torch.cat([model(hand).joints for model, hand in zip(MODELS, pair, strict=True)])


def _jitter(pairs: list[Pair]) -> float:
    points = torch.stack([_points(pair) for pair in pairs])
    return float((points - points.mean(0)).square().sum(-1).mean().sqrt())


def _same(one: tuple[HandParameters, ...], other: tuple[HandParameters, ...]) -> bool:
    return all(torch.equal(getattr(a, n), getattr(b, n)) for a, b in zip(one, other, strict=True) for n in NAMES)


def test_the_first_frame_is_what_stage_2_makes_of_a_picture(refiner: Refiner) -> None:
    right, left = near_pair(MODELS, DRAWN)
    alone = refiner(right, left, evidence=EVIDENCE)
    assert alone[2].pairs[0].is_drawn
    assert _same(_follow(refiner, [(right, left)])[0][:2], alone[:2])


def test_hands_that_tremble_do_not_tremble_more_after_stage_2(refiner: Refiner) -> None:
    frames = _trembling(10)
    followed = _follow(refiner, frames)
    after = _jitter([(pair.right, pair.left) for pair in followed])
    alone = _jitter([refiner(*frame, evidence=EVIDENCE)[:2] for frame in frames])
    assert after < 0.9 * alone
    assert after < 1.5 * _jitter(frames)
    assert all(pair.after.max_mm <= 1 for pair in followed)


def test_pairs_that_need_no_change_stay_as_they_are_to_the_bit(refiner: Refiner) -> None:
    frames = [_apart(frame) for frame in _trembling(3)]
    memory = PairMemory()
    for frame, pair in zip(frames, _follow(refiner, frames, memory), strict=True):
        assert _same(frame, pair[:2])
    assert not memory.is_changing


def test_a_change_outlasts_a_short_parting_and_then_goes_without_a_jump(refiner: Refiner) -> None:
    touching, parted = _trembling(2)[0], _apart(_trembling(2)[0])
    memory = PairMemory(PairConfig(apart_s=0.1))
    _follow(refiner, [touching] * 3, memory)
    ends = _follow(refiner, [parted] * 25, memory)
    moved = [float((_points(end[:2]) - _points(parted)).norm(dim=-1).mean()) for end in ends]
    assert min(moved[:3]) > 1e-3
    assert all(0.4 * earlier - 1e-4 <= later <= earlier + 1e-6 for earlier, later in pairwise(moved[4:]))
    assert _same(ends[-1][:2], parted)
    assert not memory.is_changing


def test_hands_that_were_shown_as_they_are_do_not_jump_when_they_begin_to_penetrate(refiner: Refiner) -> None:
    parted, touching = _apart(_trembling(2)[0]), _trembling(2)[0]
    slow = PairConfig()
    memory = PairMemory(slow)
    ends = _follow(refiner, [parted, touching], memory)
    whole = refiner(*touching, evidence=EVIDENCE)[:2]
    step = float((_points(ends[1][:2]) - _points(touching)).norm(dim=-1).mean())
    assert ends[1].after.max_mm <= 1
    assert step < float((_points(whole) - _points(touching)).norm(dim=-1).mean())


def test_draws_that_are_of_use_in_every_second_frame_make_no_jumps(
    refiner: Refiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [_trembling(1)[0]] * 12
    calls: list[int] = []

    def drawn(right: HandParameters, left: HandParameters, **known: PairEvidence) -> Pair | None:
        calls.append(len(calls))
        return Refiner.drawn(refiner, right, left, **known) if len(calls) % 2 else None

    monkeypatch.setattr(refiner, "drawn", drawn)
    points = torch.stack([_points(pair[:2]) for pair in _follow(refiner, frames)])
    assert len(calls) == 11
    assert float((points[1:] - points[:-1]).norm(dim=-1).max()) < 2e-3


def test_draws_that_stay_useless_are_followed_no_longer_and_tried_less_often(
    refiner: Refiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def useless(*_: HandParameters, evidence: PairEvidence) -> None:  # noqa: ARG001
        calls.append(0)

    monkeypatch.setattr(refiner, "drawn", useless)
    memory = PairMemory(PairConfig(switch_s=0.1, retry_s=0.5))
    ends = _follow(refiner, [_trembling(1)[0]] * 20, memory)
    assert 4 <= len(calls) <= 6
    assert all(end.after.max_mm <= 1 for end in ends)


def test_the_same_frames_give_the_same_bits(refiner: Refiner) -> None:
    first, second = (_follow(refiner, _trembling(6)) for _ in range(2))
    assert all(_same(a[:2], b[:2]) for a, b in zip(first, second, strict=True))


def test_impossible_times_and_lengths_are_errors() -> None:
    with pytest.raises(ConfigError, match="switch_s must be positive"):
        PairConfig(switch_s=0.0)
