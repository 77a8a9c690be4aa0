"""The paper's ablation: the networks that its rows need, and which of them have been trained."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from a2p.alignment.fusion import PRIORS, Prior
from a2p.alignment.weights import AlignmentOrigin, read_origin
from a2p.errors import ConfigError, WeightsError
from a2p.evaluation.methods import Method, Stage1

WEIGHTS = "weights.safetensors"
"""What a training run writes into its folder."""
_WITH_DIFFUSION = "+ penetration-free diffusion"
_VARIED = {"priors", "teacher"}
"""Settings of a recipe that differ from row to row on purpose."""


class Variant(NamedTuple):
    """One row of the table: a network trained with some of the priors."""

    name: str
    priors: tuple[Prior, ...]

    @property
    def folder(self) -> str:
        """Where its run lies."""
        return "baseline" if not self.priors else "-".join(self.priors)


VARIANTS = (
    Variant("baseline", ()),
    *(Variant(f"+ {PRIORS[k]}", PRIORS[: k + 1]) for k in range(len(PRIORS))),
)


@dataclass(frozen=True)
class Untrained:
    """A row whose network is not there."""

    title: str
    reason: str


@dataclass(frozen=True)
class Ablation:
    """The rows of the table in its order, and what must be known to read them."""

    rows: tuple[Method | Untrained, ...]
    notes: tuple[str, ...]

    @property
    def methods(self) -> tuple[Method, ...]:
        """Those that can be evaluated."""
        return tuple(row for row in self.rows if isinstance(row, Method))


def ablation_of(folder: Path | None, *, hand_model: str = "open") -> Ablation:
    """Returns the rows of the networks that `python -m benchmarks.ablate_alignment --out FOLDER` trains.

    A run that has not come to its end counts as not trained. None stands for no folder: nothing is trained.
    """
    if folder is not None and not folder.is_dir():
        raise ConfigError(
            f"ablation must be the folder of `python -m benchmarks.ablate_alignment --out FOLDER`; {folder} is none."
        )
    rows: list[Method | Untrained] = []
    recipes: dict[str, dict[str, Any]] = {}
    notes = []
    weights: Path | None = None
    for variant in VARIANTS:
        weights = None if folder is None else folder / variant.folder / WEIGHTS
        origin = None if weights is None or not weights.is_file() else read_origin(weights)
        problem = "not trained" if origin is None else _unfinished(origin)
        if origin is None or problem is not None:
            rows.append(Untrained(variant.name, problem or "not trained"))
            continue
        recipes[variant.name] = _recipe(origin)
        notes.append(
            f"{variant.name}: trained on {origin.samples:,} pictures ({origin.data}) by commit {origin.commit}."
        )
        stage1 = Stage1(source="network", weights=weights, hand_model=hand_model)
        rows.append(Method(name=variant.name, stage1=stage1))
    rows.append(_with_diffusion(rows[-1]))
    return Ablation(tuple(rows), (*notes, *_differences(recipes)))


def _with_diffusion(last: Method | Untrained) -> Method | Untrained:
    """Returns the last network's row with stage 2 behind it."""
    if isinstance(last, Untrained):
        return Untrained(_WITH_DIFFUSION, last.reason)
    return Method(name=_WITH_DIFFUSION, stage1=last.stage1, stage2="diffusion")


def _unfinished(origin: AlignmentOrigin) -> str | None:
    """Returns how far a run has come; None for one that is through."""
    recipe = _recipe(origin)
    wanted = int(recipe["steps"]) * int(recipe["batch"])
    if origin.samples >= wanted:
        return None
    return f"not trained: stopped after {origin.samples:,} of {wanted:,} pictures"


def _recipe(origin: AlignmentOrigin) -> dict[str, Any]:
    try:
        recipe: Any = json.loads(origin.recipe)
    except json.JSONDecodeError as error:
        raise WeightsError(
            f"weights of an ablation must tell their recipe in JSON: {error}. Train them again."
        ) from error
    if not isinstance(recipe, dict) or not {"steps", "batch"} <= recipe.keys():
        raise WeightsError("weights of an ablation must tell steps and batch of their recipe. Train them again.")
    return recipe


def _differences(recipes: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Returns a warning where rows were trained by recipes that differ in more than their priors."""
    keys = {key for recipe in recipes.values() for key in recipe} - _VARIED
    differing = sorted(key for key in keys if len({_plain(recipe.get(key)) for recipe in recipes.values()}) > 1)
    if not differing:
        return ()
    return (f"The networks' recipes differ in {', '.join(differing)}, too: the rows do not compare priors alone.",)


def _plain(setting: object) -> str:
    """Returns a setting as text; the widths of priors, part of what is compared, are left out."""
    if isinstance(setting, dict):
        setting = {key: value for key, value in setting.items() if not key.endswith("_prior")}
    return json.dumps(setting, sort_keys=True)
