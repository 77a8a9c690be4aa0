"""The figures of a run, by name, from its records; each can be reweighted, which is what the bootstrap does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from jaxtyping import Float

from a2p.evaluation.accuracy import Axes, Protocol
from a2p.evaluation.plausibility import ALLOWED_DEPTH_M
from a2p.evaluation.prediction import STAGES
from a2p.evaluation.scoring import MEASURES, Records

Values = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Totals:
    """Per sample and group, the sum of the values there are and their number; a metric is a mean of group means."""

    sums: Float[np.ndarray, "n g"]
    counts: Float[np.ndarray, "n g"]

    @classmethod
    def of(cls, values: Values, *, pooled: bool) -> Totals:
        """Returns totals of values (n, ...), NaN where there is none; pooled into one group, or a group a column."""
        flat = values.reshape(len(values), -1).astype(np.float64)
        there = np.isfinite(flat)
        sums, counts = np.where(there, flat, 0.0), there.astype(np.float64)
        if pooled:
            sums, counts = sums.sum(axis=1, keepdims=True), counts.sum(axis=1, keepdims=True)
        return cls(sums, counts)

    def mean(self, weights: Float[np.ndarray, "*b n"] | None = None) -> Float[np.ndarray, "*b"]:
        """Returns the metric, each sample counted `weights` times; NaN without any value."""
        weights = np.ones(len(self.sums)) if weights is None else weights
        sums, counts = weights @ self.sums, weights @ self.counts
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        there = np.isfinite(means)
        total = np.where(there, means, 0.0).sum(axis=-1)
        found: Float[np.ndarray, "*b"] = np.divide(
            total, there.sum(axis=-1), out=np.full_like(total, np.nan), where=there.any(axis=-1)
        )
        return found


@dataclass(frozen=True)
class Metric:
    """One figure."""

    unit: str
    totals: Callable[[Records], Totals]
    digits: int = 2
    is_better_lower: bool = True

    def __call__(self, records: Records) -> float:
        """Returns the figure of a run; NaN where nothing can be said."""
        return float(self.totals(records).mean()) if len(records) else float("nan")


def metrics_of(protocol: Protocol) -> Mapping[str, Metric]:
    """Returns the metrics by the names that tables use; relative errors are InterWild's whatever the protocol."""
    row = MEASURES.index((protocol, "xyz"))
    accuracy = {
        "MRRPE": Metric("mm", lambda r: Totals.of(r["relative_root_mm"][:, 0], pooled=True)),
        "RRVE": Metric("mm", lambda r: Totals.of(r["relative_vertices_mm"][:, 0], pooled=True)),
        "MPJPE": Metric("mm", _joints(row, None)),
        "MPVPE": Metric("mm", _vertices(row, None)),
        "IH MPJPE": Metric("mm", _joints(row, True)),
        "IH MPVPE": Metric("mm", _vertices(row, True)),
        "SH MPJPE": Metric("mm", _joints(row, False)),
        "SH MPVPE": Metric("mm", _vertices(row, False)),
    }
    axes: tuple[Axes, ...] = ("xy", "z")
    for name in axes:
        part = MEASURES.index(("interwild", name))
        accuracy[f"MPJPE-{name.upper()}"] = Metric("mm", _joints(part, None))
        accuracy[f"MPVPE-{name.upper()}"] = Metric("mm", _vertices(part, None))
    return {**accuracy, **_PLAUSIBILITY, **_EFFICIENCY}


def _joints(row: int, interacting: bool | None) -> Callable[[Records], Totals]:
    """MPJPE: per joint over the samples first, then over the 42 joints."""
    return lambda r: Totals.of(_of_kind(r, r["joints_mm"][:, row], interacting), pooled=False)


def _vertices(row: int, interacting: bool | None) -> Callable[[Records], Totals]:
    """MPVPE: over the hands of all samples."""
    return lambda r: Totals.of(_of_kind(r, r["vertices_mm"][:, row], interacting), pooled=True)


def _of_kind(records: Records, values: Values, interacting: bool | None) -> Values:
    """Returns the values of interacting (True) or single hands (False); NaN for the others."""
    if interacting is None:
        return values
    chosen = (records["is_interacting"] == interacting).reshape(-1, *[1] * (values.ndim - 1))
    return np.where(chosen, values, np.nan)


def _plain(field: str) -> Callable[[Records], Totals]:
    return lambda r: Totals.of(r[field], pooled=True)


def _penetrates(records: Records) -> Totals:
    depth = records["max_depth_mm"]
    deeper = np.where(np.isfinite(depth), (depth > 1e3 * ALLOWED_DEPTH_M).astype(np.float64), np.nan)
    return Totals.of(deeper, pooled=True)


def _kept(records: Records) -> Totals:
    contacts = np.nan_to_num(records["contacts"]).astype(np.float64)[:, None]
    return Totals(np.nan_to_num(records["contacts_kept"]).astype(np.float64)[:, None], contacts)


def _found(records: Records) -> Totals:
    wanted = records["is_wanted"]
    return Totals.of(np.where(wanted, (records["is_found"] & wanted).astype(np.float64), np.nan), pooled=True)


def _rate(records: Records) -> Totals:
    """Samples over their time, which is not the mean of each one's rate."""
    seconds = records["seconds"].astype(np.float64)[:, None]
    there = np.isfinite(seconds)
    return Totals(there.astype(np.float64), np.where(there, seconds, 0.0))


def _stage(number: int) -> Callable[[Records], Totals]:
    return lambda r: Totals.of(1e3 * r["stage_seconds"][:, number], pooled=True)


_PLAUSIBILITY = {
    "PenVol": Metric("cm^3", _plain("volume_cm3"), 3),
    "PenDist": Metric("cm", _plain("mean_depth_cm"), 3),
    "ProxRatio": Metric("share", _plain("touches"), 3, is_better_lower=False),
    "MaxPen": Metric("mm", _plain("max_depth_mm")),
    "PenRate": Metric("share", _penetrates, 3),
    "ContactKept": Metric("share", _kept, 3, is_better_lower=False),
}
TEACHERS = "teachers loaded"
STAGE_COLUMNS = tuple(f"ms {stage}" for stage in STAGES)
_EFFICIENCY = {
    "frames a second": Metric("1/s", _rate, 1, is_better_lower=False),
    **{name: Metric("ms", _stage(number), 0) for number, name in enumerate(STAGE_COLUMNS)},
    "ms a picture": Metric("ms", lambda r: Totals.of(1e3 * r["seconds"], pooled=True), 0),
    TEACHERS: Metric("", _plain("teachers"), 0),
    "hands found": Metric("share", _found, 3, is_better_lower=False),
}
