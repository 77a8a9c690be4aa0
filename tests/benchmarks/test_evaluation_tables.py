"""The command that makes the committed tables, on a few samples of one method."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

import a2p
from a2p.data.duet.shards import arrays_of, save_arrays
from benchmarks import evaluation_tables
from tests.data.duet_images.scenery import stacked_pairs


@pytest.mark.slow
def test_one_command_writes_every_table_and_what_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, out = tmp_path / "pairs", tmp_path / "out"
    pairs.mkdir()
    save_arrays(pairs / "duet-0-000000000-16.npz", arrays_of(stacked_pairs(16)))
    monkeypatch.setattr(evaluation_tables, "METHODS", ("network alone=network",))
    command = ["evaluation_tables", str(pairs), "--out", str(out), "--workers", "1"]
    monkeypatch.setattr(sys, "argv", [*command, "--samples", "3", "--few", "2", "--timed", "4"])
    evaluation_tables.main()
    page = (out / "tables.md").read_text()
    headings = [line for line in page.splitlines() if line.startswith("## Table")]
    assert [heading.split(":")[0] for heading in headings] == [f"## Table {number}" for number in range(1, 6)]
    network = Path(a2p.__file__).parent / "alignment" / "assets" / "alignment_compact.safetensors"
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    assert f"| `alignment/assets/{network.name}` | `{digest}` |" in page
    assert page.count("256 px of seed 2000003 | 16 of seed 0 (sha256") == 2, "a row of tables 1, 2, 3, 5 and one of 4"
    assert page.count("not trained") == 5
    assert "4 samples by the network alone, 1 processes" in page
    timing = (out / "timed" / "timing.json").read_text()
    assert json.loads(timing)["wall_s"] > 0
    evaluation_tables.main()
    assert (out / "timed" / "timing.json").read_text() == timing, "what is there is not made again"
    assert (out / "tables.md").read_text() == page
