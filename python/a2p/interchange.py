"""Arrays of other libraries seen as PyTorch tensors, without a copy and without importing those libraries."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from a2p.errors import ShapeError

AnyArray: TypeAlias = Any
"""A torch tensor; a numpy array; or whatever offers `__dlpack__` (CuPy, JAX, TensorFlow, ...), a DLPack capsule,
`__cuda_array_interface__` (Numba) or `__array_interface__`."""

_CUDA_DEVICE_TYPES = (2, 13)  # kDLCUDA and kDLCUDAManaged of dlpack.h


def as_tensor(name: str, value: AnyArray) -> Tensor:
    """Returns a tensor that shares the memory of `value`, which an error calls by `name`.

    Only a numpy array with negative strides is copied. The memory must not change while the tensor is in use; a2p
    itself never writes to it, so read-only arrays are welcome.
    """
    if isinstance(value, Tensor):
        return value
    try:
        tensor = _shared(name, value)
    except (TypeError, ValueError, BufferError, RuntimeError) as error:
        if isinstance(error, ShapeError):
            raise
        raise ShapeError(
            f"{name} must be an array of numbers that PyTorch can share; {type(value).__name__} refused: {error} "
            "Convert it to float32 in main memory or on a CUDA device."
        ) from error
    if tensor is None:
        raise ShapeError(
            f"{name} must be a torch tensor, a numpy array, or an array with __dlpack__, __cuda_array_interface__ or "
            f"__array_interface__; got {type(value).__name__}. Wrap it with numpy.asarray."
        )
    return tensor


def _shared(name: str, value: AnyArray) -> Tensor | None:
    """Returns the tensor, or None for what is no array."""
    if isinstance(value, np.ndarray):
        return _from_numpy(value)
    if hasattr(value, "__dlpack__"):
        _require_reachable(name, value)
        return _from_dlpack(value)
    if type(value).__name__ == "PyCapsule":
        return _from_dlpack(value)
    if hasattr(value, "__cuda_array_interface__"):
        _require_cuda(name)
        return torch.as_tensor(value, device="cuda")
    if hasattr(value, "__array_interface__"):
        return _from_numpy(np.asarray(value))
    return None


class _Writable:
    """The memory of an array, said to be writable: PyTorch warns of memory that is not, even where nobody writes."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def _from_numpy(array: np.ndarray) -> Tensor:
    if any(stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)
    return torch.from_numpy(array if array.flags.writeable else np.asarray(_Writable(array)))


def _from_dlpack(value: AnyArray) -> Tensor:
    tensor: Tensor = from_dlpack(value)
    return tensor


def _require_reachable(name: str, value: AnyArray) -> None:
    if hasattr(value, "__dlpack_device__") and int(value.__dlpack_device__()[0]) in _CUDA_DEVICE_TYPES:
        _require_cuda(name)


def _require_cuda(name: str) -> None:
    if not torch.cuda.is_available():
        raise ShapeError(
            f"{name} lies in the memory of a CUDA device, which this PyTorch ({torch.__version__}) cannot use. "
            "Install a PyTorch build with CUDA where a driver is, or copy the array to main memory."
        )
