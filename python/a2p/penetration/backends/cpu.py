"""The native kernels for processors: float32, exact signs, threads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from a2p.native import core
from a2p.penetration.backends.contract import Located, PenetrationValues, Surface
from a2p.penetration.loss import DepthLoss


@dataclass(frozen=True)
class _Prepared:
    """A native topology and the state of the tensors that it was made from."""

    is_cap: Tensor
    versions: tuple[int, int]
    topology: core.MeshTopology


_prepared: Any = WeakTensorKeyDictionary()
"""Faces to what was prepared from them, for as long as the faces live."""


def reason_unavailable(device: torch.device) -> str | None:
    """Returns why tensors on `device` cannot be handled: only those in main memory can."""
    return None if device.type == "cpu" else "it handles CPU tensors; move them with .cpu()."


def penetration(
    vertices_a: Float[Tensor, "b va 3"],
    vertices_b: Float[Tensor, "b vb 3"],
    surface_a: Surface,
    surface_b: Surface,
    loss: DepthLoss,
) -> PenetrationValues:
    """Returns the depths both ways, the loss (float64) and its gradient."""
    a, b = _narrowed(vertices_a, vertices_b)
    if len(a) == 0:
        depths = a.new_zeros(a.shape[:2]), b.new_zeros(b.shape[:2])
        return PenetrationValues(a.new_zeros(0, dtype=torch.float64), *depths, a.clone(), b.clone())
    pair = _pair(_topology(surface_a, a[0]), _topology(surface_b, b[0]))
    arrays = pair(_numpy(a), _numpy(b), loss=loss.kind, scale=loss.scale)
    return PenetrationValues(*(torch.from_numpy(array) for array in arrays))


def locate(points: Float[Tensor, "b p 3"], vertices: Float[Tensor, "b v 3"], surface: Surface) -> Located:
    """Returns the signed distance and the closest surface point of every point."""
    p, v = _narrowed(points, vertices)
    if p.shape[0] == 0 or p.shape[1] == 0:
        return Located(torch.zeros(p.shape[:2]), torch.zeros(p.shape[:2], dtype=torch.int64), p.clone())
    arrays = _field(_topology(surface, v[0]))(_numpy(p), _numpy(v))
    distance, face, weights = (torch.from_numpy(array) for array in arrays)
    return Located(distance, face.long(), weights)


@lru_cache(maxsize=32)
def _pair(topology_a: core.MeshTopology, topology_b: core.MeshTopology) -> core.PenetrationPair:
    return core.PenetrationPair(topology_a, topology_b)


@lru_cache(maxsize=32)
def _field(topology: core.MeshTopology) -> core.DistanceField:
    return core.DistanceField(topology)


def _topology(surface: Surface, first_pose: Float[Tensor, "v 3"]) -> core.MeshTopology:
    """Returns the native topology, made when the faces are first seen; the pose tells which are neighbours."""
    known: _Prepared | None = _prepared.get(surface.faces)
    versions = _version(surface.faces), _version(surface.is_cap)
    if known is not None and known.is_cap is surface.is_cap and known.versions == versions:
        return known.topology
    faces = surface.faces.detach().cpu().to(torch.int64).contiguous()
    is_cap = surface.is_cap.detach().cpu().contiguous()
    topology = core.MeshTopology(faces.numpy(), is_cap.numpy(), _numpy(first_pose))
    _prepared[surface.faces] = _Prepared(surface.is_cap, versions, topology)
    return topology


def _version(tensor: Tensor) -> int:
    """Returns a number that changes when the tensor is written to; inference tensors count as never written."""
    return 0 if tensor.is_inference() else tensor._version


def _narrowed(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Returns both as float32; float64 input is first moved near the origin, where float32 resolves it."""
    first, second = first.detach(), second.detach()
    if first.dtype == torch.float64 and second.shape[1] > 0:
        centre = (second.amin(dim=1, keepdim=True) + second.amax(dim=1, keepdim=True)) / 2
        first, second = first - centre, second - centre
    return first.float(), second.float()


def _numpy(tensor: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = tensor.contiguous().numpy()
    return array
