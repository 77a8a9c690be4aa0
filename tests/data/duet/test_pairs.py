"""Hand pairs: the same for one seed and index, with limits kept and without penetration."""

from __future__ import annotations

import pytest
import torch

from a2p.data.duet import DuetPairs, sample_pairs
from a2p.data.duet.corruption import max_depths
from a2p.errors import ConfigError, ShapeError
from a2p.hand import HandModel, HandPair, HandParameters


@pytest.fixture(scope="module")
def models() -> HandPair:
    return HandModel.load_pair()


@pytest.fixture(scope="module")
def pairs() -> DuetPairs:
    return sample_pairs(64, 0)


def _equal(a: HandParameters, b: HandParameters) -> bool:
    return all(
        torch.equal(getattr(a, name), getattr(b, name)) for name in ("global_orient", "hand_pose", "betas", "transl")
    )


def test_a_pair_depends_on_seed_and_index_alone(pairs: DuetPairs) -> None:
    alone = sample_pairs(3, 0, first=40)
    assert _equal(alone.right, pairs.right[40:43])
    assert _equal(alone.left, pairs.left[40:43])
    assert alone.index.tolist() == [40, 41, 42]


def test_another_seed_gives_other_pairs(pairs: DuetPairs) -> None:
    assert not torch.equal(sample_pairs(1, 1).left.transl, pairs.left.transl[:1])


def test_no_pair_penetrates(pairs: DuetPairs, models: HandPair) -> None:
    assert float(max_depths(models, pairs.right, pairs.left).max()) < 1e-3


def test_the_right_wrist_is_the_origin(pairs: DuetPairs, models: HandPair) -> None:
    wrist = models.right(pairs.right).joints[:, 0]
    assert float(wrist.abs().max()) < 1e-6
    assert not pairs.right.global_orient.any()


@pytest.mark.parametrize(("count", "seed", "first"), [(0, 0, 0), (1, -1, 0), (1, 0, -1), (1, 4096, 0), (1, 0, 2**26)])
def test_impossible_requests_are_refused(count: int, seed: int, first: int) -> None:
    with pytest.raises(ConfigError, match="count must be at least 1"):
        sample_pairs(count, seed, first=first)


def test_pairs_of_unequal_lengths_are_refused(pairs: DuetPairs) -> None:
    with pytest.raises(ShapeError, match=r"left\.global_orient"):
        DuetPairs(pairs.right, pairs.left[:3], pairs.family, pairs.index, 0)
