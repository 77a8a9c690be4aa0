"""What evaluating one sample of duet costs: rendering it, the stages of each method, and scoring; CPU time, one thread.

python -m benchmarks.bench_evaluation [FOLDER_OF_PAIRS] [--methods aligned NAME=WEIGHTS_FILE ...] [--samples 16]

With --together it compares all methods in one run, as `a2p evaluate` does it, with one after another, sample by sample
in turns, and says whether the records are the same.
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
from a2p.evaluation.results_file import RunInfo, Scored
from a2p.evaluation.runner import EvaluationJob, Run, Task
from a2p.evaluation.scoring import RECORD, Scorer

WARM_UP = 2
_TIMES = ("seconds", "stage_seconds")


def milliseconds(reader: SampleReader, method: Method, count: int) -> list[float]:
    """Returns the mean CPU time for rendering, the prediction's stages, all of it, and scoring a sample (ms)."""
    predictor = method.stage1()
    scorer = Scorer(predictor.models, JointRegressor.of_model("open"))
    rows = []
    for index in range(WARM_UP + count):
        marks = [time.process_time()]
        loaded = reader.load(index)
        assert isinstance(loaded, LoadedSample)
        marks.append(time.process_time())
        [prediction] = predictor(loaded.sample, loaded.pixels, [method.stage2])
        marks.append(time.process_time())
        scorer(loaded.sample, prediction)
        marks.append(time.process_time())
        rendering, predicting, scoring = np.diff(marks)
        rows.append([rendering, *prediction.stage_seconds, predicting, scoring])
    means: list[float] = (1e3 * np.mean(rows[WARM_UP:], axis=0)).tolist()
    return means


def together(dataset: Duet, methods: list[Method], count: int) -> None:
    """Prints what samples cost by all methods in one run and by one after another."""
    regressor = JointRegressor.of_model("open")
    runs = [Run(_info(method), method.stage1, method.stage2) for method in methods]
    names = tuple(run.info.name for run in runs)
    ways = [
        [(EvaluationJob(dataset, (run,), regressor).start(), (run.info.name,)) for run in runs],
        [(EvaluationJob(dataset, tuple(runs), regressor).start(), names)],
    ]
    seconds = np.zeros((WARM_UP + count, 2))
    differing = 0
    for index in range(WARM_UP + count):
        made: dict[int, dict[str, Scored]] = {}
        for way in (0, 1) if index % 2 else (1, 0):
            start = time.process_time()
            outcomes = [outcome for score, wanted in ways[way] for outcome in score(Task(index, wanted))]
            seconds[index, way] = time.process_time() - start
            made[way] = {outcome.run: outcome for outcome in outcomes}
        differing += sum(_figures(made[0][name]) != _figures(made[1][name]) for name in names)
    alone, shared = 1e3 * seconds[WARM_UP:].mean(axis=0)
    ratios = seconds[WARM_UP:, 0] / seconds[WARM_UP:, 1]
    print(
        f"{count} samples by {', '.join(method.name for method in methods)}: CPU ms a sample {alone:.0f} one after "
        f"another, {shared:.0f} together; ratio {alone / shared:.2f}, by sample {np.min(ratios):.2f} to "
        f"{np.max(ratios):.2f}; {differing} of {(WARM_UP + count) * len(names)} records differ."
    )


def _info(method: Method) -> RunInfo:
    return RunInfo("duet", "test", method.name, "open", "", "", 0)


def _figures(outcome: Scored) -> list[bytes]:
    """Returns a record without its times, which are never the same."""
    assert outcome.record is not None
    record = np.frombuffer(outcome.record, dtype=RECORD)
    return [record[name].tobytes() for name in RECORD.names or () if name not in _TIMES]


def main() -> None:
    """Prints a row a method, or what all of them cost together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="?")
    parser.add_argument("--methods", nargs="+", default=["aligned"])
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--together", action="store_true", help="all methods in one run against one after another")
    options = parser.parse_args()
    torch.set_num_threads(1)
    time.perf_counter = time.process_time  # the clock by which stages are told is to count CPU time, too
    dataset = Duet(options.pairs or held_out_pairs())
    methods = [parse_method(text) for text in options.methods]
    if options.together:
        together(dataset, methods, options.samples)
        return
    heads = ("rendering", *STAGES, "whole prediction", "scoring")
    print(f"| method | {', ms | '.join(heads)}, ms | 2,000 samples, CPU s |\n|---|{'---|' * len(heads)}---|")
    for method in methods:
        parts = milliseconds(SampleReader(dataset), method, options.samples)
        cells = " | ".join(f"{part:.0f}" for part in parts)
        print(f"| {method.title} | {cells} | {2 * (parts[0] + parts[-2] + parts[-1]):.0f} |", flush=True)


if __name__ == "__main__":
    main()
