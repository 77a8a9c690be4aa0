from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from a2p.crew import Crew, is_member


def test_results_come_in_the_order_of_the_items_whichever_is_ready_first() -> None:
    def slow_if_even(item: int) -> int:
        time.sleep(0.02 if item % 2 == 0 else 0.0)
        return item

    assert list(Crew(2).stream(slow_if_even, range(9))) == list(range(9))
    assert Crew(2).map(slow_if_even, range(9)) == list(range(9))


def test_two_items_are_worked_on_at_once_and_only_a_few_are_taken_ahead() -> None:
    met, taken = threading.Barrier(2, timeout=10.0), []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    def meet(item: int) -> int:
        met.wait()  # breaks where the items come one after the other
        return item

    results = Crew(2).stream(meet, items())
    assert [next(results) for _ in range(10)] == list(range(10))
    assert len(taken) <= 14
    met.abort()  # nobody waits for the item that has lost its partner
    results.close()


def test_a_single_item_and_a_members_own_items_run_in_place() -> None:
    here = threading.get_ident()
    assert list(Crew(2).stream(lambda _: threading.get_ident(), [0])) == [here]
    assert list(Crew(1).stream(lambda _: threading.get_ident(), range(3))) == [here] * 3
    crew = Crew(2)

    def inner(_: int) -> bool:
        own = threading.get_ident()
        return is_member() and list(crew.stream(lambda _: threading.get_ident(), range(3))) == [own] * 3

    assert all(crew.stream(inner, range(4)))
    assert not is_member()


def test_an_error_is_raised_in_its_turn_and_ends_the_rest() -> None:
    begun: list[int] = []

    def fail_at_three(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise ValueError("three")
        return item

    results = Crew(2).stream(fail_at_three, range(1000))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(begun) < 20
    assert list(results) == []
