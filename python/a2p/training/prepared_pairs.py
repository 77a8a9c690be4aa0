"""Training pairs as the denoiser reads them: prepared once, kept as half-precision shards.

Conditions hold how the estimate collides, which takes the hand model and native code; shards do not, so that training
needs neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from a2p.errors import DataError
from a2p.plausibility.pair_numbers import PairCondition, PairNumbers, swapped_condition, swapped_numbers

RIG_FILE, HELD_OUT_FILE = "rig.safetensors", "held-out.safetensors"


@dataclass(frozen=True)
class PreparedPairs:
    """Clean pairs and the conditions that estimates of them make."""

    clean: PairNumbers
    estimate: PairNumbers
    joints: Float[Tensor, "b 2 16 13"]
    pair: Float[Tensor, "b 6"]

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, rows: Tensor | slice) -> PreparedPairs:
        """Returns some of the pairs."""
        return PreparedPairs(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def condition(self) -> PairCondition:
        """What the denoiser is told."""
        return PairCondition(self.estimate, self.joints, self.pair)

    @classmethod
    def cat(cls, parts: Sequence[PreparedPairs]) -> PreparedPairs:
        """Returns all parts in order."""
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> PreparedPairs:
        """Returns the pairs in another dtype or on another device."""
        return PreparedPairs(*(getattr(self, field.name).to(dtype=dtype, device=device) for field in fields(self)))

    def swapped(self, rows: Tensor) -> PreparedPairs:
        """Returns the pairs with those of `rows` mirrored."""
        clean, condition = swapped_numbers(self.clean), swapped_condition(self.condition)

        def choose(mirrored: Tensor, own: Tensor) -> Tensor:
            return torch.where(rows.reshape(-1, *[1] * (own.dim() - 1)), mirrored, own)

        return PreparedPairs(
            choose(clean, self.clean),
            choose(condition.numbers, self.estimate),
            choose(condition.joints, self.joints),
            choose(condition.pair, self.pair),
        )

    def save(self, path: Path) -> None:
        """Writes a shard, in half precision."""
        partial = path.with_suffix(".partial")
        save_file({field.name: getattr(self, field.name).half().contiguous() for field in fields(self)}, partial)
        partial.replace(path)


_RIG_NAMES = {"template", "shapedirs"}


@dataclass(frozen=True)
class PointRig:
    """Where the right hand's keypoints rest: all that the losses need of a hand model."""

    template: Float[Tensor, "21 3"]
    """Of zero betas, m, in the order of the 16 joints, then thumb to pinky tips."""
    shapedirs: Float[Tensor, "21 3 10"]

    def to(self, device: torch.device | str) -> PointRig:
        """Returns the rig on another device."""
        return PointRig(self.template.to(device), self.shapedirs.to(device))

    def save(self, folder: Path) -> None:
        """Writes the rig beside the shards."""
        save_file({"template": self.template.contiguous(), "shapedirs": self.shapedirs.contiguous()}, folder / RIG_FILE)


@dataclass(frozen=True)
class PreparedSet:
    """What a folder of prepared pairs holds, in half precision."""

    training: PreparedPairs
    held_out: PreparedPairs
    """No pair of theirs is among the others."""
    rig: PointRig


def load_prepared(folder: Path) -> PreparedSet:
    """Returns all shards of a folder, in the order of their names.

    Raises:
        DataError: A file is missing or damaged.
    """
    paths = sorted(folder.glob("shard-*.safetensors"))
    if not paths or not all((folder / name).is_file() for name in (RIG_FILE, HELD_OUT_FILE)):
        raise DataError(
            f"{folder} must hold shard-*.safetensors, {HELD_OUT_FILE} and {RIG_FILE}; it holds {len(paths)} shards. "
            "Prepare the pairs first."
        )
    names = {field.name for field in fields(PreparedPairs)}
    held_out, *parts = (PreparedPairs(**_tensors(path, names)) for path in (folder / HELD_OUT_FILE, *paths))
    return PreparedSet(PreparedPairs.cat(parts), held_out, PointRig(**_tensors(folder / RIG_FILE, _RIG_NAMES)))


def _tensors(path: Path, names: set[str]) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path} is no complete safetensors file: {error}. Prepare it again.") from error
    if tensors.keys() != names:
        raise DataError(f"{path} must hold {sorted(names)}; it holds {sorted(tensors)}. Prepare it again.")
    return tensors
