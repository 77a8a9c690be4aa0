"""Chooses between native code and the PyTorch definition for what is measured on one pair of meshes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from a2p.errors import BackendError

MeasureBackend = Literal["auto", "cpu", "reference"]
"""`cpu` is native code in float64; `auto` is that for tensors in CPU memory and `reference` (PyTorch) for others."""


def runs_native(backend: MeasureBackend, *tensors: Tensor) -> bool:
    """Returns whether native code answers for these tensors; raises where the backend asked for cannot."""
    if backend not in ("auto", "cpu", "reference"):
        raise BackendError(f"backend must be 'auto', 'cpu' or 'reference'; got {backend!r}.")
    on_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
    if backend == "cpu" and not on_cpu:
        raise BackendError("backend 'cpu' handles tensors in CPU memory; move them with .cpu(), or use 'reference'.")
    return on_cpu and backend != "reference"


def positions(tensor: Tensor) -> npt.NDArray[np.float64]:
    """Returns a tensor's values for native code."""
    array: npt.NDArray[np.float64] = tensor.detach().to(torch.float64).contiguous().numpy()
    return array


def indices(tensor: Tensor) -> npt.NDArray[np.int64]:
    """Returns a tensor of indices for native code."""
    array: npt.NDArray[np.int64] = tensor.detach().to(torch.int64).contiguous().numpy()
    return array
