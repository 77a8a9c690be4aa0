from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p.data.duet import DuetPairs
from a2p.data.duet.shards import arrays_of, save_arrays
from a2p.data.duet_images import DuetImages, ImageSettings
from a2p.data.duet_images.settings import CameraSettings
from a2p.detection.network import STRIDE
from a2p.detection.weights import load_detection
from a2p.errors import ConfigError
from a2p.hand import HandModel
from a2p.training import detection
from a2p.training.detection import DetectionTraining, train
from a2p.training.detection_pictures import TargetSettings, detection_batch
from a2p.training.runs import LOG, WEIGHTS, Deadline, Worker
from tests.plausibility.pairs import near_duet_pairs

RECIPE = DetectionTraining(
    picture_px=64, imagenet=False, steps=4, batch=4, held_out=4, log_every=1, check_every=4, warm_up=1
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    made: DuetPairs = near_duet_pairs(HandModel.load_pair(), 8)
    save_arrays(folder / "duet-0-000000000-8.npz", arrays_of(made))
    return folder


def test_run_that_was_cut_into_slices_is_the_same_run(pairs: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    assert train(RECIPE, tmp_path / "whole", pairs=pairs, device="cpu", threads=1) == 4

    class After(Deadline):
        left = 2

        def is_over(self, worker: Worker) -> bool:  # noqa: ARG002 - as the deadline it stands for
            self.left -= 1
            return self.left < 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detection, "Deadline", After)
        assert train(RECIPE, tmp_path / "halves", pairs=pairs, device="cpu", threads=1) == 2
    assert train(RECIPE, tmp_path / "halves", pairs=pairs, device="cpu", threads=1) == 4
    whole, halves = (load_detection(tmp_path / name / WEIGHTS).state_dict() for name in ("whole", "halves"))
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    rows = [json.loads(line) for line in (tmp_path / "whole" / LOG).read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["training"] * 4 + ["held_out"]
    assert all(np.isfinite(row[name]) for row in rows[:4] for name in ("centres", "boxes", "pointing"))
    with pytest.raises(ConfigError, match="of another recipe"):
        train(replace(RECIPE, learning_rate=0.5), tmp_path / "whole", pairs=pairs, device="cpu", threads=1)


def test_packaged_recipe_is_read_and_mistakes_in_recipes_are_named(tmp_path: Path) -> None:
    recipe = DetectionTraining.packaged()
    assert recipe.rate(recipe.warm_up) == pytest.approx(recipe.learning_rate)
    assert recipe.rate(recipe.steps) == pytest.approx(0.01 * recipe.learning_rate)
    path = tmp_path / "recipe.json"
    for text, match in (("{", "JSON"), ('{"nothing": 1}', "nothing"), ('{"pose": {"nobody": 1}}', "nobody")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=match):
            DetectionTraining.read(path)
    with pytest.raises(ConfigError, match="multiple of 16"):
        replace(RECIPE, picture_px=100)


def test_bells_stand_on_the_middle_of_what_is_seen_of_each_hand() -> None:
    camera = CameraSettings(hand_crop=0.0, union_crop=1.0, cut_off=0.4, mirror_left=False)
    images = DuetImages(ImageSettings(size_px=64, camera=camera), seed=2, threads=1)
    pictures = images.batch(np.arange(24))
    batch = detection_batch(pictures, torch.Generator().manual_seed(0), settings=TargetSettings(bars=0.0))
    assert batch.present.any()
    assert not bool((batch.present & ~torch.from_numpy(pictures.present)).any())
    boxes = batch.boxes.clamp(0.0, 1.0)
    for row, side in batch.present.nonzero().tolist():
        peak = int(batch.bells[row, side].argmax())
        cells = 64 // STRIDE
        middle = 0.5 * (boxes[row, side, :2] + boxes[row, side, 2:])
        at = torch.tensor([peak % cells + 0.5, peak // cells + 0.5]) / cells
        assert float((at - middle).abs().max()) <= 0.5 / cells + 1e-6
        assert float(batch.bells[row, side].amax()) == 1.0
    absent = ~batch.present
    assert float(batch.bells[absent].abs().max()) == 0.0
    hidden = absent & torch.from_numpy(pictures.present)
    assert bool((~batch.counts[hidden]).flatten(1).any(1).any()), "hands that are mostly outside count neither way"


def test_black_bars_cut_boxes_and_leave_the_hands_middle() -> None:
    images = DuetImages(ImageSettings(size_px=64), seed=2, threads=1)
    pictures = images.batch(np.arange(16))
    plain = detection_batch(pictures, torch.Generator().manual_seed(0), settings=TargetSettings(bars=0.0))
    barred = detection_batch(pictures, torch.Generator().manual_seed(0), settings=TargetSettings(bars=1.0))
    black = (barred.pictures == 0).all(1).flatten(1).float().mean(1) - (plain.pictures == 0).all(1).flatten(
        1
    ).float().mean(1)
    assert float(black.max()) > 0.2
    assert bool((barred.present <= plain.present).all())
    assert torch.equal(barred.boxes, plain.boxes)
