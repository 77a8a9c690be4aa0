"""The hand model: parameters in, a posed mesh out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from a2p.arrays import Joints
from a2p.errors import ShapeError
from a2p.hand.hand_data import HandData, Side
from a2p.hand.hand_file import read_hand_data
from a2p.hand.native_skinning import NativeSkinning
from a2p.hand.parameters import HandParameters
from a2p.hand.rotations import rotmat_from_rotvec
from a2p.hand.skinning import KinematicTree, PosedHand, Rig, linear_blend_skinning
from a2p.hand.topology import Topology


class HandModel(nn.Module):
    """A skinned hand: `model(parameters)` returns the posed vertices and joints.

    Constants are non-persistent buffers: they follow `.to(...)` and `.double()`, and a checkpoint of a network that
    holds a model never contains a hand model file's data, which may not be redistributed.

    `flat_hand_mean=True` means that a zero `hand_pose` is the flat hand; False adds `hands_mean`, the file's mean
    pose, to every `hand_pose` (InterHand2.6M's fits use False, HO-3D's True).
    """

    v_template: Float[Tensor, "v 3"]
    shapedirs: Float[Tensor, "v 3 10"]
    posedirs: Float[Tensor, "v 3 135"]
    J_template: Float[Tensor, "16 3"]
    J_shapedirs: Float[Tensor, "16 3 10"]
    weights: Float[Tensor, "v 16"]
    parents: Tensor
    """(16,) int64; -1 for the wrist."""
    hands_mean: Float[Tensor, "15 3"]
    hands_components: Float[Tensor, "45 45"]
    """Principal components of the file's pose space, a row each."""

    def __init__(self, data: HandData, *, flat_hand_mean: bool = True) -> None:
        super().__init__()
        self.side: Side = data.side
        self.flat_hand_mean = flat_hand_mean
        self.topology = Topology(data.faces, rest_vertices=data.v_template, is_cap=data.is_cap)
        self.tree = KinematicTree(data.parents)
        regressor = data.J_regressor.astype(np.float64)
        for name, array in {
            "v_template": data.v_template,
            "shapedirs": data.shapedirs,
            "posedirs": data.posedirs,
            "J_template": regressor @ data.v_template,
            "J_shapedirs": np.einsum("jv,vck->jck", regressor, data.shapedirs),
            "weights": data.weights,
            "hands_mean": data.hands_mean.reshape(15, 3),
            "hands_components": data.hands_components,
        }.items():
            self.register_buffer(name, torch.from_numpy(array).float().clone(), persistent=False)
        self.register_buffer("parents", torch.tensor(data.parents), persistent=False)
        self._native: NativeSkinning | None = NativeSkinning.of(self.rig)

    @classmethod
    def load(
        cls,
        source: str | Path = "open",
        *,
        side: Side = "right",
        flat_hand_mean: bool = True,
        fix_left_shapedirs: bool = True,
    ) -> HandModel:
        """Returns the model of one hand.

        `source` is "open", the packaged hand, whose left is its mirrored right; or a MANO file; or a folder that holds
        MANO_RIGHT and MANO_LEFT, each .npz or .pkl. `fix_left_shapedirs` corrects the sign of x in the shapedirs of
        MANO's own left file (smplx issue 48); False reproduces data sets annotated without that correction.
        """
        data = read_hand_data(source, side=side, fix_left_shapedirs=fix_left_shapedirs)
        return cls(data, flat_hand_mean=flat_hand_mean)

    @classmethod
    def load_pair(
        cls, source: str | Path = "open", *, flat_hand_mean: bool = True, fix_left_shapedirs: bool = True
    ) -> HandPair:
        """Returns both hands of "open" or of a folder with MANO_RIGHT and MANO_LEFT."""
        return HandPair(
            right=cls.load(source, side="right", flat_hand_mean=flat_hand_mean),
            left=cls.load(source, side="left", flat_hand_mean=flat_hand_mean, fix_left_shapedirs=fix_left_shapedirs),
        )

    def forward(self, parameters: HandParameters) -> PosedHand:
        """Returns the hand posed by `parameters`, in their dtype and on their device, which must be the model's.

        float32 in CPU memory runs in native code; everything else in PyTorch, with the same result up to rounding.
        """
        self._check(parameters)
        native = self.native_skinning()
        if native is None:
            return self.pose(self.local_rotmats(parameters), parameters.betas, parameters.transl)
        return native(parameters if self.flat_hand_mean else replace(parameters, hand_pose=self._hand_pose(parameters)))

    def pose(
        self,
        local_rotmats: Float[Tensor, "*batch 16 3 3"],
        betas: Float[Tensor, "*batch 10"],
        transl: Float[Tensor, "*batch 3"],
    ) -> PosedHand:
        """Returns the hand posed by rotation matrices relative to the parent joint, the wrist's first."""
        return linear_blend_skinning(self.rig, local_rotmats, betas, transl)

    def local_rotmats(self, parameters: HandParameters) -> Float[Tensor, "*batch 16 3 3"]:
        """Returns every joint's rotation relative to its parent, `hands_mean` included unless `flat_hand_mean`."""
        return rotmat_from_rotvec(
            torch.cat([parameters.global_orient[..., None, :], self._hand_pose(parameters)], dim=-2)
        )

    def rest_joints(self, betas: Float[Tensor, "*batch 10"]) -> Joints:
        """Returns the joints of the unposed hand of this shape, m; joint 0 is the point that the hand turns about."""
        return self.rig.rest_joints(betas)

    @property
    def rig(self) -> Rig:
        """The constants of skinning, as they are on the model's device."""
        return Rig(
            v_template=self.v_template,
            shapedirs=self.shapedirs,
            posedirs=self.posedirs,
            J_template=self.J_template,
            J_shapedirs=self.J_shapedirs,
            weights=self.weights,
            tree=self.tree,
        )

    def native_skinning(self) -> NativeSkinning | None:
        """Returns the constants laid out for native code, as they are now; None where it cannot take them.

        A compiled graph takes them as they were at the last eager call, since it cannot see an edit in place.
        """
        if not torch.compiler.is_compiling() and (self._native is None or not self._native.is_made_of(self._buffers)):
            self._native = NativeSkinning.of(self.rig)
        return self._native

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> HandModel:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._native = NativeSkinning.of(self.rig)
        return self

    def _hand_pose(self, parameters: HandParameters) -> Float[Tensor, "*batch 15 3"]:
        return parameters.hand_pose if self.flat_hand_mean else parameters.hand_pose + self.hands_mean

    def _check(self, parameters: HandParameters) -> None:
        batch = parameters.betas.shape[:-1]
        dtype, device = self.v_template.dtype, self.v_template.device
        for name, trailing in {"global_orient": (3,), "hand_pose": (15, 3), "betas": (10,), "transl": (3,)}.items():
            tensor: Tensor = getattr(parameters, name)
            if tensor.shape != (*batch, *trailing):
                raise ShapeError(
                    f"{name} must have shape {(*batch, *trailing)}, betas having {tuple(parameters.betas.shape)}; "
                    f"got {tuple(tensor.shape)}. Expand all to one batch."
                )
            if tensor.dtype != dtype or tensor.device != device:
                raise ShapeError(
                    f"{name} must be {dtype} on {device}, like the model; "
                    f"got {tensor.dtype} on {tensor.device}. Move one of them with .to(...)."
                )


class HandPair(NamedTuple):
    """The models of a person's two hands."""

    right: HandModel
    left: HandModel
