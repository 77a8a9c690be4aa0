"""Fixtures of several tests of evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from a2p.data import InterHand26M
from a2p.evaluation.results_file import ResultsFile
from tests.data.interhand_folder import write_interhand
from tests.data.scenes import models


@pytest.fixture
def results(tmp_path: Path) -> Iterator[ResultsFile]:
    with ResultsFile(tmp_path / "results.sqlite") as file:
        yield file


@pytest.fixture
def dataset(tmp_path: Path) -> InterHand26M:
    return InterHand26M(write_interhand(tmp_path / "ih"), models=models(), index_folder=tmp_path / "index")
