"""The fused step on a CUDA device: kernels queued on the caller's stream, without waiting for any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from a2p.errors import BackendError, ShapeError
from a2p.hand.model import HandModel
from a2p.native import core
from a2p.penetration.backends import cuda
from a2p.penetration.loss import DepthLoss

_Hand: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""global_orient (b, 3), hand_pose (b, 15, 3), betas (b, 10) and transl (b, 3), or gradients for them."""

_CONSTANTS = ("v_template", "shapedirs", "posedirs", "J_template", "J_shapedirs", "weights")


@dataclass(frozen=True)
class CudaStepValues:
    """What a step returns, as tensors on the device."""

    loss: Tensor
    gradient_right: _Hand
    gradient_left: _Hand
    depth_right: Tensor
    depth_left: Tensor


class CudaStep:
    """Two hand models and their surfaces on one CUDA device."""

    def __init__(
        self, models: tuple[HandModel, HandModel], topologies: tuple[core.MeshTopology, core.MeshTopology]
    ) -> None:
        self.device = models[0].v_template.device
        self._made_of = _state(models)
        self._vertex_counts = tuple(len(model.v_template) for model in models)
        for name, model in zip(("model_right", "model_left"), models, strict=True):
            _require_same_device(name, model, self.device)
        reason = cuda.reason_unavailable(self.device)
        if reason is not None:
            raise BackendError(f"the models are on {self.device}, which backend 'cuda' cannot handle here: {reason}")
        native = cuda.native()
        surfaces = [cuda.uploaded(topology, self.device) for topology in topologies]
        with torch.cuda.device(self.device):
            hands = [native.DeviceHand(_skinning_model(model)) for model in models]
            self._step = native.DeviceStep(*hands, *surfaces)

    def is_made_of(self, models: tuple[HandModel, HandModel]) -> bool:
        """Whether these are the models' constants as they are now."""
        pairs = zip(self._made_of, _state(models), strict=True)
        return all(made is now and version == newest for (made, version), (now, newest) in pairs)

    def __call__(self, right: _Hand, left: _Hand, loss: DepthLoss) -> CudaStepValues:
        """Returns loss, gradients and depths. Values are not looked at: NaN in a pair gives NaN out."""
        for side, hand in (("right", right), ("left", left)):
            _check(side, hand, len(right[0]), self.device)
        count = len(right[0])
        values = CudaStepValues(
            loss=torch.empty(count, dtype=torch.float64, device=self.device),
            gradient_right=_empty_like(right),
            gradient_left=_empty_like(left),
            depth_right=torch.empty(count, self._vertex_counts[0], device=self.device),
            depth_left=torch.empty(count, self._vertex_counts[1], device=self.device),
        )
        if count == 0:
            return values
        with torch.cuda.device(self.device):
            self._step(
                tuple(tensor.detach() for tensor in right),
                tuple(tensor.detach() for tensor in left),
                gradient_right=values.gradient_right,
                gradient_left=values.gradient_left,
                loss_out=values.loss,
                depth_right=values.depth_right,
                depth_left=values.depth_left,
                workspace=cuda.workspace(self._step.workspace_bytes(count), self.device),
                loss=loss.kind,
                scale=loss.scale,
                stream=torch.cuda.current_stream().cuda_stream,
            )
        return values


def _state(models: tuple[HandModel, HandModel]) -> list[tuple[Tensor, int]]:
    """Returns the models' constants and how often each has been written to."""
    constants: list[Tensor] = [getattr(model, name) for model in models for name in _CONSTANTS]
    return [(tensor, tensor._version) for tensor in constants]


def _skinning_model(model: HandModel) -> core.SkinningModel:
    v_template, shapedirs, posedirs, joint_template, joint_shapedirs, weights = (
        getattr(model, name).detach().cpu().contiguous().numpy() for name in _CONSTANTS
    )
    parents = np.array(model.tree.parents, dtype=np.int32)
    return core.SkinningModel(v_template, shapedirs, posedirs, joint_template, joint_shapedirs, weights, parents)


def _require_same_device(name: str, model: HandModel, device: torch.device) -> None:
    if model.v_template.dtype != torch.float32 or model.v_template.device != device:
        raise BackendError(
            f"{name} must be float32 on {device}, like model_right; its v_template is {model.v_template.dtype} on "
            f"{model.v_template.device}. Use model.float().to('{device}')."
        )


def _check(side: str, hand: _Hand, count: int, device: torch.device) -> None:
    names = ("global_orient", "hand_pose", "betas", "transl")
    shapes = ((count, 3), (count, 15, 3), (count, 10), (count, 3))
    for name, shape, tensor in zip(names, shapes, hand, strict=True):
        if tuple(tensor.shape) != shape:
            raise ShapeError(
                f"{side} {name} must have shape {shape} after its leading dimensions are one; got "
                f"{tuple(tensor.shape)}. Expand all parameters to one batch."
            )
        if tensor.dtype != torch.float32 or tensor.device != device:
            raise ShapeError(
                f"{side} {name} must be float32 on {device}, like the models; got {tensor.dtype} on {tensor.device}. "
                f"Use {side}.to(dtype=torch.float32, device='{device}')."
            )


def _empty_like(hand: _Hand) -> _Hand:
    global_orient, hand_pose, betas, transl = (torch.empty_like(tensor) for tensor in hand)
    return global_orient, hand_pose, betas, transl
