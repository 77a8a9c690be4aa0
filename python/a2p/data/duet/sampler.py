"""The endless sequence of hand pairs that a seed names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch

from a2p.data.duet.block import BLOCK, MAX_BLOCKS, MAX_SEEDS, BlockMaker
from a2p.data.duet.pairs import DuetPairs
from a2p.errors import ConfigError
from a2p.threads import one_torch_thread


def sample_pairs(count: int, seed: int, *, first: int = 0) -> DuetPairs:
    """Returns pairs `first` to `first + count - 1` of the seed's sequence.

    A pair depends on the seed and its index alone, on one machine to the bit: pairs are made in blocks of 256 that
    know nothing of each other, so a few pairs cost as much as a block.
    """
    if count < 1 or first < 0 or first + count > BLOCK * MAX_BLOCKS or not 0 <= seed < MAX_SEEDS:
        raise ConfigError(
            f"count must be at least 1, first at least 0, their sum at most {BLOCK * MAX_BLOCKS} and seed in "
            f"[0, {MAX_SEEDS}); got {count}, {first} and {seed}. Go on with another seed."
        )
    blocks = DuetPairs.cat(list(_blocks(first // BLOCK, -(-(first + count) // BLOCK), seed)))
    start = first - first // BLOCK * BLOCK
    return blocks[start : start + count]


def _blocks(begin: int, end: int, seed: int) -> Iterator[DuetPairs]:
    for block in range(begin, end):
        with one_torch_thread(), torch.no_grad():
            yield _maker()(seed, block)


@lru_cache(maxsize=1)
def _maker() -> BlockMaker:
    return BlockMaker()
