"""The ablation's rows: networks that are trained are measured, others say that they are not."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest

from a2p.alignment.teachers.oracle import OracleTeacher
from a2p.alignment.weights import AlignmentOrigin, save_alignment
from a2p.cli import main
from a2p.data.duet.shards import arrays_of, save_arrays
from a2p.errors import ConfigError, WeightsError
from a2p.evaluation.ablation import VARIANTS, WEIGHTS, Untrained, Variant, ablation_of
from a2p.evaluation.provenance import teachers_loaded
from tests.alignment.networks import network_of, small
from tests.data.duet_images.scenery import stacked_pairs

NAMES = ["baseline", "+ keypoints", "+ segmentation", "+ depth", "+ penetration-free diffusion"]


def train(folder: Path, variant: Variant, *, pictures: int = 40, **settings: object) -> None:
    """Writes the weights of a run that has seen so many of its 40 pictures."""
    recipe = {"steps": 10, "batch": 4, "priors": variant.priors, "learning_rate": 1e-3, **settings}
    (folder / variant.folder).mkdir()
    origin = AlignmentOrigin("pairs 0 to 9 of seed 0", json.dumps(recipe), "abc1234", pictures)
    save_alignment(network_of(small()), folder / variant.folder / WEIGHTS, origin)


def test_without_a_folder_no_row_is_trained() -> None:
    assert ablation_of(None).rows == tuple(Untrained(name, "not trained") for name in NAMES)
    assert ablation_of(None).methods == ()


def test_rows_come_in_the_papers_order_trained_or_not(tmp_path: Path) -> None:
    train(tmp_path, VARIANTS[0])
    train(tmp_path, VARIANTS[1], pictures=24)
    found = ablation_of(tmp_path)
    assert [method.name for method in found.methods] == ["baseline"]
    assert found.methods[0].stage1.weights == tmp_path / "baseline" / WEIGHTS
    assert found.methods[0].stage1.source == "network"
    assert found.rows[1] == Untrained("+ keypoints", "not trained: stopped after 24 of 40 pictures")
    assert found.rows[2:] == tuple(Untrained(name, "not trained") for name in NAMES[2:])
    assert found.notes == ("baseline: trained on 40 pictures (pairs 0 to 9 of seed 0) by commit abc1234.",)


def test_the_last_row_is_the_last_network_with_diffusion_behind_it(tmp_path: Path) -> None:
    for variant in VARIANTS:
        train(tmp_path, variant, network={"width": 32, "keypoint_prior": len(variant.priors)})
    found = ablation_of(tmp_path)
    assert [method.name for method in found.methods] == NAMES
    assert [method.stage2 for method in found.methods] == ["none"] * 4 + ["diffusion"]
    assert found.methods[4].stage1 == found.methods[3].stage1
    assert len(found.notes) == 4, "recipes differ in their priors alone"


def test_networks_of_unequal_budgets_are_told_apart(tmp_path: Path) -> None:
    for rate, variant in enumerate(VARIANTS):
        train(tmp_path, variant, learning_rate=1e-3 * (1 + rate % 2))
    assert "differ in learning_rate, too" in ablation_of(tmp_path).notes[-1]


def test_a_folder_that_is_none_and_weights_without_a_recipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"benchmarks\.ablate_alignment"):
        ablation_of(tmp_path / "nowhere")
    for number, recipe in enumerate(("no JSON", "{}")):
        folder = tmp_path / str(number)
        (folder / "baseline").mkdir(parents=True)
        origin = AlignmentOrigin("", recipe, "", 1)
        save_alignment(network_of(small()), folder / "baseline" / WEIGHTS, origin)
        with pytest.raises(WeightsError, match="recipe"):
            ablation_of(folder)


def test_teachers_are_counted_while_they_live() -> None:
    gc.collect()
    before = teachers_loaded()
    teacher = OracleTeacher()
    assert teachers_loaded() == before + 1
    del teacher
    gc.collect()
    assert teachers_loaded() == before


@pytest.mark.slow
def test_tables_3_and_4_come_out_of_one_command_that_goes_on_where_training_has_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs, trained, out = tmp_path / "pairs", tmp_path / "ablation", tmp_path / "out"
    trained.mkdir()
    pairs.mkdir()
    save_arrays(pairs / "duet-0-000000000-16.npz", arrays_of(stacked_pairs(16)))
    train(trained, VARIANTS[0])
    command = ["evaluate", f"duet={pairs}", "--table", "3", "--ablation", str(trained), "--limit", "2", "-o", str(out)]
    assert main(command) == 0
    rows = json.loads((out / "table3.json").read_text())["rows"]
    ours = [row for row in rows if row["is_ours"]]
    assert [row["method"] for row in ours] == ["a2p, baseline (duet, test)", *(f"a2p, {name}" for name in NAMES[1:])]
    assert [row["protocol"] for row in ours[1:]] == ["not trained"] * 4
    assert all(value is None for row in ours[1:] for value in row["values"])
    assert ours[0]["samples"] == 2
    for variant in VARIANTS[1:]:
        train(trained, variant)
    capsys.readouterr()
    assert main([*command[:3], "4", *command[3:], "--methods", "packaged=network", "aligned"]) == 0
    printed = capsys.readouterr().out
    assert "| **a2p, + penetration-free diffusion (duet, test)** |" in printed
    assert "not trained" not in printed
    rows = json.loads((out / "table4.json").read_text())["rows"]
    ours = [row for row in rows if row["is_ours"]]
    columns = json.loads((out / "table4.json").read_text())["columns"]
    assert [row["method"] for row in ours] == [
        "a2p, packaged (duet, test)",
        "a2p, stage 1 alone: 2D alignment (duet, test)",
    ]
    for row in ours:
        figures = dict(zip(columns, row["values"], strict=True))
        assert figures["teachers loaded"] == teachers_loaded() == 0
        assert figures["M parameters"] > 1
        assert figures["frames a second"] == pytest.approx(1e3 / figures["ms a picture"])
    assert "--ablation ablation" in (out / "tables.md").read_text()
