"""Reads samples with their pictures, stopping at or counting the broken ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from a2p.data.sample import HandDataset, Sample
from a2p.errors import DataError, UnsafeFileError


@dataclass(frozen=True)
class LoadedSample:
    """A sample and its decoded picture."""

    index: int
    sample: Sample
    pixels: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class BrokenSample:
    """A sample that cannot be used, and why; the reason names file and key."""

    index: int
    reason: str


@dataclass
class SampleReader:
    """Goes through a data set; with `skip_broken` goes on behind what is broken, and counts it."""

    dataset: HandDataset
    skip_broken: bool = False
    broken: list[BrokenSample] = field(default_factory=list)
    """What has been skipped so far."""

    def read(self, indices: Iterable[int] | None = None) -> Iterator[LoadedSample]:
        """Yields samples, all of them unless told which.

        Raises:
            DataError: A sample is broken and `skip_broken` is off.
        """
        for index in range(len(self.dataset)) if indices is None else indices:
            loaded = self.load(index)
            if isinstance(loaded, LoadedSample):
                yield loaded

    def load(self, index: int) -> LoadedSample | BrokenSample:
        """Returns one sample."""
        try:
            sample = self.dataset[index]
            return LoadedSample(index, sample, sample.pixels())
        except (DataError, UnsafeFileError) as error:
            if not self.skip_broken:
                raise
            self.broken.append(BrokenSample(index, str(error)))
            return self.broken[-1]
