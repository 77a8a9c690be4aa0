"""What can be evaluated, by name: the pipeline's stages, and alignment networks out of weights files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from a2p.errors import ConfigError
from a2p.evaluation.network_prediction import NetworkPredictor
from a2p.evaluation.prediction import PipelinePredictor, Predictor, Stage2
from a2p.plausibility.refiner import DEFAULT_METHOD

PIPELINE = "pipeline"
"""Where other methods name a weights file."""
BuiltIn: TypeAlias = Literal["aligned", "full", "descent", "diffusion"]


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way from a picture to hands; makes its predictor, and can be sent to worker processes."""

    name: str
    weights: Path | None = None
    """The alignment network alone, out of this file; without one a2p's whole pipeline."""
    stage2: Stage2 = "none"
    """What makes hands that penetrate plausible."""
    hand_model: str = "open"
    given_boxes: bool = True
    """Whether hands are looked for in the annotated boxes, as the paper's protocol has it, or detected."""

    def __post_init__(self) -> None:
        if self.weights is not None and not self.given_boxes:
            raise ConfigError(
                f"method {self.name!r} is a network alone, which detects no hands: evaluate it in the annotated boxes."
            )

    @property
    def title(self) -> str:
        """What tables call it."""
        if self.name not in get_args(BuiltIn):
            return self.name
        return "stage 1 alone: 2D alignment" if self.stage2 == "none" else f"both stages, {self.stage2}"

    def __call__(self) -> Predictor:
        """Returns the predictor, its models loaded."""
        if self.weights is not None:
            return NetworkPredictor(self.weights, hand_model=self.hand_model, stage2=self.stage2)
        return PipelinePredictor(hand_model=self.hand_model, stage2=self.stage2, given_boxes=self.given_boxes)


def parse_method(text: str, *, hand_model: str = "open", given_boxes: bool = True) -> Method:
    """Returns the method that a text describes.

    `aligned`, `full`, `descent` or `diffusion`: the pipeline without stage 2, or with it, as it is by default or by
    that method. NAME=FILE: the alignment network of a weights file alone; NAME=FILE:descent or NAME=FILE:diffusion with
    stage 2 after it. NAME=pipeline, with the same endings: the whole pipeline under another name.
    """
    if text in get_args(BuiltIn):
        stage2 = {"aligned": "none", "full": DEFAULT_METHOD}.get(text, text)
        return Method(name=text, stage2=cast("Stage2", stage2), hand_model=hand_model, given_boxes=given_boxes)
    name, separator, what = text.partition("=")
    if not separator or not name.strip() or not what:
        raise ConfigError(
            f"a method must be one of {', '.join(get_args(BuiltIn))}, or NAME=WEIGHTS_FILE; got {text!r}. "
            'Example: "+ keypoints=run/weights.safetensors"'
        )
    source, colon, ending = what.rpartition(":")
    if not colon or ending not in get_args(Stage2):
        source, ending = what, "none"
    if source != PIPELINE and not Path(source).is_file():
        raise ConfigError(f"method {name!r} needs a weights file or `{PIPELINE}`; {source!r} is neither.")
    return Method(
        name=name.strip(),
        weights=None if source == PIPELINE else Path(source),
        stage2=cast("Stage2", ending),
        hand_model=hand_model,
        given_boxes=given_boxes,
    )
