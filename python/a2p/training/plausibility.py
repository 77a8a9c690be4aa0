"""Trains the denoiser of stage 2: a plain loop that can be stopped and resumed at any step.

    python -m a2p.training.plausibility --data PREPARED --out RUN [--config recipe.json] [--max-seconds 500]
    torchrun --nproc-per-node 4 -m a2p.training.plausibility ...     (several GPUs)

A step draws its batch, its noise and its timesteps from the seed and its own number alone, so that a resumed run takes
the steps that it would have taken.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from a2p.errors import ConfigError
from a2p.plausibility.denoiser import Denoiser, DenoiserConfig, Normalisation
from a2p.plausibility.schedule import NoiseSchedule
from a2p.plausibility.weights import WeightsOrigin, load_denoiser, save_denoiser
from a2p.training.plausibility_losses import Losses, LossWeights, losses
from a2p.training.prepared_pairs import PointRig, PreparedPairs, load_prepared
from a2p.training.runs import WEIGHTS, Deadline, Worker, seed_of, stored_recipe
from a2p.training.trainer import Trainer, TrainingRecipe


@dataclass(frozen=True, kw_only=True)
class PlausibilityTraining(TrainingRecipe):
    """The recipe of a denoiser."""

    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    steps: int = 8_000
    batch: int = 256
    learning_rate: float = 1e-3
    warm_up: int = 300
    weight_decay: float = 1e-2
    longest_gradient: float = 1.0
    ema: float = 0.999
    noisiest_share: float = 0.25
    """Share of samples at the noisiest timestep, where sampling starts; the others are spread evenly."""
    fitted_share: float | None = None
    """Share of samples whose estimates are fits to keypoints; None draws from all estimates alike."""
    draws: int = 2
    """How often an estimator's errors are drawn for each pair when the pairs are prepared."""
    fitted_every: int = 1
    """One pair of so many also gets a fit to its keypoints then."""
    mirrored: bool = True
    """Whether half of the pairs are mirrored."""
    bf16: bool = False
    """Whether a GPU computes in bfloat16."""
    data: str = "duet"
    """What the pairs are, for the model card."""
    log_every: int = 50
    check_every: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fitted_share is not None and not 0 <= self.fitted_share <= 1:
            raise ConfigError(f"fitted_share must lie in [0, 1], or be null for no choice; got {self.fitted_share}.")
        if not 0 <= self.noisiest_share <= 1:
            raise ConfigError(f"noisiest_share must lie in [0, 1]; got {self.noisiest_share}.")

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


class PlausibilityTrainer(Trainer):
    """One run of the denoiser."""

    def __init__(self, recipe: PlausibilityTraining, data: Path, worker: Worker, *, start: Path | None = None) -> None:
        """Begins anew, or from the weights in the file `start`."""
        self.recipe = recipe
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
        self.averaged = Denoiser(recipe.denoiser, normalisation).to(worker.device)
        seen = self.training.pair[:, 2] > 0.5
        self._pools = (seen.nonzero()[:, 0], (~seen).nonzero()[:, 0])
        """Which estimates are fits to keypoints, and which are not."""
        self.schedule = NoiseSchedule(NoiseSchedule.cosine(recipe.denoiser.noising_steps).alpha_bar.to(worker.device))
        super().__init__(recipe, worker, self.denoiser, self.averaged, betas=(0.9, 0.98), has_unused=False)

    def next_losses(self) -> tuple[Tensor, Losses]:
        """Returns what the next batch costs."""
        recipe = self.recipe
        share = recipe.batch // self.worker.count
        generator = torch.Generator().manual_seed(seed_of(recipe.seed, self.step, self.worker.rank))
        batch = self.training[self._rows(share, generator)].to(dtype=torch.float32)
        if recipe.mirrored:
            batch = batch.swapped((torch.rand(share, generator=generator) < 0.5).to(self.worker.device))
        found = self._losses(self.parallel, batch, generator)
        return found.total(recipe.loss), found

    @torch.no_grad()
    def check(self) -> Losses:
        """Returns the averaged network's losses on the held-out pairs where sampling starts: at the noisiest step."""
        generator = torch.Generator().manual_seed(seed_of(self.recipe.seed, 0, 10_007))
        parts = []
        for start in range(0, len(self.held_out), 500):
            batch = self.held_out[start : start + 500].to(dtype=torch.float32)
            parts.append(self._losses(self.averaged, batch, generator, noisiest_share=1.0))
        return Losses(*(torch.stack([getattr(part, f.name) for part in parts]).mean() for f in fields(Losses)))

    def write_weights(self, path: Path, recipe: str, commit: str, samples: int) -> None:
        """Writes the averaged denoiser and where it comes from."""
        save_denoiser(self.averaged, path, WeightsOrigin(self.recipe.data, recipe, commit, samples))

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
    with Worker.joined(device) as worker:
        trainer = PlausibilityTrainer(recipe, data, worker, start=start)
        return trainer.run(out, deadline, commit)


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
