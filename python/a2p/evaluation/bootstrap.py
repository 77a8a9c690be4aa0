"""How sure a difference is: the paired bootstrap over samples.

B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13: samples are drawn with
replacement, the same for both runs, and the percentiles of the metric's difference bound it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from a2p.errors import ConfigError
from a2p.evaluation.metrics import Metric
from a2p.evaluation.results_file import RunResults
from a2p.evaluation.scoring import Records


@dataclass(frozen=True)
class Interval:
    """A figure and the range that holds it with 95 % confidence."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether zero lies outside: a difference that chance does not explain."""
        return self.low > 0.0 or self.high < 0.0


def confidence_interval(metric: Metric, records: Records, *, draws: int = 1000, seed: int = 0) -> Interval:
    """Returns a metric with its 95 % interval."""
    totals = metric.totals(records)
    replicas = np.concatenate([totals.mean(weights) for weights in _weights(len(records), draws, seed)])
    return _interval(float(totals.mean()), replicas)


def paired_difference(
    metric: Metric, one: RunResults, other: RunResults, *, draws: int = 1000, seed: int = 0
) -> tuple[Interval, int]:
    """Returns the metric of `one` minus that of `other` on the samples that both have, and their number."""
    position = {sample: row for row, sample in enumerate(other.ids)}
    common = [(row, position[sample]) for row, sample in enumerate(one.ids) if sample in position]
    if not common:
        raise ConfigError(
            f"runs {one.info.name} and {other.info.name} have no sample in common. Compare runs of one data set."
        )
    rows = np.array(common).T
    totals = [metric.totals(run.records[index]) for run, index in zip((one, other), rows, strict=True)]
    replicas = np.concatenate(
        [totals[0].mean(weights) - totals[1].mean(weights) for weights in _weights(len(common), draws, seed)]
    )
    return _interval(float(totals[0].mean() - totals[1].mean()), replicas), len(common)


def _interval(value: float, replicas: Float[np.ndarray, " b"]) -> Interval:
    finite = replicas[np.isfinite(replicas)]
    if not len(finite):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(finite, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def _weights(count: int, draws: int, seed: int) -> Iterator[Float[np.ndarray, "b n"]]:
    """Yields how often each sample is drawn, in blocks of at most 4 million numbers."""
    generator = np.random.default_rng(seed)
    block = max(1, min(draws, 4_000_000 // max(count, 1)))
    for start in range(0, draws, block):
        drawn = generator.integers(count, size=(min(block, draws - start), count))
        yield np.stack([np.bincount(row, minlength=count) for row in drawn]).astype(np.float64)
