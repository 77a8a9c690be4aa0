"""The instruction set of native operations is chosen when they run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from a2p.native import core


@pytest.fixture(autouse=True)
def restored_isa() -> Iterator[None]:
    yield
    core.set_isa(None)


def test_every_machine_runs_the_portable_path() -> None:
    assert core.runnable_isas()[0] == "portable"


@pytest.mark.parametrize("name", core.runnable_isas())
def test_a_chosen_instruction_set_is_used_until_restored(name: str) -> None:
    core.set_isa(name)
    assert core.isa() == name


def test_an_unknown_instruction_set_is_refused_with_the_runnable_ones() -> None:
    before = core.isa()
    with pytest.raises(ValueError, match=r"name must be one of \['portable'.*got 'mmx'"):
        core.set_isa("mmx")
    assert core.isa() == before
