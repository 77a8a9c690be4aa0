"""Times functions side by side."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MIN_CALLS = 3
"""Timed calls of a function however slow it is."""


@dataclass(frozen=True)
class Timing:
    """How long the calls of one function took."""

    median_ms: float
    p95_ms: float
    call_count: int
    cpu_share: float
    """Processor time of all calls over their time: below 1 for one thread, others had the core in between."""


def take_turns(
    functions: Mapping[str, Callable[[int], object]], *, rounds: int, budget_s: float = math.inf
) -> dict[str, Timing]:
    """Returns each function's time; they take turns, so that load on the machine hits all alike.

    A function is called with the number of the round, once to bring its data into the caches and once timed. One that
    has used up `budget_s` sits out the rounds that remain.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    cpu_ms = dict.fromkeys(functions, 0.0)
    spent = dict.fromkeys(functions, 0.0)
    for turn in range(rounds):
        for name, function in functions.items():
            if spent[name] > budget_s and len(times[name]) >= MIN_CALLS:
                continue
            start = time.perf_counter()
            function(turn)
            cpu, warm = time.process_time(), time.perf_counter()
            function(turn)
            end = time.perf_counter()
            cpu_ms[name] += 1e3 * (time.process_time() - cpu)
            times[name].append(1e3 * (end - warm))
            spent[name] += end - start
    return {name: _timing(values, cpu_ms[name]) for name, values in times.items()}


def _timing(values: list[float], cpu_ms: float) -> Timing:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, math.ceil(0.95 * len(ordered)) - 1)]
    return Timing(
        median_ms=statistics.median(ordered), p95_ms=p95, call_count=len(ordered), cpu_share=cpu_ms / sum(ordered)
    )
