"""One block of pairs, made once: it takes some seconds."""

from __future__ import annotations

import pytest

from a2p.data.duet import DuetPairs, sample_pairs
from a2p.hand import HandModel, HandPair


@pytest.fixture(scope="package")
def models() -> HandPair:
    return HandModel.load_pair()


@pytest.fixture(scope="package")
def pairs() -> DuetPairs:
    return sample_pairs(256, 0)[:64]
