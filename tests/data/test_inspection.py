"""What `a2p data check` and `a2p data view` say and draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2p.cli import main
from a2p.data import FreiHand, InterHand26M
from a2p.data.catalogue import CATALOGUE, open_dataset
from a2p.data.contact_sheet import sample_tile
from a2p.data.inspection import evenly, inspect_folder
from a2p.data.reading import SampleReader
from a2p.errors import ConfigError, DataError
from tests.data.folders import write_coco, write_freihand, write_hic, write_ho3d, write_reinterhand
from tests.data.interhand_folder import annotations, write_interhand


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A2P_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Every fabricated data set in a folder of its own."""
    root = tmp_path / "all"
    writers = {"ih": write_interhand, "re": write_reinterhand, "coco": write_coco, "fh": write_freihand}
    for name, write in {**writers, "ho": write_ho3d, "hic": write_hic}.items():
        (root / name).mkdir(parents=True)
        write(root / name)
    return root


def test_every_data_set_is_found_in_its_folder_and_counted(collection: Path) -> None:
    reports = {report.entry.name: report for report in inspect_folder(collection)}
    found = {name: report.folder.name for name, report in reports.items() if report.folder is not None}
    assert found["interhand2.6m"] == found["interhand2.6m-human"] == "ih"
    assert found["reinterhand"] == found["reinterhand-ego"] == "re"
    assert (found["coco_wholebody"], found["freihand"], found["ho3d"], found["hic"]) == ("coco", "fh", "ho", "hic")
    assert "hand_graph_cnn" not in found
    counts = {(name, split.name): split.count for name, report in reports.items() for split in report.splits}
    assert counts["interhand2.6m", "test"] == 4
    assert counts["reinterhand-ego", "test"] == 1
    assert counts["coco_wholebody", "val"] == 2
    assert counts["hic", "test"] == 2
    assert counts["interhand2.6m", "train"] is None


def test_missing_files_and_broken_samples_are_named(collection: Path) -> None:
    reports = {report.entry.name: report for report in inspect_folder(collection)}
    train, _, _ = reports["interhand2.6m"].splits
    assert "annotations/train/InterHand2.6M_train_data.json" in train.missing
    training, evaluation = reports["freihand"].splits
    assert training.published_count == 130_240
    assert [broken.index for broken in training.broken] == [0, 2, 4, 6], (
        "of each version only the second picture is there"
    )
    assert "00000000.jpg is missing" in training.broken[0].reason
    assert evaluation.missing == ("evaluation_K.json", "evaluation/rgb")


def test_check_prints_counts_what_is_missing_and_where_to_get_it(
    collection: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(collection)]) == 1
    printed = capsys.readouterr().out
    for text in (
        "test       4 samples (published: 849160); 4 of 4 decoded",
        "missing: annotations/train/InterHand2.6M_train_data.json",
        "https://lmb.informatik.uni-freiburg.de/projects/freihand/",
        "licence: CC-BY-NC 4.0",
        "not here:",
        "hand_graph_cnn",
    ):
        assert text in printed
    assert main(["data", "check", str(collection / "hic")]) == 0
    assert main(["data", "check", str(collection / "none")]) == 2


def test_view_writes_a_sheet_with_the_labels_on_it(collection: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert main(["data", "view", "reinterhand", str(collection / "re"), "-o", str(out), "-n", "3"]) == 0
    with Image.open(out) as sheet:
        assert sheet.size == (3 * 320, 348)
    assert main(["data", "view", "freihand", str(collection / "fh"), "-o", str(out), "--split", "training"]) == 2
    arguments = ["--split", "training", "--skip-broken"]
    assert main(["data", "view", "freihand", str(collection / "fh"), "-o", str(out), *arguments]) == 0


def test_a_tile_shows_the_hand_where_it_is_labelled(tmp_path: Path) -> None:
    dataset = InterHand26M(write_interhand(tmp_path / "ih"))
    sample = dataset[1]
    marked = np.asarray(sample_tile(sample, np.zeros((240, 320, 3), np.uint8), size=320))[:320]
    assert sample.right is not None
    assert sample.right.box_xyxy_px is not None
    x0, y0, x1, y1 = sample.right.box_xyxy_px
    side = 1.4 * max(x1 - x0, y1 - y0)
    corner = np.array([(x0 + x1 - side) / 2, (y0 + y1 - side) / 2])
    for x, y in (sample.right.keypoints_2d.numpy() - corner) * 320 / side:
        assert marked[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].max() > 200


def test_a_reader_stops_at_broken_samples_or_counts_them(tmp_path: Path) -> None:
    content = annotations()
    content["joint_3d"]["5"]["1001"]["world_coord"][3][0] = float("nan")
    root = write_interhand(tmp_path / "ih", content)
    (root / "images" / "test" / content["data"]["images"][2]["file_name"]).unlink()
    with pytest.raises(DataError, match=r'\["1001"\]\["world_coord"\]\[3\]'):
        list(SampleReader(InterHand26M(root)).read())
    reader = SampleReader(InterHand26M(root), skip_broken=True)
    assert [loaded.index for loaded in reader.read()] == [0, 3]
    assert [broken.index for broken in reader.broken] == [1, 2]
    assert "image1002.jpg is missing" in reader.broken[1].reason


def test_data_sets_open_by_name(tmp_path: Path) -> None:
    root = write_freihand(tmp_path)
    assert isinstance(open_dataset("freihand", root, split="training"), FreiHand)
    with pytest.raises(ConfigError, match="split of freihand must be one of training, evaluation"):
        open_dataset("freihand", root, split="test")
    with pytest.raises(ConfigError, match=r"a data set must be one of interhand2\.6m"):
        open_dataset("imagenet", root)
    assert all(entry.license for entry in CATALOGUE.values())
    assert all(entry.page.startswith("https://") for entry in CATALOGUE.values() if entry.name != "duet")


@pytest.mark.parametrize(("count", "wanted"), [(0, 4), (3, 8), (100, 8), (9, 9), (1_000_000, 3)])
def test_evenly_spaced_numbers_are_distinct_and_in_range(count: int, wanted: int) -> None:
    numbers = evenly(count, wanted)
    assert len(numbers) == min(count, wanted)
    assert sorted(set(numbers)) == numbers
    assert all(0 <= number < count for number in numbers)
