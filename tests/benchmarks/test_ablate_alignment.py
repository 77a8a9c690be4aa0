from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from benchmarks.ablate_alignment import recipes_of

from a2p.alignment.fusion import PRIORS
from a2p.data.duet.shards import arrays_of, save_arrays
from a2p.evaluation.ablation import VARIANTS, ablation_of
from a2p.hand import HandModel
from a2p.training.alignment_recipe import AlignmentTraining
from benchmarks import ablate_alignment
from tests.plausibility.pairs import near_duet_pairs

SIZES = {"crop_px": 64, "width": 32, "heads": 2, "layers": 1, "shared_blocks": 5, "keypoint_hidden": 16}
HEADS = {"sampled": 16, "parameter_hidden": 32, "relative_hidden": 32}
RECIPE = {
    **{"network": SIZES | HEADS, "start": "random", "picture_px": 64, "bf16": False, "warm_up": 1},
    **{"steps": 4, "batch": 2, "held_out": 2, "log_every": 1, "check_every": 4},
}


def test_variants_add_one_prior_after_the_other() -> None:
    whole = AlignmentTraining()
    by_folder = recipes_of(whole, Path("out"), 7)
    recipes = list(by_folder.values())
    assert [recipe.priors for recipe in recipes] == [PRIORS[:k] for k in range(4)]
    assert [recipe.teacher for recipe in recipes] == ["none", "oracle", "oracle", "oracle"]
    assert {recipe.steps for recipe in recipes} == {7}
    assert [folder.name for folder in by_folder] == [variant.folder for variant in VARIANTS]
    assert len(by_folder) == 4


@pytest.mark.slow
def test_an_ablation_that_was_stopped_goes_on_and_ends_with_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    save_arrays(pairs / "duet-0-000000000-4.npz", arrays_of(near_duet_pairs(HandModel.load_pair(), 4)))
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(RECIPE))
    out = tmp_path / "out"
    command = ["ablate", "--out", str(out), "--pairs", str(pairs), "--held-out", str(pairs), "--recipe", str(recipe)]
    command += ["--steps", "1", "--count", "2", "--few", "2", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", [*command, "--max-seconds", "1e-9"])
    ablate_alignment.main()
    assert capsys.readouterr().out == "".join(f"{v.folder}: 0 of 1 steps\n" for v in VARIANTS)
    assert not (out / "ablation.md").exists()
    monkeypatch.setattr(sys, "argv", command)
    ablate_alignment.main()
    rows = (out / "ablation.md").read_text().splitlines()[2:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[:4]] == [variant.name for variant in VARIANTS]
    assert all(float(value) > 0 for row in rows for value in row.strip(" |").split(" | ")[1:])
    assert len(ablation_of(out).methods) == 5, "table 3 takes the folder"
