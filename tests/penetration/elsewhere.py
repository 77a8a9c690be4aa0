"""Tensors that say they lie on another device, on a machine that has only one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

ELSEWHERE = torch.device("meta")


class _Elsewhere(Tensor):
    """A tensor in CPU memory that says it is on another device."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> _Elsewhere:
        tensor: _Elsewhere = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, inner.size(), strides=inner.stride(), dtype=inner.dtype, device=ELSEWHERE
        )
        tensor.inner = inner
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class TwoDevices(TorchDispatchMode):
    """While it is entered, tensors made on `ELSEWHERE` hold values, and operations may not mix the two devices."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
    is_copy = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
    # As CUDA has it, a number in CPU memory may meet tensors anywhere.
    places = {
        isinstance(tensor, _Elsewhere) for tensor in tensors if tensor.dim() > 0 or isinstance(tensor, _Elsewhere)
    }
    if len(places) > 1 and not is_copy:
        raise RuntimeError(f"{func} was given tensors on two devices")
    goes = kwargs.get("device")
    there = places == {True} if goes is None else torch.device(goes).type == ELSEWHERE.type
    kwargs = {**kwargs, "device": torch.device("cpu")} if goes is not None else kwargs
    inner_args, inner_kwargs = tree_map(
        lambda leaf: leaf.inner if isinstance(leaf, _Elsewhere) else leaf, (args, kwargs)
    )
    result = func(*inner_args, **inner_kwargs)
    if not there:
        return result
    known = {id(tensor.inner): tensor for tensor in tensors if isinstance(tensor, _Elsewhere)}

    def wrapped(leaf: Any) -> Any:
        return known.get(id(leaf), _Elsewhere(leaf)) if isinstance(leaf, Tensor) else leaf

    return tree_map(wrapped, result)
