"""`a2p evaluate`: the paper's tables from one command."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from a2p.cli.data_label import scatter_of
from a2p.cli.data_sets import dataset_folder
from a2p.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from a2p.errors import ConfigError

if TYPE_CHECKING:
    from a2p.data.sample import HandDataset
    from a2p.evaluation.ablation import Ablation, Untrained
    from a2p.evaluation.accuracy import Protocol
    from a2p.evaluation.methods import Method
    from a2p.evaluation.results_file import ResultsFile, RunInfo, RunResults
    from a2p.evaluation.tables import Table

_METHODS_OF_TABLE: dict[int, tuple[str, ...]] = {
    1: ("full",),
    2: ("full",),
    3: ("aligned", "full"),
    4: ("aligned", "full"),
    5: ("aligned", "full", "descent"),
}


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measures a2p on data sets and prints the paper's tables with our rows in them.

    Goes on where an earlier run into the same folder stopped. Exit code 0: every sample was scored; 1: broken samples
    were skipped; 2: wrong usage.
    """

    datasets: tyro.conf.Positional[tuple[str, ...]]
    """NAME=FOLDER, as `a2p data check` names them. Example: interhand2.6m-human=/data/InterHand2.6M. `duet` needs no
    folder: hand pairs are made once and kept in the cache."""
    table: tuple[Literal[1, 2, 3, 4, 5], ...] = (1,)
    """Accuracy on InterHand2.6M (1) and HIC (2), ablation (3), efficiency (4), penetration (5)."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("evaluation")
    """Folder for results.sqlite, tables, curves and reports."""
    split: str | None = None
    """Which split; by default each data set's test split."""
    protocol: Literal["interwild", "intaghand", "procrustes"] = "interwild"
    """How hands are aligned before they are compared; the paper's rows are `interwild`."""
    methods: tuple[str, ...] = ()
    """Rows of the tables, the first being what others are compared with; by default what the tables need.
    `aligned`: the pipeline's stage 1 alone; `full`: both stages; `descent`, `diffusion`: with this stage 2.
    NAME=WEIGHTS_FILE: an alignment network alone, in the given boxes; NAME=WEIGHTS_FILE:diffusion with stage 2.
    NAME=network: the packaged one alone. NAME=pipeline+WEIGHTS_FILE:descent: the pipeline with that network;
    NAME=keypoints: without any."""
    ablation: Path | None = None
    """Folder of `python -m benchmarks.ablate_alignment`: table 3 then compares its networks, alone in the given boxes,
    and says which are not trained yet."""
    hand_model: str = "open"
    """`open`, or MANO's folder, without which sets annotated with MANO have no MPVPE."""
    joint_regressor: Path | None = None
    """A .npy of shape (21, v): joints of truth and predictions are regressed from meshes with it."""
    detect: bool = False
    """Look for hands instead of taking the annotated boxes."""
    limit: int | None = None
    """Only so many samples, evenly spaced."""
    workers: int = 1
    """Processes."""
    ray: str | None = None
    """Ray cluster to work on: its address, or `local` for one on this machine. Needs the extra `ray`."""
    skip_broken: bool = False
    """Go on behind broken samples and count them."""
    against: Path | None = None
    """Folder of an earlier command, perhaps by other code or weights: runs of the same names are compared."""
    report: bool = True
    """Write a page with best, median and worst samples, and error curves, for each data set."""

    def run(self) -> int:
        """Evaluates what is missing, prints and writes the tables, and returns the exit code."""
        from a2p.evaluation.results_file import ResultsFile

        if not self.datasets:
            raise ConfigError("at least one NAME=FOLDER, or duet, is needed. Example: a2p evaluate duet --table 1 5")
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"limit must be at least 1; got {self.limit}.")
        if self.against is not None and not (self.against / "results.sqlite").is_file():
            raise ConfigError(
                f"against must be a folder that a2p evaluate wrote; {self.against} has no results.sqlite."
            )
        with ResultsFile(self.out / "results.sqlite") as results:
            evaluated = [_evaluated(self, name, results) for name in self.datasets]
        runs = [run for done in evaluated for run in done.all_runs]
        tables = _write_tables(self, evaluated, runs)
        if self.report:
            _write_reports(self, evaluated, tables)
        print(f"wrote {self.out}")
        for run in runs:
            for sample, problem in run.problems:
                print(f"skipped {run.info.name} {sample}: {problem}")
        return EXIT_SOME_FAILED if any(run.problems for run in runs) else EXIT_OK


@dataclass(frozen=True)
class _Evaluated:
    """One data set and its runs, a run a method."""

    dataset: HandDataset
    runs: list[RunResults]
    ablation: list[RunResults | Untrained]
    """The rows of table 3; none where it is not asked for or was given methods."""

    @property
    def groups(self) -> list[list[RunResults]]:
        """Runs that are compared with the first of them."""
        from a2p.evaluation.results_file import RunResults

        groups = [self.runs, [row for row in self.ablation if isinstance(row, RunResults)]]
        return [group for group in groups if group]

    @property
    def all_runs(self) -> list[RunResults]:
        """The runs of all groups."""
        return [run for group in self.groups for run in group]


def _evaluated(command: Evaluate, named: str, results: ResultsFile) -> _Evaluated:
    """Returns the runs of all methods on one data set, evaluated as far as they were not."""
    from a2p.data.catalogue import open_dataset
    from a2p.data.inspection import evenly
    from a2p.evaluation.methods import Method
    from a2p.evaluation.regression import JointRegressor
    from a2p.evaluation.runner import EvaluationJob, Run, evaluate
    from a2p.hand import HandModel

    name, separator, given = named.partition("=")
    if separator and not given:
        raise ConfigError(f"a data set must be given as NAME=FOLDER; got {named!r}. Example: hic=/data/HIC")
    folder = dataset_folder(name, Path(given) if given else None, workers=command.workers)
    models = None if command.hand_model == "open" else HandModel.load_pair(command.hand_model)
    dataset = open_dataset(name, folder, split=command.split, models=models)
    regressor = (
        JointRegressor.of_model(command.hand_model)
        if command.joint_regressor is None
        else JointRegressor.load(command.joint_regressor)
    )
    methods = _methods(command)
    rows = () if (ablation := _ablation(command)) is None else ablation.rows
    infos = {
        method: _run_info(command, name, dataset, method) for method in (*methods, *rows) if isinstance(method, Method)
    }
    runs = tuple(Run(info, method.stage1, method.stage2) for method, info in infos.items())
    job = EvaluationJob(dataset, runs, regressor, command.skip_broken)
    positions = range(len(dataset)) if command.limit is None else evenly(len(dataset), command.limit)
    with _progress(f"{name}, {len(runs)} methods", len(runs) * len(positions)) as advance:
        scatter = scatter_of(command.workers, command.ray)
        evaluate(job, results, positions=positions, scatter=scatter, progress=advance)
    found = {method: results.read(info.name) for method, info in infos.items()}
    ablation_rows = [found[row] if isinstance(row, Method) else row for row in rows]
    return _Evaluated(dataset, [found[method] for method in methods], ablation_rows)


def _run_info(command: Evaluate, name: str, dataset: HandDataset, method: Method) -> RunInfo:
    """Returns what a run is told apart by, and what its tables say of it."""
    from importlib import metadata

    from a2p.data import Duet
    from a2p.evaluation.provenance import parameter_count, weights_sha256
    from a2p.evaluation.results_file import RunInfo

    stage1 = method.stage1
    options = {"boxes": "given" if stage1.given_boxes else "detected", "stage 2": method.stage2}
    if command.joint_regressor is not None:
        options["joint regressor"] = command.joint_regressor.name
    if stage1.weights is not None:
        options["network" if stage1.source == "pipeline" else "network alone"] = stage1.weights.name
    if isinstance(dataset, Duet):
        options |= dataset.recipe
    return RunInfo(
        dataset=name,
        split=dataset.split,
        method=method.name,
        hand_model=command.hand_model if command.hand_model == "open" else "MANO",
        weights_sha256=weights_sha256(command.hand_model, stage1.weights),
        code_version=metadata.version("a2p-hands"),
        sample_count=len(dataset),
        options=options,
        title=method.title,
        parameter_count=parameter_count(method),
    )


def _write_tables(command: Evaluate, evaluated: list[_Evaluated], runs: list[RunResults]) -> list[Table]:
    """Prints and writes the tables, and how the methods differ on each data set."""
    from a2p.evaluation.tables import comparison

    tables = [_table(command, number, evaluated) for number in command.table]
    texts = [table.to_markdown() for table in tables]
    for table, text in zip(tables, texts, strict=True):
        (command.out / f"table{table.number}.md").write_text(text)
        (command.out / f"table{table.number}.json").write_text(table.to_json())
    for done in evaluated:
        for first, *others in done.groups:
            texts += [comparison(later, first, protocol=command.protocol) for later in others]
    if command.against is not None:
        texts += _changes(command.against, runs, command.protocol)
    print("\n".join(texts))
    heading = f"# Evaluation\n\nWritten by `{_told(command)}`.\n"
    (command.out / "tables.md").write_text("\n".join([heading, *texts]))
    return tables


def _table(command: Evaluate, number: int, evaluated: list[_Evaluated]) -> Table:
    """Returns one table of all data sets; table 3 begins with the ablation's networks, trained or not."""
    from a2p.evaluation.tables import paper_table

    ablation = _ablation(command) if number == 3 else None
    if ablation is None:
        return paper_table(number, [run for done in evaluated for run in done.runs], protocol=command.protocol)
    rows = [row for done in evaluated for row in (*done.ablation, *done.runs)]
    return paper_table(number, rows, protocol=command.protocol, notes=ablation.notes)


def _changes(folder: Path, runs: list[RunResults], protocol: Protocol) -> list[str]:
    """Returns how runs differ from those of the same names in another command's folder."""
    from a2p.evaluation.results_file import ResultsFile
    from a2p.evaluation.tables import comparison

    with ResultsFile(folder / "results.sqlite") as results:
        known = set(results.run_names())
        earlier = {run.info.name: results.read(run.info.name) for run in runs if run.info.name in known}
    return [
        comparison(run, earlier[run.info.name], protocol=protocol, other_name=f"that of {folder.name}")
        for run in runs
        if run.info.name in earlier
    ]


def _write_reports(command: Evaluate, evaluated: list[_Evaluated], tables: list[Table]) -> None:
    """Writes a page and curves for every data set."""
    from a2p.evaluation.plots import error_curves
    from a2p.evaluation.report import html_report
    from a2p.hand import HandModel

    models = HandModel.load_pair(command.hand_model)
    for done in evaluated:
        runs = done.all_runs
        if not runs:
            continue
        name = f"{runs[0].info.dataset}-{done.dataset.split}"
        page = html_report(done.dataset, runs, tables, models, protocol=command.protocol)
        (command.out / f"report-{name}.html").write_text(page)
        (command.out / f"errors-{name}.svg").write_text(error_curves(runs, protocol=command.protocol))


def _told(command: Evaluate) -> str:
    """Returns the command without what concerns this machine alone: where files lie."""

    def last(text: str) -> str:
        name, separator, place = text.partition("=")
        return f"{name}{separator}{Path(place).name}"

    parts = ["a2p", "evaluate", *map(last, command.datasets), "--table", *map(str, command.table)]
    parts += ["--methods", *map(last, command.methods)] if command.methods else []
    parts += ["--ablation", command.ablation.name] if command.ablation is not None else []
    parts += ["--protocol", command.protocol] if command.protocol != "interwild" else []
    parts += ["--limit", str(command.limit)] if command.limit is not None else []
    parts += ["--against", command.against.name] if command.against is not None else []
    parts += ["--detect"] if command.detect else []
    return shlex.join(parts)


def _ablation(command: Evaluate) -> Ablation | None:
    """Returns the rows of table 3; None where it is not asked for, or is made of methods that were named instead."""
    from a2p.evaluation.ablation import ablation_of

    if 3 not in command.table or (command.methods and command.ablation is None):
        return None
    return ablation_of(command.ablation, hand_model=command.hand_model)


def _methods(command: Evaluate) -> list[Method]:
    """Returns the methods asked for, or those that the tables need; what others are compared with comes first."""
    from a2p.evaluation.methods import parse_method

    tables = [number for number in command.table if number != 3 or command.ablation is None]
    wanted = command.methods or [name for number in tables for name in _METHODS_OF_TABLE[number]]
    if not command.methods:
        wanted = sorted(set(wanted), key=_METHODS_OF_TABLE[5].index)
    methods = [
        parse_method(text, hand_model=command.hand_model, given_boxes=not command.detect)
        for text in dict.fromkeys(wanted)
    ]
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise ConfigError(f"methods must have names of their own; got {', '.join(names)}.")
    return methods


@contextmanager
def _progress(name: str, count: int) -> Iterator[Callable[[int], None]]:
    """Shows a bar on a terminal; yields what moves it on."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=count)
        yield lambda made: bar.advance(task, made)
