"""The loop by which every network of a2p is trained; it can be stopped and resumed at any step.

A step draws its batch and all else from the seed and its own number alone, so that a resumed run takes the steps that
it would have taken.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from a2p.errors import ConfigError
from a2p.training.runs import (
    WEIGHTS,
    Deadline,
    Worker,
    average,
    cosine_share,
    load_checkpoint,
    plain_recipe,
    save_checkpoint,
    write_log,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """What every recipe says. Each kind of network has its own defaults."""

    steps: int
    batch: int
    """Samples a step, over all processes."""
    learning_rate: float
    warm_up: int
    """Steps up to the full learning rate."""
    weight_decay: float
    longest_gradient: float
    """Longer ones are shortened to this."""
    ema: float
    """What the averaged weights keep of themselves each step."""
    seed: int = 0
    log_every: int
    check_every: int
    """Steps between looks at what is held out, each with a checkpoint."""

    def __post_init__(self) -> None:
        counts = (self.steps, self.batch, self.log_every, self.check_every)
        if min(counts) < 1 or self.learning_rate <= 0:
            raise ConfigError(
                "steps, batch, log_every, check_every and learning_rate must be positive; got "
                f"{', '.join(map(str, counts))} and {self.learning_rate}."
            )
        if not 0 <= self.ema < 1:
            raise ConfigError(f"ema must lie in [0, 1); got {self.ema}.")

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.learning_rate * self.rate_share(min(1.0, done))

    def rate_share(self, done: float) -> float:
        """Returns the share of the full rate once a share of the steps after the warm-up is done."""
        return cosine_share(done)


class Trainer(ABC):
    """The state of one run: network, averaged network, optimiser, step."""

    def __init__(
        self,
        recipe: TrainingRecipe,
        worker: Worker,
        network: nn.Module,
        averaged: nn.Module,
        *,
        groups: Sequence[dict[str, Any]] | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        has_unused: bool = True,
    ) -> None:
        """Starts at step 0; `averaged` becomes a copy of `network`.

        `groups` share out the parameters, each with its `share` of the learning rate. `has_unused` says that a step
        may leave parameters without a gradient.
        """
        self.worker = worker
        self._recipe, self._network, self._averaged = recipe, network, averaged
        averaged.load_state_dict(network.state_dict())
        averaged.requires_grad_(False)
        self.parallel = network
        """The network, or what shares its gradients among processes."""
        if worker.count > 1:
            self.parallel = nn.parallel.DistributedDataParallel(network, find_unused_parameters=has_unused)
        self.optimiser = torch.optim.AdamW(
            [{"params": list(network.parameters()), "share": 1.0}] if groups is None else list(groups),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            betas=betas,
        )
        self.step = 0

    @abstractmethod
    def next_losses(self) -> tuple[Tensor, DataclassInstance]:
        """Returns what the next batch costs: the number that goes down, and its parts."""

    @abstractmethod
    def check(self) -> DataclassInstance:
        """Returns how good the averaged network is on what it never saw."""

    @abstractmethod
    def write_weights(self, path: Path, recipe: str, commit: str, samples: int) -> None:
        """Writes the averaged network and where it comes from."""

    def draw(self, folder: Path) -> None:  # noqa: B027 - a hook: most have nothing to show
        """Writes pictures of what the averaged network says, where that can be looked at."""

    def take_step(self) -> DataclassInstance:
        """Trains on the next batch and returns its losses."""
        self._network.train()
        total, parts = self.next_losses()
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * self._recipe.rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.parameters(), self._recipe.longest_gradient)
        self.optimiser.step()
        average(self._averaged, self._network, keep=self._recipe.ema, step=self.step)
        self.step += 1
        return type(parts)(*(getattr(parts, item.name).detach() for item in fields(parts)))

    @torch.no_grad()
    def save(self, folder: Path, commit: str) -> None:
        """Writes the checkpoint and the averaged weights."""
        recipe = plain_recipe(self._recipe)
        save_checkpoint(
            folder,
            {
                "step": self.step,
                "recipe": recipe,
                "network": self._network.state_dict(),
                "averaged": self._averaged.state_dict(),
                "optimiser": self.optimiser.state_dict(),
            },
        )
        text = json.dumps(recipe, sort_keys=True)
        self.write_weights(folder / WEIGHTS, text, commit, self.step * self._recipe.batch)

    def resume(self, folder: Path) -> None:
        """Takes up the run in a folder, if there is one; the recipe must be the same."""
        state = load_checkpoint(folder, plain_recipe(self._recipe), self.worker.device)
        if state is None:
            return
        self.step = int(state["step"])
        self._network.load_state_dict(state["network"])
        self._averaged.load_state_dict(state["averaged"])
        if "optimiser" in state:  # a light checkpoint has none: its momenta build up anew
            self.optimiser.load_state_dict(state["optimiser"])

    def run(self, out: Path, deadline: Deadline, commit: str) -> int:
        """Trains, or goes on training, until the recipe's last step or the deadline; returns the steps so far.

        `out` receives the checkpoint, the averaged weights and a line of JSON for every `log_every` steps.
        """
        for _ in self.steps(out, deadline, commit):
            pass
        return self.step

    def steps(self, out: Path, deadline: Deadline, commit: str) -> Iterator[int]:
        """Does what `run` does, and yields the number of steps after each one."""
        recipe, is_first = self._recipe, self.worker.rank == 0
        out.mkdir(parents=True, exist_ok=True)
        self.resume(out)
        recent: list[DataclassInstance] = []
        while self.step < recipe.steps and not deadline.is_over(self.worker):
            recent.append(self.take_step())
            is_last = self.step == recipe.steps
            if is_first and (is_last or self.step % recipe.log_every == 0):
                self._log(out, "training", recent)
                recent = []
            if is_first and (is_last or self.step % recipe.check_every == 0):
                self._log(out, "held_out", [self.check()])
                self.draw(out)
                self.save(out, commit)
            yield self.step
        if is_first:
            self.save(out, commit)

    def _log(self, out: Path, kind: str, found: Sequence[DataclassInstance]) -> None:
        names = [item.name for item in fields(found[0])]
        means = {name: float(torch.stack([getattr(part, name) for part in found]).mean()) for name in names}
        row = {"step": self.step, "samples": self.step * self._recipe.batch, "kind": kind, **means}
        write_log(out, {**row, "learning_rate": self._recipe.rate(self.step)})
