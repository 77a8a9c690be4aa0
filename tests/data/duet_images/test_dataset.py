"""duet as a data set: labels that lie on their pictures, the same samples in every process, pairs made on demand."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p.cli import main
from a2p.data import Duet, HandDataset
from a2p.data.catalogue import open_dataset
from a2p.data.duet.shards import arrays_of, save_arrays
from a2p.data.duet_images import dataset as module
from a2p.errors import ConfigError, DataError
from tests.data.duet_images.scenery import stacked_pairs
from tests.tolerances import PICTURE_KEYPOINT_PX


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs")
    save_arrays(path / "duet-0-000000000-16.npz", arrays_of(stacked_pairs(16)))
    return path


@pytest.fixture(scope="module")
def duet(folder: Path) -> Duet:
    return Duet(folder, count=60)


def test_labels_lie_on_their_picture(duet: Duet) -> None:
    own = 0
    for sample in (duet[index] for index in range(24)):
        assert sample.pixels().shape == (256, 256, 3)
        assert sample.camera is not None
        assert sample.pixel_labels is not None
        for side, hand in sample.hands:
            assert hand.vertices is not None
            assert hand.visible is not None
            projected = sample.project(hand.keypoints_3d)
            assert float((projected - hand.keypoints_2d).abs().max()) < PICTURE_KEYPOINT_PX
            seen = sample.project(hand.vertices).long()
            inside = ((seen >= 0) & (seen < 256)).all(-1)
            columns, rows = seen[inside].unbind(-1)
            shown = sample.pixel_labels.part[rows, columns]
            own += int(np.isin(shown, (1 if side == "right" else 2, 3 if side == "right" else 4)).mean() > 0.3)
            assert np.isfinite(sample.pixel_labels.depth[rows, columns]).mean() > 0.5
    assert own >= 24, "most hands are seen where their meshes are"


def test_pictures_show_touching_hands_hands_apart_and_single_hands(duet: Duet) -> None:
    samples = [duet[index] for index in range(60)]
    kinds = [sample.source_frame.split(",")[0] for sample in samples]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))}.keys() == {"alone", "apart", "touching"}
    assert 20 <= kinds.count("touching") <= 40
    for sample, kind in zip(samples, kinds, strict=True):
        assert len(sample.hands) == (2 if sample.hand_type == "interacting" else 1)
        assert sample.hand_type != "interacting" or kind != "alone"


def test_a_sample_is_the_same_in_another_process(duet: Duet) -> None:
    data = pickle.dumps(duet)
    assert len(data) < 2000, "neither pairs nor models travel"
    other = pickle.loads(data)[7]
    assert (other.pixels() == duet[7].pixels()).all()
    for (_, one), (_, two) in zip(duet[7].hands, other.hands, strict=True):
        assert torch.equal(one.keypoints_3d, two.keypoints_3d)


def test_a_recipe_names_seeds_and_pairs(duet: Duet, folder: Path) -> None:
    assert duet.recipe["pictures"] == "256 px of seed 2000003"
    assert duet.recipe["pairs"].startswith("16 of seed 0 (sha256 ")
    dataset = open_dataset("duet", folder)
    assert isinstance(dataset, HandDataset)
    assert len(dataset) == 2000


def test_what_is_no_folder_of_pairs_is_refused(tmp_path: Path, duet: Duet) -> None:
    with pytest.raises(DataError, match="must hold shards"):
        Duet(tmp_path)
    with pytest.raises(ConfigError, match="count must be at least 1"):
        Duet(tmp_path, count=0)
    with pytest.raises(IndexError, match="must lie in"):
        duet[60]


def test_duet_is_checked_and_viewed_like_other_sets(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(folder), "--samples", "2"]) == 0
    assert "test       2000 samples (published: 2000); 2 of 2 decoded" in capsys.readouterr().out
    assert main(["data", "view", "duet", str(folder), "-n", "4", "-o", str(tmp_path / "sheet.png")]) == 0
    assert main(["data", "view", "hic", "-o", str(tmp_path / "sheet.png")]) == 2


@pytest.mark.slow
def test_without_a_folder_pairs_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A2P_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "PAIRS", 4)
    told: list[int] = []
    folder = module.held_out_pairs(progress=told.append)
    assert (folder, told) == (tmp_path / "duet-1-4", [4])
    before = [path.stat().st_mtime_ns for path in sorted(folder.glob("*.npz"))]
    assert module.held_out_pairs() == folder
    assert [path.stat().st_mtime_ns for path in sorted(folder.glob("*.npz"))] == before
    assert Duet(folder).recipe["pairs"].startswith("4 of seed 1")
