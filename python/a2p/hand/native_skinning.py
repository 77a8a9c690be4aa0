"""Linear blend skinning in native code, for float32 tensors in CPU memory, as PyTorch sees it.

Values and first derivatives come from the extension. Second derivatives and `torch.func` transforms take the PyTorch
definition in `skinning.py`, so they work and are slow. Eager calls use an autograd function, which costs half as much a
call as the custom op that compiled graphs use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from a2p.hand.parameters import HandParameters
from a2p.hand.rotations import rotmat_from_rotvec
from a2p.hand.skinning import PosedHand, Rig, linear_blend_skinning
from a2p.native import core

_Posed: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Vertices, joints and joint rotation matrices of a batch of hands, or gradients for them."""
_Gradients: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""Gradients for global_orient, hand_pose, betas and transl."""

_CONSTANTS = ("v_template", "shapedirs", "posedirs", "J_template", "J_shapedirs", "weights")

_handles = count()
_by_handle: WeakValueDictionary[int, NativeSkinning] = WeakValueDictionary()


class NativeSkinning:
    """A hand model's constants, laid out for the native kernel; a copy or a pickle rebuilds the layout."""

    def __init__(self, rig: Rig) -> None:
        constants: dict[str, Tensor] = {name: getattr(rig, name) for name in _CONSTANTS}
        self.rig = rig
        v_template, shapedirs, posedirs, joint_template, joint_shapedirs, weights = map(_array, constants.values())
        self.native = core.SkinningModel(
            v_template,
            shapedirs,
            posedirs,
            joint_template,
            joint_shapedirs,
            weights,
            np.array(rig.tree.parents, dtype=np.int32),
        )
        self._made_of = tuple((name, tensor, tensor._version) for name, tensor in constants.items())
        self.handle = next(_handles)
        """Names this object in a compiled graph, within this process."""
        _by_handle[self.handle] = self

    @classmethod
    def of(cls, rig: Rig) -> NativeSkinning | None:
        """Returns the layout, or None unless all constants are float32 in CPU memory and none is being optimised."""
        for name in _CONSTANTS:
            tensor: Tensor = getattr(rig, name)
            if tensor.dtype != torch.float32 or tensor.device.type != "cpu" or tensor.requires_grad:
                return None
        return cls(rig)

    def is_made_of(self, constants: Mapping[str, Tensor | None]) -> bool:
        """Whether these are the constants that the layout was made of, and none has been edited since."""
        for name, tensor, version in self._made_of:
            if constants[name] is not tensor or tensor._version != version or tensor.requires_grad:
                return False
        return True

    def __reduce__(self) -> tuple[type[NativeSkinning], tuple[Rig]]:
        return (NativeSkinning, (self.rig,))

    def __call__(self, parameters: HandParameters) -> PosedHand:
        """Returns the posed hands; `parameters` are float32 in CPU memory with equal leading dimensions."""
        tensors = (parameters.global_orient, parameters.hand_pose, parameters.betas, parameters.transl)
        if (
            torch._C._are_functorch_transforms_active()
        ):  # what autograd functions themselves ask; there is no public name
            return _definition(self.rig, *tensors)
        batch = parameters.betas.shape[:-1]
        if len(batch) == 1:
            return PosedHand(*self._pose_batch(tensors))
        flat = tuple(tensor.reshape(batch.numel(), *tensor.shape[len(batch) :]) for tensor in tensors)
        return PosedHand(*(tensor.reshape(*batch, *tensor.shape[1:]) for tensor in self._pose_batch(flat)))

    def _pose_batch(self, tensors: tuple[Tensor, ...]) -> _Posed:
        if torch.compiler.is_compiling():
            compiled: _Posed = _skin(self.handle, *tensors)
            return compiled
        if not torch.is_grad_enabled() and not torch.autograd.forward_ad._current_level >= 0:
            return self.forward(*tensors)
        posed: _Posed = _Skin.apply(self, *tensors)  # type: ignore[no-untyped-call]
        return posed

    def forward(self, *parameters: Tensor) -> _Posed:
        """Returns vertices, joints and joint rotation matrices of a batch, without autograd."""
        vertices, joints, joint_rotmats = self.native.forward(*map(_array, parameters))
        return torch.from_numpy(vertices), torch.from_numpy(joints), torch.from_numpy(joint_rotmats)

    def vjp(self, parameters: Iterable[Tensor], d_posed: Iterable[Tensor | None]) -> _Gradients:
        """Returns the gradient for each parameter, given that for each output of `forward`; None counts as zero."""
        arrays = self.native.vjp(*map(_array, parameters), *(None if d is None else _array(d) for d in d_posed))
        d_global_orient, d_hand_pose, d_betas, d_transl = map(torch.from_numpy, arrays)
        return d_global_orient, d_hand_pose, d_betas, d_transl


def _array(tensor: Tensor) -> npt.NDArray[np.float32]:
    # Each of PyTorch's functions takes a microsecond or two: what need not be called is not.
    plain = tensor.detach() if tensor.requires_grad else tensor
    array: npt.NDArray[np.float32] = (plain if plain.is_contiguous() else plain.contiguous()).numpy()
    return array


def _definition(rig: Rig, global_orient: Tensor, hand_pose: Tensor, betas: Tensor, transl: Tensor) -> PosedHand:
    """Returns the same in PyTorch."""
    local_rotmats = rotmat_from_rotvec(torch.cat([global_orient[..., None, :], hand_pose], dim=-2))
    return linear_blend_skinning(rig, local_rotmats, betas, transl)


class _Skin(torch.autograd.Function):
    """Skins a batch of hands; derivatives of the gradient itself come from the PyTorch definition."""

    @staticmethod
    def forward(ctx: Any, skinning: NativeSkinning, *parameters: Tensor) -> _Posed:
        ctx.skinning = skinning
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*parameters)
        return skinning.forward(*parameters)

    @staticmethod
    def backward(ctx: Any, *d_posed: Tensor | None) -> tuple[Tensor | None, ...]:
        skinning: NativeSkinning = ctx.skinning
        if not torch.is_grad_enabled():
            return (None, *skinning.vjp(ctx.saved_tensors, d_posed))

        def posed(*parameters: Tensor) -> _Posed:
            hand = _definition(skinning.rig, *parameters)
            return hand.vertices, hand.joints, hand.joint_rotmats

        values, pullback = torch.func.vjp(posed, *ctx.saved_tensors)[:2]
        filled = (torch.zeros_like(value) if d is None else d for value, d in zip(values, d_posed, strict=True))
        return (None, *pullback(tuple(filled)))


_PARAMETERS = "Tensor global_orient, Tensor hand_pose, Tensor betas, Tensor transl"


def _run_skin(handle: int, *parameters: Tensor) -> _Posed:
    return _by_handle[handle].forward(*parameters)


_skin = torch.library.custom_op(
    "a2p::skin",
    _run_skin,
    mutates_args=(),
    device_types="cpu",
    schema=f"(int handle, {_PARAMETERS}) -> (Tensor, Tensor, Tensor)",
)


@_skin.register_fake
def _(handle: int, global_orient: Tensor, *_: Tensor) -> _Posed:
    hands = global_orient.shape[0]
    return (
        global_orient.new_empty(hands, _by_handle[handle].native.vertex_count, 3),
        global_orient.new_empty(hands, 16, 3),
        global_orient.new_empty(hands, 16, 3, 3),
    )


def _run_skin_vjp(handle: int, *tensors: Tensor) -> _Gradients:
    return _by_handle[handle].vjp(tensors[:4], tensors[4:])


_skin_vjp = torch.library.custom_op(
    "a2p::skin_vjp",
    _run_skin_vjp,
    mutates_args=(),
    device_types="cpu",
    schema=f"(int handle, {_PARAMETERS}, Tensor d_vertices, Tensor d_joints, Tensor d_joint_rotmats) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
)


@_skin_vjp.register_fake
def _(handle: int, *tensors: Tensor) -> _Gradients:  # noqa: ARG001 - the schema's name
    global_orient, hand_pose, betas, transl = (torch.empty_like(tensor) for tensor in tensors[:4])
    return global_orient, hand_pose, betas, transl


def _remember(ctx: Any, inputs: tuple[Any, ...], output: _Posed) -> None:  # noqa: ARG001 - PyTorch passes by name
    ctx.handle = inputs[0]
    ctx.save_for_backward(*inputs[1:])


def _skin_backward(ctx: Any, *d_posed: Tensor) -> tuple[Tensor | None, ...]:
    return (None, *_skin_vjp(ctx.handle, *ctx.saved_tensors, *d_posed))


_skin.register_autograd(_skin_backward, setup_context=_remember)
