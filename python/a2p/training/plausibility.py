"""Trains the denoiser of stage 2: a plain loop that can be stopped and resumed at any step.

    python -m a2p.training.plausibility --data PREPARED --out RUN [--config recipe.json] [--max-seconds 500]
    torchrun --nproc-per-node 4 -m a2p.training.plausibility ...     (several GPUs)

A step draws its batch, its noise and its timesteps from the seed and its own number alone, so that a resumed run takes
the steps that it would have taken.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import torch
from torch import nn

from a2p.errors import ConfigError
from a2p.plausibility.denoiser import Denoiser, DenoiserConfig, Normalisation
from a2p.plausibility.schedule import NoiseSchedule
from a2p.plausibility.weights import WeightsOrigin, load_denoiser, save_denoiser
from a2p.training.plausibility_losses import Losses, LossWeights, losses
from a2p.training.prepared_pairs import PointRig, PreparedPairs, load_prepared
from a2p.training.runs import (
    WEIGHTS,
    Deadline,
    Worker,
    average,
    cosine_share,
    load_checkpoint,
    save_checkpoint,
    seed_of,
    stored_recipe,
    write_log,
)


@dataclass(frozen=True, kw_only=True)
class PlausibilityTraining:
    """The recipe of a denoiser."""

    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    steps: int = 8_000
    batch: int = 256
    """Samples a step, over all processes."""
    learning_rate: float = 1e-3
    warm_up: int = 300
    """Steps up to the full learning rate; from there it falls to a hundredth along a cosine."""
    weight_decay: float = 1e-2
    longest_gradient: float = 1.0
    ema: float = 0.999
    """What the averaged weights keep of themselves each step."""
    noisiest_share: float = 0.25
    """Share of samples at the noisiest timestep, where sampling starts; the others are spread evenly."""
    fitted_share: float | None = None
    """Share of samples whose estimates are fits to keypoints; None draws from all estimates alike."""
    mirrored: bool = True
    """Whether half of the pairs are mirrored."""
    bf16: bool = False
    """Whether a GPU computes in bfloat16."""
    seed: int = 0
    data: str = "duet"
    """What the pairs are, for the model card."""
    log_every: int = 50
    check_every: int = 500

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.log_every, self.check_every) < 1 or self.learning_rate <= 0:
            raise ConfigError(
                "steps, batch, log_every, check_every and learning_rate must be positive; got "
                f"{self.steps}, {self.batch}, {self.log_every}, {self.check_every} and {self.learning_rate}."
            )
        if self.fitted_share is not None and not 0 <= self.fitted_share <= 1:
            raise ConfigError(f"fitted_share must lie in [0, 1], or be null for no choice; got {self.fitted_share}.")
        if not (0 <= self.ema < 1 and 0 <= self.noisiest_share <= 1):
            raise ConfigError(
                f"ema must lie in [0, 1) and noisiest_share in [0, 1]; got {self.ema} and {self.noisiest_share}."
            )

    @classmethod
    def packaged(cls) -> PlausibilityTraining:
        """Returns the recipe of the packaged weights."""
        return cls.read(Path(__file__).parent / "recipes" / "plausibility_compact.json")

    @classmethod
    def read(cls, path: Path) -> PlausibilityTraining:
        """Returns the recipe in a JSON file; names that it lacks have their defaults."""
        stored = stored_recipe(path, cls)
        for name, kind in (("denoiser", DenoiserConfig), ("loss", LossWeights)):
            stored[name] = kind(**stored.get(name, {}))
        return cls(**stored)

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.learning_rate * cosine_share(done)


class Trainer:
    """The state of one run: network, averaged network, optimiser, step."""

    def __init__(self, recipe: PlausibilityTraining, data: Path, worker: Worker, *, start: Path | None = None) -> None:
        """Begins anew, or from the weights in the file `start`."""
        self.recipe, self.worker = recipe, worker
        prepared = load_prepared(data)
        self.training = prepared.training.to(device=worker.device)
        self.held_out = prepared.held_out.to(device=worker.device)
        self.rig: PointRig = prepared.rig.to(worker.device)
        torch.manual_seed(recipe.seed)
        some = self.training[:50_000].to(dtype=torch.float32)
        normalisation = Normalisation.of(some.clean.cpu(), some.estimate.cpu())
        self.denoiser = Denoiser(recipe.denoiser, normalisation).to(worker.device)
        if start is not None:
            self.denoiser.load_state_dict(load_denoiser(start, expected=recipe.denoiser).state_dict())
        seen = self.training.pair[:, 2] > 0.5
        self._pools = (seen.nonzero()[:, 0], (~seen).nonzero()[:, 0])
        """Which estimates are fits to keypoints, and which are not."""
        self.averaged = Denoiser(recipe.denoiser, normalisation).to(worker.device).requires_grad_(False)
        self.averaged.load_state_dict(self.denoiser.state_dict())
        self.parallel: nn.Module = self.denoiser
        if worker.count > 1:
            self.parallel = nn.parallel.DistributedDataParallel(self.denoiser)
        self.optimiser = torch.optim.AdamW(
            self.denoiser.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
        )
        self.schedule = NoiseSchedule(NoiseSchedule.cosine(recipe.denoiser.noising_steps).alpha_bar.to(worker.device))
        self.step = 0

    def take_step(self) -> Losses:
        """Trains on the next batch and returns its losses."""
        recipe = self.recipe
        share = recipe.batch // self.worker.count
        generator = torch.Generator().manual_seed(seed_of(recipe.seed, self.step, self.worker.rank))
        batch = self.training[self._rows(share, generator)].to(dtype=torch.float32)
        if recipe.mirrored:
            batch = batch.swapped((torch.rand(share, generator=generator) < 0.5).to(self.worker.device))
        found = self._losses(self.parallel, batch, generator)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        found.total(recipe.loss).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.denoiser.parameters(), recipe.longest_gradient)
        self.optimiser.step()
        average(self.averaged, self.denoiser, keep=recipe.ema, step=self.step)
        self.step += 1
        return found

    @torch.no_grad()
    def check(self) -> Losses:
        """Returns the averaged network's losses on the held-out pairs where sampling starts: at the noisiest step."""
        generator = torch.Generator().manual_seed(seed_of(self.recipe.seed, 0, 10_007))
        parts = []
        for start in range(0, len(self.held_out), 500):
            batch = self.held_out[start : start + 500].to(dtype=torch.float32)
            parts.append(self._losses(self.averaged, batch, generator, noisiest_share=1.0))
        return Losses(*(torch.stack([getattr(part, f.name) for part in parts]).mean() for f in fields(Losses)))

    def save(self, folder: Path, commit: str) -> None:
        """Writes the checkpoint and the averaged weights."""
        state = {
            "step": self.step,
            "recipe": asdict(self.recipe),
            "denoiser": self.denoiser.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        save_checkpoint(folder, state)
        origin = WeightsOrigin(
            data=self.recipe.data,
            recipe=json.dumps(asdict(self.recipe), sort_keys=True),
            commit=commit,
            samples=self.step * self.recipe.batch,
        )
        save_denoiser(self.averaged, folder / WEIGHTS, origin)

    def resume(self, folder: Path) -> None:
        """Takes up the run in a folder, if there is one; the recipe must be the same."""
        state = load_checkpoint(folder, asdict(self.recipe), self.worker.device)
        if state is None:
            return
        self.step = int(state["step"])
        self.denoiser.load_state_dict(state["denoiser"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _losses(
        self, network: nn.Module, batch: PreparedPairs, generator: torch.Generator, noisiest_share: float | None = None
    ) -> Losses:
        recipe, device = self.recipe, self.worker.device
        share = recipe.noisiest_share if noisiest_share is None else noisiest_share
        noisiest = recipe.denoiser.noising_steps - 1
        t = torch.randint(noisiest + 1, (len(batch),), generator=generator)
        t = torch.where(torch.rand(len(batch), generator=generator) < share, noisiest, t).to(device)
        noise = torch.randn(batch.clean.shape, generator=generator).to(device)
        x_t = self.schedule.noised(self.denoiser.normalised(batch.clean), noise, t)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16 and device.type == "cuda"):
            predicted = network(x_t, t, batch.condition)
        return losses(self.denoiser, predicted.float(), batch.clean, self.rig)

    def _rows(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Returns which training pairs make up a batch."""
        share = self.recipe.fitted_share
        if share is None:
            return torch.randint(len(self.training), (count,), generator=generator).to(self.worker.device)
        drawn = torch.rand(count, generator=generator)
        is_fit = torch.rand(count, generator=generator) < share
        fits, others = (pool.cpu()[(drawn * len(pool)).long()] for pool in self._pools)
        return torch.where(is_fit, fits, others).to(self.worker.device)


def train(
    recipe: PlausibilityTraining,
    data: Path,
    out: Path,
    *,
    device: str = "auto",
    max_seconds: float | None = None,
    commit: str = "unknown",
    start: Path | None = None,
) -> int:
    """Trains, or goes on training, until the recipe's last step or for `max_seconds`; returns the steps taken so far.

    A new run begins from the weights in the file `start`, if one is named. `out` receives the checkpoint, the averaged
    weights, one line of JSON for every `log_every` steps, and the curves.
    """
    deadline = Deadline(max_seconds)
    out.mkdir(parents=True, exist_ok=True)
    with Worker.joined(device) as worker:
        trainer = Trainer(recipe, data, worker, start=start)
        trainer.resume(out)
        recent: list[Losses] = []
        while trainer.step < recipe.steps and not deadline.is_over(worker):
            recent.append(_detached(trainer.take_step()))
            is_last = trainer.step == recipe.steps
            if worker.rank == 0 and (is_last or trainer.step % recipe.log_every == 0):
                _log(out, trainer, "training", recent)
                recent = []
            if worker.rank == 0 and (is_last or trainer.step % recipe.check_every == 0):
                _log(out, trainer, "held_out", [trainer.check()])
                trainer.save(out, commit)
        if worker.rank == 0:
            trainer.save(out, commit)
    return trainer.step


def _log(out: Path, trainer: Trainer, kind: str, found: list[Losses]) -> None:
    means = {f.name: float(torch.stack([getattr(part, f.name) for part in found]).mean()) for f in fields(Losses)}
    row = {"step": trainer.step, "samples": trainer.step * trainer.recipe.batch, "kind": kind, **means}
    write_log(out, {**row, "learning_rate": trainer.recipe.rate(trainer.step)})


def _detached(found: Losses) -> Losses:
    return Losses(*(getattr(found, f.name).detach() for f in fields(Losses)))


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of prepared pairs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--config", type=Path, help="recipe, JSON; without one the default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--max-seconds", type=float)
    parser.add_argument("--start", type=Path, help="weights that a new run begins from")
    parser.add_argument("--commit", default="unknown", help="of the code, for the model card")
    options = parser.parse_args()
    recipe = PlausibilityTraining() if options.config is None else PlausibilityTraining.read(options.config)
    steps = train(
        recipe,
        options.data,
        options.out,
        device=options.device,
        max_seconds=options.max_seconds,
        commit=options.commit,
        start=options.start,
    )
    print(f"{steps} of {recipe.steps} steps; {options.out / WEIGHTS}")


if __name__ == "__main__":
    main()
