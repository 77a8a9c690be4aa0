from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from a2p.alignment.batch import COVER, MEANT_HAND, OTHER_HAND, AlignmentBatch
from a2p.alignment.losses import AlignmentLossWeights
from a2p.alignment.weights import PACKAGED_WEIGHTS, load_alignment, read_origin, weights_hash
from a2p.data.duet_images import DuetImages, ImageSettings
from a2p.data.duet_images.settings import CameraSettings
from a2p.errors import ConfigError, DataError
from a2p.hand import HandModel, HandPair
from a2p.training.alignment import train, train_together
from a2p.training.alignment_pictures import NO_FOLDERS, ParallelPictures, PictureFolders, RunPictures, TrainingPictures
from a2p.training.alignment_recipe import AlignmentTraining, PictureSource
from a2p.training.curves import save_curves
from a2p.training.hand_crops import CropSettings, hand_crops
from a2p.training.runs import CHECKPOINT, LOG, WEIGHTS, Worker, plain_recipe
from tests.alignment.networks import small
from tests.tolerances import CROP_LABELS_M

RECIPE = AlignmentTraining(
    network=small(),
    start="random",
    picture_px=64,
    steps=4,
    batch=4,
    held_out=4,
    log_every=1,
    check_every=4,
    bf16=False,
    warm_up=1,
    sources=(PictureSource(seed=3), PictureSource(seed=4, weight=0.5)),
    loss=AlignmentLossWeights(heatmaps=1.0),
)


@pytest.fixture(scope="module")
def models() -> HandPair:
    return HandModel.load_pair()


@pytest.fixture(scope="module")
def batch(models: HandPair) -> AlignmentBatch:
    camera = CameraSettings(hand_crop=0.0, union_crop=1.0, mirror_left=False)
    images = DuetImages(ImageSettings(size_px=96, camera=camera), seed=5, threads=1)
    return hand_crops(images.batch(np.arange(16)), models, torch.Generator().manual_seed(0), size=64)


def rows(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "unix_time_s"} for row in lines]


def test_run_that_was_cut_into_slices_is_the_same_run(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    assert train(RECIPE, tmp_path / "whole", device="cpu") == 4
    steps = [train(RECIPE, tmp_path / "cut", device="cpu", max_seconds=1e-9 if i == 0 else 1e9) for i in range(2)]
    assert steps == [0, 4]
    halted = replace(RECIPE, steps=4)
    _stop_after(halted, tmp_path / "halves", 2)
    assert train(halted, tmp_path / "halves", device="cpu") == 4
    whole, halves = (load_alignment(tmp_path / name / WEIGHTS).state_dict() for name in ("whole", "halves"))
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    assert rows(tmp_path / "whole") == rows(tmp_path / "halves")
    assert read_origin(tmp_path / "whole" / WEIGHTS).samples == 16
    assert (tmp_path / "whole" / "predictions.png").stat().st_size > 1000


def _stop_after(recipe: AlignmentTraining, folder: Path, steps: int) -> None:
    """Trains as `train` does and stops in the middle, as a deadline would."""
    from a2p.training import alignment
    from a2p.training.runs import Deadline

    class After(Deadline):
        left = steps

        def is_over(self, worker: Worker) -> bool:  # noqa: ARG002 - as the deadline it stands for
            self.left -= 1
            return self.left < 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "Deadline", After)
        assert train(recipe, folder, device="cpu") == steps


def test_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    torch.save({"recipe": {"steps": 1}, "step": 1}, tmp_path / CHECKPOINT)
    with pytest.raises(ConfigError, match="of another recipe"):
        train(RECIPE, tmp_path, device="cpu")


def test_run_on_a_plateau_can_be_made_shorter_and_then_falls() -> None:
    recipe = replace(RECIPE, schedule="plateau", drop_at=0.5, warm_up=0, steps=100, learning_rate=1.0)
    assert [recipe.rate(step) for step in (0, 40, 50, 75)] == [1.0, 1.0, 1.0, 0.5]
    assert replace(recipe, steps=80).rate(60) == 0.5
    assert recipe.rate(100) == pytest.approx(0.01)
    with pytest.raises(ConfigError, match="drop_at must lie"):
        replace(recipe, drop_at=1.0)


def test_run_goes_on_with_other_steps(tmp_path: Path) -> None:
    assert train(replace(RECIPE, steps=1), tmp_path, device="cpu") == 1
    assert train(replace(RECIPE, steps=2), tmp_path, device="cpu") == 2


def test_run_begins_from_weights_and_says_so(tmp_path: Path) -> None:
    train(RECIPE, tmp_path / "first", device="cpu", max_seconds=0.0)
    first = tmp_path / "first" / WEIGHTS
    recipe = replace(RECIPE, start=str(first), learning_rate=1e-12)
    train(recipe, tmp_path / "second", device="cpu", max_seconds=0.0)
    begun, gone_on = (load_alignment(tmp_path / name / WEIGHTS).state_dict() for name in ("first", "second"))
    assert all(torch.equal(begun[name], gone_on[name]) for name in begun)
    said = read_origin(tmp_path / "second" / WEIGHTS).data
    assert said == f"rendered duet pictures, begun from weights {weights_hash(first)[:12]} of 0 pictures"
    with pytest.raises(ConfigError, match="must have its configuration"):
        train(replace(recipe, network=replace(small(), sampled=12)), tmp_path / "third", device="cpu")


def test_source_shows_as_many_hands_as_it_says() -> None:
    worker = Worker(0, 1, torch.device("cpu"))
    recipe = replace(RECIPE, batch=16, sources=(PictureSource(contact=0.0, single=1.0, hand_crop=1.0, union_crop=0.0),))
    pictures = TrainingPictures(recipe, worker)
    try:
        assert pictures.made(0).given.present.sum(1).max() == 1
    finally:
        pictures.close()


def test_photos_lie_behind_hands_and_the_weights_say_so(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (400, 300), (0, 255, 0)).save(photos / "green.png")
    worker = Worker(0, 1, torch.device("cpu"))
    plain, before = TrainingPictures(RECIPE, worker), TrainingPictures(RECIPE, worker, PictureFolders(None, photos))
    try:
        crops = [pictures.made(0).given.crops for pictures in (plain, before)]
        green = [float((2 * c[:, :, 1] - c[:, :, 0] - c[:, :, 2]).clamp(min=0).mean()) for c in crops]
        assert green[1] > 2 * green[0]
    finally:
        plain.close()
        before.close()
    train(RECIPE, tmp_path / "run", device="cpu", max_seconds=0.0, backgrounds=photos)
    assert read_origin(tmp_path / "run" / WEIGHTS).data == "rendered duet pictures, photos behind some (1)"


def test_networks_trained_together_are_those_trained_alone(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    shorter = replace(RECIPE, steps=2, teacher="none", priors=())
    recipes = {tmp_path / "long": RECIPE, tmp_path / "short": shorter}
    halfway = {out: replace(recipe, steps=1) for out, recipe in recipes.items()}
    assert train_together(halfway, device="cpu") == dict.fromkeys(recipes, 1)
    assert train_together(recipes, device="cpu") == {tmp_path / "long": 4, tmp_path / "short": 2}
    for out, recipe in recipes.items():
        alone = tmp_path / f"{out.name}-alone"
        for steps in (1, recipe.steps):
            train(replace(recipe, steps=steps), alone, device="cpu")
        found, expected = (load_alignment(folder / WEIGHTS).state_dict() for folder in (out, alone))
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_pictures_that_are_used_again_come_in_other_colours() -> None:
    recipe = replace(RECIPE, reuse=3, kept=2, steps=9)
    with Worker.joined("cpu") as worker:
        pictures, single = RunPictures(recipe, worker), TrainingPictures(RECIPE, worker)
        try:
            shown = [pictures.batch(step) for step in range(recipe.steps)]
            made = [single.made(number) for number in range(3)]
        finally:
            pictures.close()
            single.close()
    for step, batch in enumerate(shown):
        fresh, again = divmod(step, recipe.reuse)
        seen = made[max(0, fresh - 1) : fresh + 1] if again else made[fresh : fresh + 1]
        of = [one for one in seen if torch.equal(one.labels.keypoints_25d, batch.labels.keypoints_25d)]
        assert len(of) == 1
        assert torch.equal(of[0].given.crops, batch.given.crops) == (again == 0)
        assert (of[0].given.crops - batch.given.crops).abs().mean() < 0.2
        assert float(batch.given.crops.min()) >= 0
        assert float(batch.given.crops.max()) <= 1


def test_networks_that_see_other_pictures_are_not_trained_together(tmp_path: Path) -> None:
    recipes = {tmp_path / "one": RECIPE, tmp_path / "other": replace(RECIPE, seed=RECIPE.seed + 1)}
    with pytest.raises(ConfigError, match="the same pictures"):
        train_together(recipes, device="cpu")


def test_processes_make_the_batches_that_a_thread_makes() -> None:
    recipe = replace(RECIPE, steps=3)
    with Worker.joined("cpu") as worker:
        alone = TrainingPictures(recipe, worker)
        together = ParallelPictures(recipe, worker, NO_FOLDERS, processes=2)
        try:
            for step in (1, 2):
                expected, found = alone.made(step), together.batch(step)
                assert torch.equal(found.given.target, expected.given.target)
                assert torch.equal(found.given.crops, expected.given.crops)
                assert torch.equal(found.labels.keypoints_3d, expected.labels.keypoints_3d)
        finally:
            together.close()
            alone.close()


def test_run_goes_on_from_the_parts_that_travelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools import gpu_train

    first, out, second = tmp_path / "first", tmp_path / "out", tmp_path / "second"
    out.mkdir()
    monkeypatch.setattr(gpu_train, "PART_BYTES", 1_000_000)
    assert train(replace(RECIPE, steps=2), first, device="cpu") == 2
    assert len(gpu_train.split(first, out)) > 1
    gpu_train.join(out, second)
    stored = torch.load(second / CHECKPOINT, weights_only=True)
    assert (stored["step"], "optimiser" in stored) == (2, False)
    assert train(replace(RECIPE, steps=3), second, device="cpu") == 3


def test_labels_project_to_the_keypoints_of_their_crop(batch: AlignmentBatch, models: HandPair) -> None:
    """Posed hand, mirrored where left, through the crop's intrinsics: everything that a crop tells fits together."""
    labels, given = batch.labels, batch.given
    hands = labels.parameters_valid
    posed = models.right.pose(labels.rotmats, labels.betas, torch.zeros_like(labels.betas[..., :3]))
    from a2p.hand.keypoints import KeypointRegressor

    keypoints = KeypointRegressor.for_model(models.right)(posed, labels.betas)
    about = keypoints - keypoints[..., :1, :]
    torch.testing.assert_close(about[hands], labels.keypoints_3d[hands], rtol=0, atol=CROP_LABELS_M)
    ray = (labels.keypoints_25d[..., :2] - given.intrinsics[..., None, 2:]) / given.intrinsics[..., None, :2]
    # ray = (wrist + about).xy / (wrist + about).z for one wrist: linear in the wrist, solved by least squares
    ones, zeros = torch.ones_like(ray[..., 0]), torch.zeros_like(ray[..., 0])
    rows_x = torch.stack([ones, zeros, -ray[..., 0]], dim=-1)
    rows_y = torch.stack([zeros, ones, -ray[..., 1]], dim=-1)
    left = torch.cat([rows_x, rows_y], dim=-2)[hands].double()
    right = torch.cat([ray[..., i] * about[..., 2] - about[..., i] for i in range(2)], dim=-1)[hands].double()
    residual = (left @ torch.linalg.lstsq(left, right[..., None]).solution)[..., 0] - right
    assert float(residual.abs().max()) < 1e-5


def test_crops_show_the_hand_that_is_meant(batch: AlignmentBatch) -> None:
    labels = batch.labels
    seen = labels.visible & batch.given.present[..., None]
    places = (labels.keypoints_25d[..., :2] * 64).long()
    inside = seen & ((places >= 0) & (places < 64)).all(-1)
    assert int(inside.sum()) > 150
    which = inside.nonzero()
    classes = torch.stack([labels.segmentation[b, h, places[b, h, k, 1], places[b, h, k, 0]] for b, h, k in which])
    shares = [float((classes == value).float().mean()) for value in (MEANT_HAND, OTHER_HAND, COVER)]
    assert shares[0] > 0.8
    assert shares[0] > 10 * shares[1]


def test_depth_is_measured_from_the_wrist_of_the_hand_that_is_meant(batch: AlignmentBatch) -> None:
    labels = batch.labels
    mine = (labels.segmentation == MEANT_HAND) & labels.depth_valid & batch.given.present[..., None, None]
    assert int(mine.sum()) > 1000
    assert float(labels.depth[mine].abs().max()) < 0.25
    assert float(labels.depth[~labels.depth_valid].abs().max()) == 0.0


def test_target_channels_frame_their_hands(models: HandPair) -> None:
    exact = CropSettings(margin_spread=0.0, shift_spread=0.0, box_spread=0.0)
    camera = CameraSettings(hand_crop=0.0, union_crop=1.0, mirror_left=False)
    images = DuetImages(ImageSettings(size_px=96, camera=camera), seed=5, threads=1)
    found = hand_crops(images.batch(np.arange(8)), models, torch.Generator(), size=64, settings=exact)
    own = found.given.target[:, :, 0][found.labels.parameters_valid]
    covered = own.amax(-1).sum(-1).maximum(own.amax(-2).sum(-1)) / 64
    torch.testing.assert_close(covered, torch.full_like(covered, 1 / exact.margin), rtol=0, atol=1e-4)
    alone = ~found.labels.parameters_valid
    assert float(found.given.target[:, :, 0][alone].sum()) == 0.0
    assert float(found.given.target[:, :, 1][alone.flip(1)].sum()) == 0.0


@pytest.mark.parametrize(
    "name", ["ablation_cpu", "ablation_gpu", "compact_cpu", "compact_cpu_on", "compact_gpu", "paper_gpu"]
)
def test_packaged_recipes_are_valid(name: str) -> None:
    recipe = AlignmentTraining.packaged(name)
    assert recipe.rate(0) < recipe.rate(recipe.warm_up) == recipe.learning_rate
    assert recipe.rate(recipe.steps) <= 0.1 * recipe.learning_rate + 1e-12


def test_the_packaged_weights_are_of_a_packaged_recipe() -> None:
    recipe = AlignmentTraining.packaged("compact_cpu_on")
    origin = read_origin(PACKAGED_WEIGHTS)
    assert json.loads(origin.recipe) == plain_recipe(recipe)
    assert origin.samples == recipe.steps * recipe.batch
    assert "begun from weights" in origin.data


def test_recipes_with_mistakes_are_refused(tmp_path: Path) -> None:
    known = "ablation_cpu, ablation_gpu, compact_cpu, compact_cpu_on, compact_gpu, paper_gpu"
    with pytest.raises(ConfigError, match=f"must be one of {known}"):
        AlignmentTraining.packaged("huge")
    for text, message in (
        ("{", "must be a recipe in JSON"),
        ('{"stepz": 3}', "unknown settings"),
        ('{"network": {"depth": 3}}', "a setting that is not known"),
        ('{"priors": []}', "none only for the teacher 'none'"),
        ('{"steps": 0}', "must be positive"),
        ('{"sources": [{"weight": 0.0}]}', "must be positive"),
        ('{"start": "imagnet"}', "start must be imagenet"),
    ):
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(ConfigError, match=message):
            AlignmentTraining.read(tmp_path / "r.json")


def test_touching_hands_need_their_pairs(tmp_path: Path) -> None:
    recipe = replace(RECIPE, sources=(PictureSource(touching=True),))
    with pytest.raises(ConfigError, match="make pairs with `a2p data duet`"):
        train(recipe, tmp_path, device="cpu")


def test_curves_of_a_log_are_drawn(tmp_path: Path) -> None:
    lines = [{"step": i, "samples": 8 * i, "kind": "training", "mesh": 1.0 / i, "unix_time_s": 0.0} for i in (1, 2, 3)]
    (tmp_path / LOG).write_text("\n".join(json.dumps(line) for line in lines))
    assert save_curves(tmp_path, tmp_path / "curves.png") == 1
    assert (tmp_path / "curves.png").stat().st_size > 500
    (tmp_path / LOG).write_text("[1]")
    with pytest.raises(DataError, match="must be the log of a training run"):
        save_curves(tmp_path, tmp_path / "curves.png")
    (tmp_path / LOG).write_text("")
    with pytest.raises(DataError, match="has no rows yet"):
        save_curves(tmp_path, tmp_path / "curves.png")
