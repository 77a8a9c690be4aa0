from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from a2p.data.duet.shards import arrays_of, save_arrays
from a2p.errors import ConfigError, DataError
from a2p.hand import HandModel
from a2p.plausibility.denoiser import Denoiser, DenoiserConfig, Normalisation
from a2p.plausibility.pair_numbers import PairParts
from a2p.plausibility.weights import load_denoiser
from a2p.training.estimates import EstimatedPairs, drawn_estimates, fitted_estimates
from a2p.training.plausibility import PlausibilityTrainer, PlausibilityTraining, train
from a2p.training.plausibility_losses import keypoints
from a2p.training.preparation import PairPreparation, prepare_duet
from a2p.training.prepared_pairs import PreparedPairs, load_prepared
from a2p.training.runs import CHECKPOINT, LOG, WEIGHTS, Worker
from tests.plausibility.pairs import near_duet_pairs, stacked_near_pairs
from tests.tolerances import PAIR_ROUND_TRIP_M

MODELS = HandModel.load_pair("open")
RECIPE = PlausibilityTraining(
    denoiser=DenoiserConfig(width=16, layers=1, heads=2), steps=6, batch=8, warm_up=2, log_every=2, check_every=3
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    preparation = PairPreparation(MODELS)
    preparation.rig().save(folder)
    for seed, name in enumerate(("shard-0", "held-out")):
        estimates = drawn_estimates(near_duet_pairs(MODELS, 12), MODELS, torch.Generator().manual_seed(seed))
        preparation(estimates).save(folder / f"{name}.safetensors")
    return folder


def _rows(folder: Path, kind: str) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in ("kind", "unix_time_s")} for row in rows if row["kind"] == kind]


def test_a_run_that_is_stopped_and_resumed_takes_the_same_steps_to_the_bit(prepared: Path, tmp_path: Path) -> None:
    train(RECIPE, prepared, tmp_path / "whole", device="cpu")
    train(RECIPE, prepared, tmp_path / "parts", device="cpu", max_seconds=0.0)
    with Worker.joined("cpu") as worker:
        for _ in range(2):
            trainer = PlausibilityTrainer(RECIPE, prepared, worker)
            trainer.resume(tmp_path / "parts")
            trainer.take_step()
            trainer.take_step()
            trainer.save(tmp_path / "parts", "unknown")
    assert train(RECIPE, prepared, tmp_path / "parts", device="cpu") == 6
    whole, parts = (torch.load(tmp_path / name / CHECKPOINT, weights_only=True) for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 6
    for part in ("network", "averaged"):
        for name, tensor in whole[part].items():
            assert torch.equal(tensor, parts[part][name]), name
    weights = [load_file(tmp_path / name / WEIGHTS) for name in ("whole", "parts")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0] | weights[1])


def test_training_learns_a_few_pairs_by_heart(prepared: Path, tmp_path: Path) -> None:
    for name in ("rig", "shard-0", "held-out"):
        source = "shard-0" if name == "held-out" else name
        (tmp_path / f"{name}.safetensors").write_bytes((prepared / f"{source}.safetensors").read_bytes())
    recipe = replace(RECIPE, steps=200, batch=16, learning_rate=5e-3, mirrored=False, noisiest_share=1.0, ema=0.9)
    train(replace(recipe, check_every=100), tmp_path, tmp_path / "run", device="cpu")
    first, last = _rows(tmp_path / "run", "training")[0], _rows(tmp_path / "run", "held_out")[-1]
    assert last["relative_cm"] < 0.8 * first["relative_cm"]
    assert last["joints_cm"] < 0.8 * first["joints_cm"]
    assert load_denoiser(tmp_path / "run" / WEIGHTS).config == RECIPE.denoiser


def test_two_processes_train_together(prepared: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"denoiser": {"width": 16, "layers": 1, "heads": 2}, "steps": 4, "batch": 8}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "a2p.training.plausibility", "--device", "cpu", "--config", str(recipe)]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [*command, "--data", str(prepared), "--out", str(tmp_path / "run")],
            env={**os.environ, **shared, "RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    assert torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)["step"] == 4


def test_another_recipe_does_not_resume_a_run(prepared: Path, tmp_path: Path) -> None:
    train(replace(RECIPE, steps=1, seed=9), prepared, tmp_path, device="cpu")
    with pytest.raises(ConfigError, match="of another recipe"):
        train(RECIPE, prepared, tmp_path, device="cpu")


def test_the_losses_put_keypoints_where_the_hand_model_does() -> None:
    right, left = stacked_near_pairs(MODELS, 4)
    preparation = PairPreparation(MODELS)
    known = EstimatedPairs((right, left), (right, left), torch.ones(4, 2, 21), keypoints_seen=True)
    ready = preparation(known)
    found = keypoints(PairParts.of(ready.clean), preparation.rig())
    points = preparation.codec.points(right, left)
    expected = (points - points[:, :, :1]).square().sum(-1).sqrt()
    torch.testing.assert_close(found.square().sum(-1).sqrt(), expected, rtol=0, atol=PAIR_ROUND_TRIP_M)
    assert torch.equal(ready.clean, ready.estimate)


def test_drawn_estimates_penetrate_and_stay_near_the_image_of_the_pair() -> None:
    estimates = drawn_estimates(near_duet_pairs(MODELS, 16), MODELS, torch.Generator().manual_seed(0))
    ready = PairPreparation(MODELS)(estimates)
    assert (ready.pair[:, 1] * 5e-3 > 0.99e-3).all()
    error = (ready.estimate - ready.clean)[:, -3:].abs().mean(0)
    assert error[2] > 2 * error[:2].max()
    assert (ready.joints[..., 6] == 0).all()


def test_fitted_estimates_come_from_seen_keypoints() -> None:
    estimates = fitted_estimates(near_duet_pairs(MODELS, 4), MODELS, torch.Generator().manual_seed(0))
    assert estimates.keypoints_seen
    assert ((estimates.weights > 0) & (estimates.weights <= 1)).all()
    ready = PairPreparation(MODELS)(estimates)
    assert (ready.pair[:, 1] * 5e-3 > 0.99e-3).all()


def test_prepared_files_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    pairs = near_duet_pairs(MODELS, 12)
    for first in (0, 4, 8):
        save_arrays(tmp_path / f"duet-0-{first:09d}-4.npz", arrays_of(pairs[first : first + 4]))
    alone, together = tmp_path / "alone", tmp_path / "together"
    written = list(prepare_duet(tmp_path, alone, draws=3, fitted_every=2))
    assert [path.name for path in written] == [
        "held-out.safetensors",
        *(f"shard-duet-0-{first:09d}-4.safetensors" for first in (4, 8)),
    ]
    assert sorted(path.name for path in prepare_duet(tmp_path, together, draws=3, fitted_every=2, workers=2)) == sorted(
        path.name for path in written
    )
    for path in written:
        assert path.read_bytes() == (together / path.name).read_bytes()
    assert list(prepare_duet(tmp_path, alone, draws=3, fitted_every=2)) == []
    seen = load_prepared(alone).training.pair[:, 2]
    assert 0 < int(seen.sum()) <= 4 < len(seen) <= 4 + 3 * 8
    with pytest.raises(ConfigError, match="draws, fitted_every and workers must be at least 1; got 0, 1 and 1"):
        next(prepare_duet(tmp_path, alone, draws=0))


def test_a_folder_without_enough_shards_is_an_error(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must hold shard-\*.*it holds 0 shards"):
        load_prepared(tmp_path)
    (tmp_path / "shard-0.safetensors").write_bytes((prepared / "shard-0.safetensors").read_bytes())
    with pytest.raises(DataError, match="it holds 1 shards"):
        load_prepared(tmp_path)


def test_a_damaged_shard_is_an_error(prepared: Path, tmp_path: Path) -> None:
    for path in prepared.glob("*.safetensors"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[: 1000 if path.name == "shard-0.safetensors" else None])
    with pytest.raises(DataError, match="no complete safetensors file"):
        load_prepared(tmp_path)


def test_mirroring_twice_changes_nothing(prepared: Path) -> None:
    pairs = load_prepared(prepared).training.to(dtype=torch.float32)
    rows = torch.arange(len(pairs)) % 2 == 0
    mirrored = pairs.swapped(rows)
    assert torch.equal(mirrored.clean[1], pairs.clean[1])
    assert not torch.equal(mirrored.clean[0], pairs.clean[0])
    assert torch.equal(PreparedPairs.swapped(mirrored, rows).joints, pairs.joints)


def test_the_packaged_recipe_is_readable_and_others_are_checked(tmp_path: Path) -> None:
    assert PlausibilityTraining.packaged().steps > 1000
    path = tmp_path / "recipe.json"
    path.write_text('{"stepz": 3}')
    with pytest.raises(ConfigError, match=r"unknown settings \['stepz'\]"):
        PlausibilityTraining.read(path)
    path.write_text('{"steps": 0}')
    with pytest.raises(ConfigError, match="must be positive"):
        PlausibilityTraining.read(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="must be a recipe in JSON"):
        PlausibilityTraining.read(path)


def test_a_run_can_begin_from_the_weights_of_another(prepared: Path, tmp_path: Path) -> None:
    train(replace(RECIPE, steps=2), prepared, tmp_path / "first", device="cpu")
    weights = tmp_path / "first" / WEIGHTS
    with Worker.joined("cpu") as worker:
        trainer = PlausibilityTrainer(RECIPE, prepared, worker, start=weights)
    known = load_file(weights)
    assert trainer.step == 0
    assert all(torch.equal(tensor, known[name]) for name, tensor in trainer.averaged.state_dict().items())


def test_a_batch_has_the_share_of_fits_that_the_recipe_asks_for(prepared: Path, tmp_path: Path) -> None:
    whole = load_prepared(prepared)
    for name in ("rig", "held-out"):
        (tmp_path / f"{name}.safetensors").write_bytes((prepared / f"{name}.safetensors").read_bytes())
    seen = whole.training.pair.clone().float()
    seen[:, 2] = 0
    seen[:3, 2] = 1
    replace(whole.training.to(dtype=torch.float32), pair=seen).save(tmp_path / "shard-0.safetensors")
    with Worker.joined("cpu") as worker:
        for share in (0.0, 0.5, 1.0):
            trainer = PlausibilityTrainer(replace(RECIPE, fitted_share=share), tmp_path, worker)
            rows = trainer._rows(2000, torch.Generator().manual_seed(0))
            assert abs(float((rows < 3).float().mean()) - share) < 0.05
    with pytest.raises(ConfigError, match="fitted_share must lie in"):
        replace(RECIPE, fitted_share=1.5)


def test_a_machine_that_is_given_back_leaves_a_run_that_goes_on_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tools import gpu_plausibility, gpu_train

    def write_few(folder: Path, count: int, *, workers: int) -> None:
        assert workers == 1
        folder.mkdir(parents=True, exist_ok=True)
        pairs = near_duet_pairs(MODELS, count)
        for first in (0, 4):
            save_arrays(folder / f"duet-0-{first:09d}-4.npz", arrays_of(pairs[first : first + 4]))

    def call(work: str, *more: str) -> str:
        command = ["gpu", "--work", str(tmp_path / work), "--pairs", "8", "--workers", "1", "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", [*command, "--recipe", str(recipe), *more])
        gpu_plausibility.main()
        return capsys.readouterr().out

    monkeypatch.setattr(gpu_plausibility, "write_shards", write_few)
    monkeypatch.setattr(gpu_train, "PART_BYTES", 20_000)
    recipe, first, second = tmp_path / "recipe.json", tmp_path / "first", tmp_path / "second"
    settings = {"denoiser": {"width": 16, "layers": 1, "heads": 2}, "batch": 4, "log_every": 1, "steps": 2}
    recipe.write_text(json.dumps(settings))
    assert call("work", "--out", str(first), "--seconds", "0").startswith("0 files of pairs are made")
    assert call("work", "--out", str(first)).startswith("2 of 2 steps; ")
    assert len(list(first.glob("state.*"))) > 1
    assert (first / LOG).is_file()
    recipe.write_text(json.dumps(settings | {"steps": 3}))
    assert call("elsewhere", "--out", str(second), "--state", str(first)).startswith("3 of 3 steps; ")


def test_the_recipe_for_a_gpu_is_of_the_papers_size() -> None:
    from tools.gpu_plausibility import RECIPE as PAPER

    assert PlausibilityTraining.read(PAPER).denoiser == DenoiserConfig.paper()


@pytest.mark.parametrize("name", ["compact", "paper_cpu", "paper_gpu"])
def test_packaged_recipes_are_valid_and_of_their_size(name: str) -> None:
    from tools.gpu_plausibility import RECIPE as PAPER

    recipe = PlausibilityTraining.read(PAPER.with_name(f"plausibility_{name}.json"))
    with torch.device("meta"):
        numbers = torch.zeros(215)
        denoiser = Denoiser(recipe.denoiser, Normalisation(numbers, numbers, numbers, numbers))
    size = sum(parameter.numel() for parameter in denoiser.parameters())
    low, high = (1.0e6, 1.1e6) if name == "compact" else (22e6, 23e6)
    assert low < size < high
    assert recipe.rate(0) < recipe.rate(recipe.warm_up) == recipe.learning_rate
