"""What poses a hand: rotations, shape and place, under smplx's names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.interchange import AnyArray, as_tensor


@dataclass(frozen=True)
class HandParameters:
    """The parameters of one hand, or of a batch of hands with any leading dimensions.

    Rotations are axis-angle (rad). `global_orient` turns the hand about its rest wrist joint; `transl` is added
    afterwards, so the posed wrist lies at `rest_wrist(betas) + transl`. The frame is the camera's: x right, y down,
    z forward.
    """

    global_orient: Float[Tensor, "*batch 3"]
    hand_pose: Float[Tensor, "*batch 15 3"]
    betas: Float[Tensor, "*batch 10"]
    transl: Float[Tensor, "*batch 3"]

    @classmethod
    def zeros(
        cls, *batch: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> HandParameters:
        """Returns the flat hand of mean shape at the origin."""
        return cls(
            global_orient=torch.zeros(*batch, 3, dtype=dtype, device=device),
            hand_pose=torch.zeros(*batch, 15, 3, dtype=dtype, device=device),
            betas=torch.zeros(*batch, 10, dtype=dtype, device=device),
            transl=torch.zeros(*batch, 3, dtype=dtype, device=device),
        )

    @classmethod
    def from_arrays(
        cls, *, global_orient: AnyArray, hand_pose: AnyArray, betas: AnyArray, transl: AnyArray
    ) -> HandParameters:
        """Returns parameters that share the memory of arrays of any library; see `a2p.interchange.as_tensor`."""
        return cls(
            global_orient=as_tensor("global_orient", global_orient),
            hand_pose=as_tensor("hand_pose", hand_pose),
            betas=as_tensor("betas", betas),
            transl=as_tensor("transl", transl),
        )

    def map(self, function: Callable[[Tensor], Tensor]) -> HandParameters:
        """Returns the parameters with `function` applied to every tensor."""
        return HandParameters(
            function(self.global_orient), function(self.hand_pose), function(self.betas), function(self.transl)
        )

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> HandParameters:
        """Returns the parameters in another dtype or on another device."""
        return self.map(lambda tensor: tensor.to(dtype=dtype, device=device))

    def __getitem__(self, index: int | slice | Tensor) -> HandParameters:
        """Returns the hands at `index` of the first batch dimension."""
        return self.map(lambda tensor: tensor[index])


def mirror_parameters(parameters: HandParameters) -> HandParameters:
    """Returns the other hand's parameters whose pose is the mirror image at x = 0, where the models mirror each other.

    Mirroring negates x of a position, and y and z of an axis-angle vector. Twice is the identity.
    """
    return HandParameters(
        global_orient=_with_signs(parameters.global_orient, (1.0, -1.0, -1.0)),
        hand_pose=_with_signs(parameters.hand_pose, (1.0, -1.0, -1.0)),
        betas=parameters.betas,
        transl=_with_signs(parameters.transl, (-1.0, 1.0, 1.0)),
    )


def _with_signs(vectors: Float[Tensor, "*batch 3"], signs: tuple[float, float, float]) -> Float[Tensor, "*batch 3"]:
    return vectors * torch.tensor(signs, dtype=vectors.dtype, device=vectors.device)
