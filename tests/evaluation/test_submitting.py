"""Submissions from pictures to the file that is uploaded, on fabricated splits."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p.cli import main
from a2p.data import FreiHand, Ho3d, Sample, submission
from a2p.data.sample import HandDataset
from a2p.data.submission import write_submission
from a2p.evaluation.prediction import HandReader, Prediction, Predictor, Stage2
from a2p.evaluation.submitting import SubmissionJob, predictions
from a2p.hand import HandModel, HandPair
from tests.data.folders import write_freihand, write_ho3d
from tests.data.scenes import true_hand
from tests.hand.mano_pickles import front_of_hand_arrays, mano_pickle, mirrored_arrays


@pytest.fixture(scope="module")
def mano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like MANO's, of hands with as many vertices."""
    folder = tmp_path_factory.mktemp("mano")
    arrays = front_of_hand_arrays()
    (folder / "MANO_RIGHT.pkl").write_bytes(mano_pickle(arrays))
    (folder / "MANO_LEFT.pkl").write_bytes(mano_pickle(mirrored_arrays(arrays)))
    return folder


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A2P_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(submission, "SAMPLE_COUNTS", dict.fromkeys(submission.SAMPLE_COUNTS, 2))


class TruePose:
    """Says the true hand's parameters; finds nothing in the second picture."""

    models: HandPair

    def __init__(self, mano: Path) -> None:
        self.models = HandModel.load_pair(str(mano))
        self.pose = HandReader(self.models)

    def __call__(self, sample: Sample, pixels: np.ndarray, stage2s: Sequence[Stage2]) -> list[Prediction]:
        assert pixels.dtype == np.uint8
        if sample.id.endswith("1-gs") or sample.id.endswith("0001"):
            return [Prediction(None, None, 0.0) for _ in stage2s]
        hand = self.pose(true_hand("right").parameters, "right", sample.convention)
        return [Prediction(hand, None, 0.0) for _ in stage2s]


class MakeTruePose:
    def __init__(self, mano: Path) -> None:
        self.mano = mano
        self.calls = 0

    def __call__(self) -> Predictor:
        self.calls += 1
        return TruePose(self.mano)


def freihand(tmp_path: Path) -> HandDataset:
    root = write_freihand(tmp_path, "evaluation")
    picture = root / "evaluation" / "rgb" / "00000001.jpg"
    (root / "evaluation" / "rgb" / "00000000.jpg").write_bytes(picture.read_bytes())
    return FreiHand(root, split="evaluation")


def test_predictions_go_into_the_servers_file_and_guesses_lie_in_their_box(tmp_path: Path, mano: Path) -> None:
    dataset = freihand(tmp_path)
    made = predictions(SubmissionJob(dataset, MakeTruePose(mano)), tmp_path / "parts")
    assert [item.is_guess for item in made] == [False, True]
    path = write_submission(tmp_path / "pred.zip", [item.hand for item in made], server="freihand")
    with zipfile.ZipFile(path) as archive:
        xyz, vertices = (np.array(part) for part in json.loads(archive.read("pred.json")))
    assert (xyz.shape, vertices.shape) == ((2, 21, 3), (2, 778, 3))
    assert np.abs(xyz[0] - made[0].hand.keypoints_3d.numpy()).max() <= 1e-6
    camera = dataset[1].camera
    assert camera is not None
    seen = camera.project(torch.from_numpy(vertices[1]))
    assert float((seen.mean(dim=0) - 112.0).abs().max()) < 20.0, "the whole picture is the box"
    assert bool((seen.amax(dim=0) - seen.amin(dim=0) > 60.0).any())


def test_a_stopped_prediction_goes_on(tmp_path: Path, mano: Path) -> None:
    root = write_ho3d(tmp_path, split="evaluation")
    make = MakeTruePose(mano)
    job = SubmissionJob(Ho3d(root, split="evaluation"), make)
    first = predictions(job, tmp_path / "parts")
    told: list[int] = []
    second = predictions(job, tmp_path / "parts", progress=told.append)
    assert (make.calls, told) == (1, [2])
    for one, two in zip(first, second, strict=True):
        assert torch.allclose(one.hand.vertices.double(), two.hand.vertices)
        assert replace(one, hand=two.hand) == two


@pytest.mark.slow
def test_the_command_writes_the_file_and_takes_its_parts_away(
    tmp_path: Path, mano: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    freihand(tmp_path)
    out = tmp_path / "out" / "pred.json"
    out.parent.mkdir()
    arguments = ["data", "submit", "freihand", str(tmp_path), "--hand-model", str(mano)]
    assert main([*arguments, "-o", str(out), "--method", "aligned"]) == 0
    assert "2 hands, of which" in capsys.readouterr().out
    xyz, vertices = json.loads(out.read_text())
    assert np.isfinite(np.array(xyz)).all()
    assert np.array(vertices).shape == (2, 778, 3)
    assert list(out.parent.iterdir()) == [out]
    assert main([*arguments, "-o", str(tmp_path / "pred.txt")]) == 2
