"""The way out where a descent is stuck: the cheapest translation of one hand against the other that parts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

_FIRST_STEP = 2e-3
_LAST_STEP = 0.4
"""Two hands part within this distance (m) in every direction."""
_BISECTIONS = 4


@dataclass(frozen=True)
class Separation:
    """A relative translation (m) after which the hands penetrate no deeper than allowed."""

    translation: Vector
    cost: float


def cheapest_separation(
    max_depth: Callable[[npt.NDArray[np.float64]], Vector],
    precision: npt.NDArray[np.float64],
    directions: npt.NDArray[np.float64],
    *,
    target_m: float,
) -> Separation | None:
    """Returns the translation along one of the directions (n, 3) that parts the hands at the least cost.

    `max_depth` maps translations (k, 3) to the deepest penetrations (k). A translation t costs t^T precision t / 2.
    Steps double until the hands are apart, then bisect. None if no direction parts them within arm's reach.
    """
    rates = 0.5 * np.einsum("ni,ij,nj->n", directions, precision, directions)
    reach = np.full(len(directions), np.inf)
    step, blocked = _FIRST_STEP, np.zeros(len(directions))
    while step <= _LAST_STEP:
        best = float(np.min(rates * reach**2))
        trying = np.flatnonzero(np.isinf(reach) & (rates * blocked**2 < best))
        if len(trying) == 0:
            break
        apart = max_depth(step * directions[trying]) <= target_m
        reach[trying[apart]] = step
        blocked[trying[~apart]] = step
        step *= 2
    order = np.argsort(rates * reach**2)[:3]
    order = order[np.isfinite(reach[order])]
    if len(order) == 0:
        return None
    low, high = blocked[order], reach[order]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        apart = max_depth(middle[:, None] * directions[order]) <= target_m
        low, high = np.where(apart, low, middle), np.where(apart, middle, high)
    chosen = int(np.argmin(rates[order] * high**2))
    return Separation(high[chosen] * directions[order[chosen]], float(rates[order[chosen]] * high[chosen] ** 2))
