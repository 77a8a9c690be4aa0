"""What evaluating one sample of duet costs: rendering it, the stages of each method, and scoring; CPU time, one thread.

python -m benchmarks.bench_evaluation [FOLDER_OF_PAIRS] [--methods aligned NAME=WEIGHTS_FILE ...] [--samples 16]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from a2p.data import Duet
from a2p.data.duet_images.dataset import held_out_pairs
from a2p.data.reading import LoadedSample, SampleReader
from a2p.evaluation.methods import Method, parse_method
from a2p.evaluation.prediction import STAGES
from a2p.evaluation.regression import JointRegressor
from a2p.evaluation.scoring import Scorer

WARM_UP = 2


def milliseconds(reader: SampleReader, method: Method, count: int) -> list[float]:
    """Returns the mean CPU time for rendering, the prediction's stages, all of it, and scoring a sample (ms)."""
    predictor = method()
    scorer = Scorer(predictor.models, JointRegressor.of_model("open"))
    rows = []
    for index in range(WARM_UP + count):
        marks = [time.process_time()]
        loaded = reader.load(index)
        assert isinstance(loaded, LoadedSample)
        marks.append(time.process_time())
        prediction = predictor(loaded.sample, loaded.pixels)
        marks.append(time.process_time())
        scorer(loaded.sample, prediction)
        marks.append(time.process_time())
        rendering, predicting, scoring = np.diff(marks)
        rows.append([rendering, *prediction.stage_seconds, predicting, scoring])
    means: list[float] = (1e3 * np.mean(rows[WARM_UP:], axis=0)).tolist()
    return means


def main() -> None:
    """Prints a row a method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="?")
    parser.add_argument("--methods", nargs="+", default=["aligned"])
    parser.add_argument("--samples", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(1)
    time.perf_counter = time.process_time  # the clock by which stages are told is to count CPU time, too
    reader = SampleReader(Duet(options.pairs or held_out_pairs()))
    heads = ("rendering", *STAGES, "whole prediction", "scoring")
    print(f"| method | {', ms | '.join(heads)}, ms | 2,000 samples, CPU s |\n|---|{'---|' * len(heads)}---|")
    for text in options.methods:
        method = parse_method(text)
        parts = milliseconds(reader, method, options.samples)
        cells = " | ".join(f"{part:.0f}" for part in parts)
        print(f"| {method.title} | {cells} | {2 * (parts[0] + parts[-2] + parts[-1]):.0f} |", flush=True)


if __name__ == "__main__":
    main()
