import time

import pytest

from a2p.bench.timing import MIN_CALLS, take_turns


def test_functions_take_turns_on_the_same_rounds() -> None:
    seen: list[tuple[str, int]] = []
    functions = {"a": lambda turn: seen.append(("a", turn)), "b": lambda turn: seen.append(("b", turn))}
    timings = take_turns(functions, rounds=2)
    assert seen == [(name, turn) for turn in range(2) for name in ("a", "a", "b", "b")]
    assert {name: timing.call_count for name, timing in timings.items()} == {"a": 2, "b": 2}


def test_a_slow_function_sits_out_when_its_budget_is_spent() -> None:
    functions = {"slow": lambda _: time.sleep(0.01), "quick": lambda _: None}
    timings = take_turns(functions, rounds=9, budget_s=0.005)
    assert timings["slow"].call_count == MIN_CALLS
    assert timings["quick"].call_count == 9


def test_the_median_is_that_of_one_call() -> None:
    timing = take_turns({"sleep": lambda _: time.sleep(0.02)}, rounds=5)["sleep"]
    assert timing.cpu_share < 0.5
    assert timing.median_ms >= 20
    assert timing.p95_ms >= timing.median_ms
    assert timing.median_ms == pytest.approx(20, rel=0.9)
