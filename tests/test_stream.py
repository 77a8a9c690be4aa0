"""`Reconstructor.stream` on frames made of the packaged example."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
import torch

import a2p
from a2p.aligner import AlignedHands
from a2p.finisher import MAX_PENETRATION_MM
from a2p.perception import load_image
from a2p.pipeline import HandStream
from a2p.tracking import StreamMemory, TrackingConfig
from tests.plausibility.pairs import near_pair

FRAMES = 4


@pytest.fixture(scope="module")
def reconstructor() -> a2p.Reconstructor:
    return a2p.Reconstructor()


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return load_image((resources.files("a2p") / "assets" / "example.jpg").read_bytes()).pixels


@pytest.fixture(scope="module")
def streamed(reconstructor: a2p.Reconstructor, image: np.ndarray) -> list[a2p.Reconstruction]:
    draw = np.random.default_rng(0)
    frames = (np.clip(image + draw.normal(0, 4, image.shape), 0, 255).astype(np.uint8) for _ in range(FRAMES))
    return list(reconstructor.stream(frames))


def test_both_hands_keep_their_numbers(streamed: list[a2p.Reconstruction]) -> None:
    assert len(streamed) == FRAMES
    ids = [{hand.handedness: hand.track_id for hand in result.hands} for result in streamed]
    assert ids == [ids[0]] * FRAMES
    assert set(ids[0]) == {"left", "right"}
    assert set(ids[0].values()) == {1, 2}


def test_a_followed_hand_lies_where_a_still_picture_shows_it(
    reconstructor: a2p.Reconstructor, image: np.ndarray, streamed: list[a2p.Reconstruction]
) -> None:
    still = reconstructor(image)
    for mine, theirs in ((still.right, streamed[-1].right), (still.left, streamed[-1].left)):
        assert mine is not None
        assert theirs is not None
        x0, y0, x1, y1 = mine.box_xyxy_px
        distance = (mine.keypoints_2d - theirs.keypoints_2d).norm(dim=-1).mean()
        assert float(distance) < 0.03 * max(x1 - x0, y1 - y0)
        assert mine.track_id is None
    assert streamed[-1].penetration.max_mm <= MAX_PENETRATION_MM


def test_frames_without_hands_are_empty_and_streams_know_nothing_of_each_other(
    reconstructor: a2p.Reconstructor, image: np.ndarray
) -> None:
    blank = np.full_like(image, 127)
    first, second = HandStream(reconstructor), HandStream(reconstructor)
    assert first(blank).hands == ()
    assert {hand.track_id for hand in first(image).hands} <= {1, 2}
    assert {hand.track_id for hand in second(image, time_s=5.0).hands} == {1, 2}


def test_what_is_drawn_of_a_pair_goes_on_in_a_stream_and_begins_anew_after_a_gap(image: np.ndarray) -> None:
    drawing = a2p.Reconstructor(refine="diffusion")
    memory = StreamMemory(drawing.models, TrackingConfig(search_frames=1))

    def aligned() -> AlignedHands:
        """The hands of the picture, posed so that they pass through each other."""
        found = drawing._align.follow(image, memory)
        right, left = found.pairs[0]
        near = dict(zip((right, left), near_pair(drawing.models, 0), strict=True))
        same = found.fit.keypoints_2d[:1].expand(2, -1, -1)
        return replace(found, parameters=(near[0], near[1]), fit=replace(found.fit, keypoints_2d=same))

    first = aligned()
    alone, begun = drawing._finish(first), drawing._finish(first, memory)
    assert torch.equal(alone.hands[0].vertices, begun.hands[0].vertices)
    pair = memory.pair(*first.pairs[0])
    assert pair is not None
    assert pair.is_changing
    second = aligned()
    assert memory.pair(*second.pairs[0]) is pair
    assert drawing._finish(second, memory).penetration.max_mm <= MAX_PENETRATION_MM
    drawing._finish(drawing._align.follow(np.full_like(image, 127), memory), memory)
    assert memory.pair(*aligned().pairs[0]) is not pair
