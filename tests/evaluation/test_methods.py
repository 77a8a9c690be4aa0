"""What can be evaluated: methods by name, networks out of files, and what is told of them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch

from a2p.alignment.reading import MARGIN
from a2p.alignment.weights import AlignmentOrigin, save_alignment
from a2p.cli import main
from a2p.data import Duet
from a2p.data.duet.shards import arrays_of, save_arrays
from a2p.data.reading import SampleReader
from a2p.errors import ConfigError
from a2p.evaluation.methods import Method, Stage1, parse_method
from a2p.evaluation.network_prediction import NetworkPredictor
from a2p.evaluation.prediction import Stage2
from a2p.evaluation.provenance import parameter_count, weights_sha256
from a2p.hand import HandModel
from a2p.penetration import PenetrationReport
from a2p.plausibility.refiner import DEFAULT_METHOD
from tests.alignment.networks import network_of, small
from tests.data.duet_images.scenery import stacked_pairs


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_alignment(network_of(small()), path, AlignmentOrigin("none", "{}", "", 0))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs")
    save_arrays(path / "duet-0-000000000-16.npz", arrays_of(stacked_pairs(16)))
    return path


def test_methods_are_named_in_one_line(weights: Path) -> None:
    assert parse_method("aligned").stage2 == "none"
    assert parse_method("full").stage2 == DEFAULT_METHOD
    assert parse_method("diffusion").title == "both stages, diffusion"
    network = parse_method(f"+ depth={weights}:diffusion")
    assert (network.name, network.stage1.weights, network.stage2) == ("+ depth", weights, "diffusion")
    assert network.title == "+ depth"
    assert parse_method("ours=pipeline:descent") == Method(name="ours", stage2="descent")
    assert parse_method("plain=keypoints").stage1.source == "keypoints"
    assert parse_method("ours=network:descent") == Method(
        name="ours", stage1=Stage1(source="network"), stage2="descent"
    )
    both = parse_method(f"ours=pipeline+{weights}:descent")
    assert (both.stage1.source, both.stage1.weights, both.stage2) == ("pipeline", weights, "descent")
    assert pickle.loads(pickle.dumps(network)) == network


@pytest.mark.parametrize(
    "text", ["everything", "=x", "a=", "a=nowhere.safetensors", "a=nowhere:diffusion", "a=pipeline+x"]
)
def test_what_is_no_method_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"must be one of|needs a weights file"):
        parse_method(text)


def test_a_network_alone_detects_nothing(weights: Path) -> None:
    with pytest.raises(ConfigError, match="detects no hands"):
        parse_method(f"a={weights}", given_boxes=False)


def test_a_network_is_placed_by_its_relative_translation(weights: Path, folder: Path) -> None:
    predictor = NetworkPredictor(weights)
    loaded = next(item for item in SampleReader(Duet(folder)).read() if len(item.sample.boxes) == 2)
    [prediction] = predictor(loaded.sample, loaded.pixels, ["none"])
    assert prediction.right is not None
    assert prediction.left is not None
    assert sum(prediction.stage_seconds) == pytest.approx(prediction.seconds)
    for side, hand in (("right", prediction.right), ("left", prediction.left)):
        assert hand.parameters is not None
        posed = getattr(predictor.models, side)(hand.parameters)
        assert torch.allclose(posed.vertices, hand.vertices)
    [again] = predictor(loaded.sample, loaded.pixels, ["none"])
    assert again.left is not None
    assert torch.equal(again.left.vertices, prediction.left.vertices)


@pytest.mark.parametrize("stage2", ["descent", "diffusion"])
def test_stage_2_goes_on_from_what_a_network_says(weights: Path, folder: Path, stage2: Stage2) -> None:
    loaded = next(item for item in SampleReader(Duet(folder)).read() if len(item.sample.boxes) == 2)
    depths = []
    for said in NetworkPredictor(weights)(loaded.sample, loaded.pixels, ["none", stage2]):
        assert said.right is not None
        assert said.left is not None
        models = HandModel.load_pair("open")
        meshes = (said.right.vertices, said.left.vertices)
        depths.append(PenetrationReport.measure(*meshes, *(model.topology for model in models)).max_mm)
    assert depths[1] <= max(depths[0], 1.0)


def test_boxes_are_those_that_training_tells(folder: Path, weights: Path) -> None:
    predictor = NetworkPredictor(weights)
    loaded = next(item for item in SampleReader(Duet(folder)).read() if len(item.sample.boxes) == 2)
    assert loaded.sample.camera is not None
    boxes = loaded.sample.boxes
    given = predictor._given(loaded.pixels, boxes, loaded.sample.camera)
    assert given.present.tolist() == [[True, True]]
    alone = predictor._given(loaded.pixels, boxes[1:], loaded.sample.camera)
    assert alone.present.tolist() == [[False, True]]
    assert float(alone.target[0, 1, 1].max()) == 0.0, "there is no other hand"
    assert torch.equal(alone.crops[0, 1], given.crops[0, 1])
    inside = given.target[0, :, 0].mean(dim=(-2, -1))
    assert float(inside.max()) < 1.05 / MARGIN, "the longer side of the box is a crop's side over its margin"


def test_learned_numbers_are_counted_and_hashed(weights: Path) -> None:
    network = sum(tensor.numel() for tensor in network_of(small()).state_dict().values())
    keypoints = parameter_count(parse_method("a=keypoints"))
    assert keypoints > 3_000_000, "palm detector and landmark model"
    assert parameter_count(parse_method("a=keypoints:diffusion")) > keypoints + 100_000
    assert parameter_count(parse_method(f"a={weights}")) == network
    assert parameter_count(parse_method(f"a=pipeline+{weights}")) == keypoints + network
    packaged = parameter_count(parse_method("a=network"))
    assert parameter_count(parse_method("aligned")) == keypoints + packaged
    assert weights_sha256("open", weights) != weights_sha256("open")


@pytest.mark.slow
def test_five_tables_on_duet_come_out_of_one_command(weights: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    methods = ["aligned", f"baseline={weights}", f"all=pipeline+{weights}:diffusion"]
    tables = ["--table", "1", "2", "3", "4", "5"]
    arguments = ["evaluate", f"duet={folder}", *tables, "--methods", *methods, "--limit", "3", "-o", str(out)]
    assert main(arguments) == 0
    rows = json.loads((out / "table4.json").read_text())["rows"]
    assert [row["method"] for row in rows if row["is_ours"]] == [
        "a2p, stage 1 alone: 2D alignment (duet, test)",
        "a2p, baseline (duet, test)",
        "a2p, all (duet, test)",
    ]
    assert all(row["values"][0] > 0 for row in rows)
    assert "seed 2000003" in (out / "table3.md").read_text()
    assert main([*arguments[:-2], "-o", str(out), "--methods", f"a={weights}", f"a={weights}:diffusion"]) == 2
