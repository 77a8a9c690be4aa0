"""What can be evaluated, by name: the pipeline's stages, and alignment networks out of weights files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from a2p.errors import ConfigError
from a2p.evaluation.network_prediction import NetworkPredictor
from a2p.evaluation.prediction import PipelinePredictor, Predictor, Stage2
from a2p.plausibility.refiner import DEFAULT_METHOD

Source: TypeAlias = Literal["pipeline", "keypoints", "network"]
"""The whole pipeline; the pipeline without an alignment network; an alignment network alone."""
BuiltIn: TypeAlias = Literal["aligned", "full", "descent", "diffusion"]


@dataclass(frozen=True, kw_only=True)
class Stage1:
    """How hands are found and posed; makes its predictor, and can be sent to worker processes."""

    source: Source = "pipeline"
    weights: Path | None = None
    """The alignment network's file; without one it is the packaged one."""
    hand_model: str = "open"
    given_boxes: bool = True
    """Whether hands are looked for in the annotated boxes, as the paper's protocol has it, or detected."""

    def __call__(self) -> Predictor:
        """Returns the predictor, its models loaded."""
        if self.source == "network":
            return NetworkPredictor(self.weights, hand_model=self.hand_model)
        network = False if self.source == "keypoints" else self.weights
        return PipelinePredictor(hand_model=self.hand_model, given_boxes=self.given_boxes, network=network)


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way from a picture to hands."""

    name: str
    stage1: Stage1 = field(default_factory=Stage1)
    stage2: Stage2 = "none"
    """What makes hands that penetrate plausible."""

    def __post_init__(self) -> None:
        if self.stage1.source == "network" and not self.stage1.given_boxes:
            raise ConfigError(
                f"method {self.name!r} is a network alone, which detects no hands: evaluate it in the annotated boxes."
            )

    @property
    def title(self) -> str:
        """What tables call it."""
        if self.name not in get_args(BuiltIn):
            return self.name
        return "stage 1 alone: 2D alignment" if self.stage2 == "none" else f"both stages, {self.stage2}"


def parse_method(text: str, *, hand_model: str = "open", given_boxes: bool = True) -> Method:
    """Returns the method that a text describes.

    `aligned`, `full`, `descent` or `diffusion`: the pipeline without stage 2, or with it, as it is by default or by
    that method. NAME=FILE: the alignment network of a weights file alone; NAME=network: the packaged one alone.
    NAME=pipeline+FILE: the pipeline with that network in it; NAME=keypoints: without any; NAME=pipeline: as it is by
    default. Each without stage 2, or with it where `:descent` or `:diffusion` ends the text.
    """
    if text in get_args(BuiltIn):
        stage2 = {"aligned": "none", "full": DEFAULT_METHOD}.get(text, text)
        stage1 = Stage1(hand_model=hand_model, given_boxes=given_boxes)
        return Method(name=text, stage1=stage1, stage2=cast("Stage2", stage2))
    name, separator, what = text.partition("=")
    if not separator or not name.strip() or not what:
        raise ConfigError(
            f"a method must be one of {', '.join(get_args(BuiltIn))}, or NAME=WEIGHTS_FILE; got {text!r}. "
            'Example: "+ keypoints=run/weights.safetensors"'
        )
    place, colon, ending = what.rpartition(":")
    if not colon or ending not in get_args(Stage2):
        place, ending = what, "none"
    source, weights = _source(name, place)
    stage1 = Stage1(source=source, weights=weights, hand_model=hand_model, given_boxes=given_boxes)
    return Method(name=name.strip(), stage1=stage1, stage2=cast("Stage2", ending))


def _source(name: str, place: str) -> tuple[Source, Path | None]:
    if place in get_args(Source):
        return cast("Source", place), None
    head, plus, file = place.partition("+")
    source, weights = ("pipeline", file) if plus and head == "pipeline" else ("network", place)
    if not Path(weights).is_file():
        raise ConfigError(
            f"method {name!r} needs a weights file, `network`, `pipeline` or `keypoints`; {weights!r} is none of them."
        )
    return cast("Source", source), Path(weights)
