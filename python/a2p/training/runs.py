"""What every training run needs: its processes, its end, its averaged weights, its checkpoint and its log."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import nn

from a2p.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CHECKPOINT, WEIGHTS, LOG = "checkpoint.pt", "weights.safetensors", "log.jsonl"


def stored_recipe(path: Path, kind: type[DataclassInstance]) -> dict[str, Any]:
    """Returns what a JSON file says of a recipe; every name must be one of the recipe's settings."""
    try:
        stored: dict[str, Any] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path} must be a recipe in JSON: {error}.") from error
    unknown = stored.keys() - {entry.name for entry in fields(kind)}
    if unknown:
        raise ConfigError(f"{path} has unknown settings {sorted(unknown)}. Take them out.")
    return stored


def plain_recipe(recipe: DataclassInstance) -> dict[str, object]:
    """Returns a recipe as JSON would give it back."""
    stored: dict[str, object] = json.loads(json.dumps(asdict(recipe)))
    return stored


def cosine_share(done: float) -> float:
    """Returns the share of the full learning rate when a share of the steps is done: from 1 to a hundredth."""
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@dataclass(frozen=True)
class Worker:
    """This process among those that train together."""

    rank: int
    count: int
    device: torch.device

    @classmethod
    @contextmanager
    def joined(cls, device: str) -> Iterator[Worker]:
        """Joins the other processes that torchrun started, if any. `device` is cpu, cuda, or auto."""
        rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        place = torch.device(device)
        if place.type == "cuda":
            place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(place)
        if count > 1:
            dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
        try:
            yield cls(rank, count, place)
        finally:
            if count > 1:
                dist.destroy_process_group()

    def agrees(self, flag: bool) -> bool:
        """Returns what the first process says, in all of them."""
        if self.count == 1:
            return flag
        said = torch.tensor(float(flag), device=self.device)
        dist.broadcast(said, 0)
        return bool(said > 0)


class Deadline:
    """When a slice of a run has to end."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def is_over(self, worker: Worker) -> bool:
        """Whether the time is up; all processes agree."""
        return self._end is not None and worker.agrees(time.monotonic() > self._end)


def seed_of(seed: int, step: int, rank: int) -> int:
    """Returns a seed of its own for every step and process, so that a resumed run draws what it would have drawn."""
    return (seed * 1_000_003 + step) * 65_537 + rank


@torch.no_grad()
def average(averaged: nn.Module, current: nn.Module, *, keep: float, step: int) -> None:
    """Moves averaged weights towards the current ones; in the first steps faster than `keep` says.

    Running statistics are averaged as well; counters are copied.
    """
    keep = min(keep, (1 + step) / (10 + step))
    for mean, value in zip(averaged.state_dict().values(), current.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - keep)
        else:
            mean.copy_(value)


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Writes a checkpoint; it replaces the last one at once or not at all."""
    partial = folder / f"{CHECKPOINT}.partial"
    torch.save(dict(state), partial)
    partial.replace(folder / CHECKPOINT)


def load_checkpoint(folder: Path, recipe: Mapping[str, Any], device: torch.device) -> dict[str, Any] | None:
    """Returns a folder's checkpoint, None where there is none. Nothing in it runs.

    It must be of this recipe, except that a run may be made longer or shorter by other `steps`.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    stored = state.get("recipe")
    if not isinstance(stored, dict) or {**stored, "steps": None} != {**recipe, "steps": None}:
        raise ConfigError(f"{path} is of another recipe. Resume with its own, or choose another folder.")
    return state


def write_log(folder: Path, row: Mapping[str, object]) -> None:
    """Appends one line of JSON to the run's log."""
    with (folder / LOG).open("a") as file:
        file.write(json.dumps({**row, "unix_time_s": round(time.time(), 1)}) + "\n")
