"""From the parameters of two hands to their penetration and its gradient in one native call, without autograd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import BackendError, ShapeError
from a2p.hand.model import HandModel
from a2p.hand.native_skinning import NativeSkinning
from a2p.hand.parameters import HandParameters
from a2p.native import core
from a2p.penetration.fused_cuda import CudaStep
from a2p.penetration.loss import SQUARED, DepthLoss

_Array: TypeAlias = npt.NDArray[np.generic]
_Arrays: TypeAlias = tuple[_Array, _Array, _Array, _Array]
_Tensors: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class FusedStep:
    """What one evaluation returns. Leading dimensions are those of the parameters."""

    loss: Float[Tensor, "*b"]
    """The summed penalty of all vertices of one hand that lie inside the other."""
    gradient_right: HandParameters
    """The loss's gradient with respect to each parameter of the right hand."""
    gradient_left: HandParameters
    depth_right: Float[Tensor, "*b vr"]
    """Depth (m) of the right hand's vertices in the left hand, 0 outside."""
    depth_left: Float[Tensor, "*b vl"]


class FusedPenetration:
    """Evaluates how deep two hands lie in each other, and how to move them apart, from parameters alone.

    The result is that of `penetration_depth` on the two models' vertices, with its gradient carried back to the
    parameters. It runs in native code for float32 tensors: on the processor for models in CPU memory, in a2p's CUDA
    kernels for models on a CUDA device, where it queues them on the current stream and waits for none; for others, or
    where autograd should go on, compose `HandModel` and `penetration_depth`.

    `HandParameters.from_arrays` takes the arrays of other libraries, without a copy.

    On a CUDA device the values of parameters are not looked at, since that would wait for the device: where one is NaN
    or infinite, the pair's loss and gradients are NaN.
    """

    def __init__(self, model_right: HandModel, model_left: HandModel, *, loss: DepthLoss = SQUARED) -> None:
        self.model_right = model_right
        self.model_left = model_left
        self.loss = loss
        self._topologies = (_topology(model_right), _topology(model_left))
        self._prepared: _Prepared | None = None
        self._on_cuda: CudaStep | None = None

    def __call__(self, right: HandParameters, left: HandParameters) -> FusedStep:
        """Returns loss, gradient and depths; parameters are float32 where the models are, in equal batches."""
        batch = right.betas.shape[:-1]
        if left.betas.shape[:-1] != batch:
            raise ShapeError(
                f"right and left must have the same leading dimensions; got {tuple(batch)} and "
                f"{tuple(left.betas.shape[:-1])}. Expand the one that is shared."
            )
        if self.model_right.v_template.device.type == "cuda":
            return self._evaluate_on_cuda(right, left, batch)
        step = self._step()
        losses, gradient_right, gradient_left, depth_right, depth_left = step(
            _arrays(self.model_right, "right", right),
            _arrays(self.model_left, "left", left),
            loss=self.loss.kind,
            scale=self.loss.scale,
        )
        return FusedStep(
            _shaped(torch.from_numpy(losses.astype(np.float32)), batch),
            _parameters(_tensors(gradient_right), batch),
            _parameters(_tensors(gradient_left), batch),
            _shaped(torch.from_numpy(depth_right), batch),
            _shaped(torch.from_numpy(depth_left), batch),
        )

    def _evaluate_on_cuda(self, right: HandParameters, left: HandParameters, batch: torch.Size) -> FusedStep:
        models = (self.model_right, self.model_left)
        if self._on_cuda is None or not self._on_cuda.is_made_of(models):
            self._on_cuda = CudaStep(models, self._topologies)
        values = self._on_cuda(_flattened(self.model_right, right), _flattened(self.model_left, left), self.loss)
        return FusedStep(
            values.loss.to(torch.float32).reshape(batch),
            _parameters(values.gradient_right, batch),
            _parameters(values.gradient_left, batch),
            values.depth_right.reshape(*batch, values.depth_right.shape[1]),
            values.depth_left.reshape(*batch, values.depth_left.shape[1]),
        )

    def _step(self) -> core.FusedStep:
        """Returns the native step for the models as they are now."""
        models = (_native(self.model_right, "model_right"), _native(self.model_left, "model_left"))
        if self._prepared is None or self._prepared.models != models:
            step = core.FusedStep(models[0].native, models[1].native, *self._topologies)
            self._prepared = _Prepared(models, step)
        return self._prepared.step


@dataclass(frozen=True)
class _Prepared:
    """A native step and the layouts that it was made of."""

    models: tuple[NativeSkinning, NativeSkinning]
    step: core.FusedStep


def _native(model: HandModel, name: str) -> NativeSkinning:
    native = model.native_skinning()
    if native is None:
        raise BackendError(
            f"{name} must be float32 in CPU memory; its v_template is {model.v_template.dtype} on "
            f"{model.v_template.device}. Use model.float().cpu(), or HandModel with penetration_depth."
        )
    return native


def _topology(model: HandModel) -> core.MeshTopology:
    rest_vertices = model.v_template.detach().to(device="cpu", dtype=torch.float32)
    return core.MeshTopology(model.topology.faces.numpy(), model.topology.is_cap.numpy(), rest_vertices.numpy())


def _arrays(model: HandModel, name: str, parameters: HandParameters) -> _Arrays:
    """Returns the parameters as arrays with one leading dimension; native code checks shape, dtype and values."""
    if parameters.betas.device.type != "cpu":
        raise ShapeError(f"{name} must be in CPU memory; got {parameters.betas.device}. Use {name}.to(device='cpu').")
    global_orient, hand_pose, betas, transl = _flattened(model, parameters)
    return global_orient.numpy(), hand_pose.numpy(), betas.numpy(), transl.numpy()


def _flattened(model: HandModel, parameters: HandParameters) -> _Tensors:
    """Returns the parameters with one leading dimension, as it takes them without autograd."""
    hand_pose = parameters.hand_pose if model.flat_hand_mean else parameters.hand_pose + model.hands_mean
    batch = parameters.betas.shape[:-1]
    return (
        _flat(parameters.global_orient, batch, 3),
        _flat(hand_pose, batch, 15, 3),
        _flat(parameters.betas, batch, 10),
        _flat(parameters.transl, batch, 3),
    )


# A call takes some hundred microseconds, and each of PyTorch's functions one or two: what need not be called is not.


def _flat(tensor: Tensor, batch: torch.Size, *shape: int) -> Tensor:
    """Returns the tensor's memory with one leading dimension, or in its own shape if it has not that of the batch."""
    if len(batch) != 1 and tensor.shape == (*batch, *shape):
        tensor = tensor.reshape(batch.numel(), *shape)
    tensor = tensor if tensor.is_contiguous() else tensor.contiguous()
    return tensor.detach() if tensor.requires_grad else tensor


def _shaped(tensor: Tensor, batch: torch.Size) -> Tensor:
    """Returns the tensor's memory with the leading dimensions of the batch."""
    return tensor if len(batch) == 1 else tensor.reshape(batch + tensor.shape[1:])


def _parameters(tensors: _Tensors, batch: torch.Size) -> HandParameters:
    global_orient, hand_pose, betas, transl = tensors
    return HandParameters(
        _shaped(global_orient, batch), _shaped(hand_pose, batch), _shaped(betas, batch), _shaped(transl, batch)
    )


def _tensors(arrays: _Arrays) -> _Tensors:
    global_orient, hand_pose, betas, transl = map(torch.from_numpy, arrays)
    return global_orient, hand_pose, betas, transl
