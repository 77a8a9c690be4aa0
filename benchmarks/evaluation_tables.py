"""Makes the five tables on duet that are committed in docs/evaluation, and times 2,000 samples of the network alone.

    python -m benchmarks.evaluation_tables PAIRS --out OUT [--ablation ABLATION] [--docs docs/evaluation]

PAIRS is a folder that `a2p data duet -n 2048 --seed 1 -o PAIRS` wrote, ABLATION one that benchmarks.ablate_alignment
trained networks into; without it the rows of table 3 say that they are not trained. The same command goes on where it
was stopped; the timed run alone starts anew. A folder OUT belongs to one state of code and weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import a2p
from a2p.cli import main as a2p_command
from a2p.evaluation.results_file import ResultsFile, RunResults

METHODS = ("stage 1 without the network=keypoints", "aligned", "descent", "diffusion", "network alone=network")
_LIMIT_S = 300
"""How long a run of all samples may take on two cores."""


def evaluate(options: argparse.Namespace, part: str, *arguments: str) -> Path:
    """Runs `a2p evaluate` and returns the folder that it wrote."""
    out: Path = options.out / part
    given = [f"duet={options.pairs}", "-o", str(out), "--no-report", *arguments]
    if a2p_command(["evaluate", *given]) != 0:
        raise SystemExit(f"a2p evaluate {shlex.join(given)} failed.")
    return out


def accuracy(options: argparse.Namespace) -> Path:
    """Makes tables 1, 2, 3 and 5."""
    ablation = options.ablation
    if ablation is None:
        ablation = options.out / "untrained"
        ablation.mkdir(parents=True, exist_ok=True)
    tables = ["--table", "1", "2", "3", "5", "--methods", *METHODS, "--ablation", str(ablation)]
    return evaluate(options, "accuracy", *tables, "--limit", str(options.samples), "--workers", str(options.workers))


def efficiency(options: argparse.Namespace) -> Path:
    """Makes table 4, in one process."""
    tables = ["--table", "4", "--methods", *METHODS]
    return evaluate(options, "efficiency", *tables, "--limit", str(options.few))


def timed(options: argparse.Namespace) -> Path:
    """Scores samples by the network alone and writes how long that took, processes' start and tables included."""
    out: Path = options.out / "timed"
    told = out / "timing.json"
    if told.is_file():
        return out
    shutil.rmtree(out, ignore_errors=True)
    start = time.monotonic()
    arguments = ["--table", "1", "--methods", METHODS[-1], "--limit", str(options.timed)]
    evaluate(options, "timed", *arguments, "--workers", str(options.workers))
    passed = {"samples": options.timed, "workers": options.workers, "wall_s": round(time.monotonic() - start, 1)}
    passed |= {"load_average": round(os.getloadavg()[0], 1), "date": time.strftime("%Y-%m-%d")}
    told.write_text(json.dumps(passed, indent=1))
    return out


def runs_of(folder: Path) -> list[RunResults]:
    """Returns all runs of a folder."""
    with ResultsFile(folder / "results.sqlite") as results:
        return [results.read(name) for name in results.run_names()]


def provenance(folder: Path, tables: str) -> Iterator[str]:
    """Yields a line a run: what its table's figures come from."""
    for run in runs_of(folder):
        info = run.info
        parts = [tables, info.title, f"`{info.weights_sha256[:12]}`", str(len(run.records))]
        yield f"| {' | '.join([*parts, info.options['pictures'], info.options['pairs']])} |"


def packaged() -> Iterator[str]:
    """Yields a line a file of learned numbers in the package, with its hash."""
    root = Path(a2p.__file__).parent
    for path in sorted(root.glob("*/assets/*")):
        if path.suffix in (".safetensors", ".tflite", ".npz"):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            yield f"| `{path.relative_to(root).as_posix()}` | `{digest}` |"


def document(options: argparse.Namespace, parts: dict[str, Path]) -> str:
    """Returns the page: what made the tables, then the tables and the differences between methods."""
    timing = json.loads((parts["timed"] / "timing.json").read_text())
    told = f"python -m benchmarks.evaluation_tables PAIRS --out OUT --samples {options.samples} --few {options.few}"
    told += f" --workers {options.workers}" + (" --ablation ABLATION" if options.ablation is not None else "")
    lines = [
        "# The five tables on duet",
        "",
        f"Written by `{told}`; PAIRS by `a2p data duet -n 2048 --seed 1 -o PAIRS`. {platform.machine()}, "
        f"{os.cpu_count()} cores, {timing['date']}.",
        "",
        "| table | row | weights, sha256 | samples | pictures | pairs |",
        "|---|---|---|---|---|---|",
        *provenance(parts["accuracy"], "1, 2, 3, 5"),
        *provenance(parts["efficiency"], "4"),
        "",
        "A row's hash is over all packaged weights, the hand model and the row's own file, if any. The packaged:",
        "",
        "| file | sha256 |",
        "|---|---|",
        *packaged(),
        "",
        f"{timing['samples']:,} samples by the network alone, {timing['workers']} processes on {os.cpu_count()} cores, "
        f"pictures rendered meanwhile: {timing['wall_s']:.0f} s from command to tables (wanted of 2,000: {_LIMIT_S} s; "
        f"load average at the end {timing['load_average']}).",
        "",
    ]
    lines += [(parts[name] / f"table{number}.md").read_text() for name, number in _ORDER]
    lines += [_comparisons(parts["accuracy"])]
    return "\n".join(lines)


_ORDER = (("accuracy", 1), ("accuracy", 2), ("accuracy", 3), ("efficiency", 4), ("accuracy", 5))


def _comparisons(folder: Path) -> str:
    """Returns the differences between methods, which stand behind the tables."""
    text = (folder / "tables.md").read_text()
    start = text.find(" minus ")
    return "" if start < 0 else text[text.rfind("\n## ", 0, start) + 1 :]


def main() -> None:
    """Reads the command line, evaluates what is missing and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, help="folder of duet pairs")
    parser.add_argument("--out", type=Path, required=True, help="folder of results")
    parser.add_argument("--ablation", type=Path, help="folder of benchmarks.ablate_alignment")
    parser.add_argument("--samples", type=int, default=200, help="of tables 1, 2, 3 and 5, evenly spaced")
    parser.add_argument("--few", type=int, default=50, help="of table 4, one process on a machine that should be quiet")
    parser.add_argument("--timed", type=int, default=2000, help="of the timed run")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes, table 4 apart")
    parser.add_argument("--docs", type=Path, help="folder whose tables.md is written; by default OUT")
    options = parser.parse_args()
    parts = {"timed": timed(options), "efficiency": efficiency(options), "accuracy": accuracy(options)}
    page = (options.docs or options.out) / "tables.md"
    page.write_text(document(options, parts))
    print(f"wrote {page}")


if __name__ == "__main__":
    main()
