"""Predictions of a whole evaluation split for a data set's server, by the code that evaluations run on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from a2p.data.duet.shards import load_arrays, save_arrays
from a2p.data.reading import LoadedSample, SampleReader
from a2p.data.sample import HandDataset, Sample
from a2p.data.submission import SubmittedHand
from a2p.evaluation.prediction import HandReader, PredictedHand, Predictor, Stage2
from a2p.evaluation.scatter import Scatter, in_processes
from a2p.hand import HandModel, HandParameters

_CHUNK = 32
_HAND_LENGTH_M = 0.18
"""From the wrist to the longest fingertip, of a guess."""


@dataclass(frozen=True)
class SubmissionJob:
    """What one process needs to predict; can be sent to worker processes."""

    dataset: HandDataset
    make_predictor: Callable[[], Predictor]
    stage2: Stage2 = "none"

    def start(self) -> Callable[[int], Submitted]:
        """Returns what predicts the right hand of the sample at a position."""
        reader, predictor = SampleReader(self.dataset), self.make_predictor()
        pose = HandReader(predictor.models)

        def predict(position: int) -> Submitted:
            loaded = reader.load(position)
            assert isinstance(loaded, LoadedSample)
            [prediction] = predictor(loaded.sample, loaded.pixels, [self.stage2])
            found = prediction.right
            hand = found or _guess(loaded.sample, predictor.models.right, pose)
            return Submitted(position, SubmittedHand(hand.keypoints_3d, hand.vertices), is_guess=found is None)

        return predict


@dataclass(frozen=True)
class Submitted:
    """One sample's prediction."""

    position: int
    hand: SubmittedHand
    is_guess: bool
    """Whether no hand was found: servers want one all the same."""


def predictions(
    job: SubmissionJob,
    folder: Path,
    *,
    scatter: Scatter = in_processes,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Submitted]:
    """Returns the predictions of all samples in order. Parts are kept in `folder`, so that a stopped run goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    done: dict[int, Submitted] = {}
    for path in folder.glob("predictions-*.npz"):
        done |= {item.position: item for item in _read(path)}
    progress(len(done))
    missing = [position for position in range(len(job.dataset)) if position not in done]
    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    for made in scatter(job, chunks):
        _write(folder / f"predictions-{made[0].position:06d}.npz", made)
        done |= {item.position: item for item in made}
        progress(len(made))
    return [done[position] for position in sorted(done)]


def _guess(sample: Sample, model: HandModel, pose: HandReader) -> PredictedHand:
    """Returns a flat hand as large as its box, unturned, in the middle of the box."""
    assert sample.right is not None
    assert sample.camera is not None
    x0, y0, x1, y1 = sample.right.box_xyxy_px or (0.0, 0.0, 1.0, 1.0)
    depth = sample.camera.fy * _HAND_LENGTH_M / max(x1 - x0, y1 - y0)
    rays = [
        ((x0 + x1) / 2 - sample.camera.cx) / sample.camera.fx,
        ((y0 + y1) / 2 - sample.camera.cy) / sample.camera.fy,
        1.0,
    ]
    flat = HandParameters.zeros()
    with torch.no_grad():
        middle = model(flat).vertices.mean(dim=0)
    return pose(replace(flat, transl=depth * torch.tensor(rays) - middle), "right", sample.convention)


def _write(path: Path, made: list[Submitted]) -> None:
    save_arrays(
        path,
        {
            "position": np.array([item.position for item in made]),
            "is_guess": np.array([item.is_guess for item in made]),
            "keypoints_3d": torch.stack([item.hand.keypoints_3d for item in made]).double().numpy(),
            "vertices": torch.stack([item.hand.vertices for item in made]).double().numpy(),
        },
    )


def _read(path: Path) -> list[Submitted]:
    arrays = load_arrays(path)
    points, meshes = (torch.from_numpy(arrays[name].astype(np.float64)) for name in ("keypoints_3d", "vertices"))
    return [
        Submitted(int(position), SubmittedHand(points[row], meshes[row]), bool(is_guess))
        for row, (position, is_guess) in enumerate(zip(arrays["position"], arrays["is_guess"], strict=True))
    ]
