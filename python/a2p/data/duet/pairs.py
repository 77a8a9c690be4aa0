"""A batch of interacting hand pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from a2p.errors import ShapeError
from a2p.hand import HandParameters

FAMILIES = (
    "clasp",
    "interlock",
    "prayer",
    "pinch-pinch",
    "rub",
    "point-at-palm",
    "fist-in-palm",
    "stacked",
    "counting",
    "sign",
    "free",
    "near",
)
"""What the two hands do; `DuetPairs.family` indexes this. All but the last touch."""


@dataclass(frozen=True)
class DuetPairs:
    """Pairs of one person's hands, float32 in CPU memory, with one leading dimension.

    Pair frame: the right hand's rest frame (m). Its `global_orient` is zero and its wrist joint is at the origin; its
    fingers point along -x, its palm looks along -y, its thumb towards +z. `view_pairs` puts pairs before a camera.
    """

    right: HandParameters
    left: HandParameters
    family: UInt8[Tensor, " n"]
    index: Int64[Tensor, " n"]
    """Which pair of the seed's endless sequence each one is."""
    seed: int

    def __post_init__(self) -> None:
        count = len(self.family)
        for name, hand in (("right", self.right), ("left", self.left)):
            for field, shape in _SHAPES.items():
                tensor: Tensor = getattr(hand, field)
                if tuple(tensor.shape) != (count, *shape) or tensor.dtype != torch.float32:
                    raise ShapeError(
                        f"{name}.{field} must be float32 of shape {(count, *shape)}; "
                        f"got {tensor.dtype} of {tuple(tensor.shape)}. Give every field one row a pair."
                    )
        if self.index.shape != (count,):
            raise ShapeError(f"index must have shape {(count,)}, like family; got {tuple(self.index.shape)}.")

    def __len__(self) -> int:
        return len(self.family)

    def __getitem__(self, index: slice | Tensor) -> DuetPairs:
        """Returns some of the pairs."""
        return DuetPairs(self.right[index], self.left[index], self.family[index], self.index[index], self.seed)

    @classmethod
    def cat(cls, parts: Sequence[DuetPairs]) -> DuetPairs:
        """Returns the pairs of all parts, which must be of one seed and at least one."""
        seeds = {part.seed for part in parts}
        if len(seeds) != 1:
            raise ShapeError(
                f"parts must be at least one, all of one seed; got seeds {sorted(seeds)}. Join each apart."
            )
        return cls(
            right=cat_hands([part.right for part in parts]),
            left=cat_hands([part.left for part in parts]),
            family=torch.cat([part.family for part in parts]),
            index=torch.cat([part.index for part in parts]),
            seed=parts[0].seed,
        )


def cat_hands(hands: Sequence[HandParameters]) -> HandParameters:
    """Returns the hands of all batches in one."""
    return HandParameters(**{name: torch.cat([getattr(hand, name) for hand in hands]) for name in _SHAPES})


_SHAPES: dict[str, tuple[int, ...]] = {"global_orient": (3,), "hand_pose": (15, 3), "betas": (10,), "transl": (3,)}
