"""The native kernels for processors: float32, exact signs, threads."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.native import core
from a2p.penetration.backends.contract import Located, PenetrationValues, Surface
from a2p.penetration.backends.prepared import narrowed, native_topology
from a2p.penetration.loss import DepthLoss


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
    a, b = narrowed(vertices_a, vertices_b)
    if len(a) == 0:
        depths = a.new_zeros(a.shape[:2]), b.new_zeros(b.shape[:2])
        return PenetrationValues(a.new_zeros(0, dtype=torch.float64), *depths, a.clone(), b.clone())
    pair = _pair(native_topology(surface_a, a.shape[1]), native_topology(surface_b, b.shape[1]))
    arrays = pair(_numpy(a), _numpy(b), loss=loss.kind, scale=loss.scale)
    return PenetrationValues(*(torch.from_numpy(array) for array in arrays))


def locate(points: Float[Tensor, "b p 3"], vertices: Float[Tensor, "b v 3"], surface: Surface) -> Located:
    """Returns the signed distance and the closest surface point of every point."""
    p, v = narrowed(points, vertices)
    if p.shape[0] == 0 or p.shape[1] == 0:
        return Located(torch.zeros(p.shape[:2]), torch.zeros(p.shape[:2], dtype=torch.int64), p.clone())
    arrays = _field(native_topology(surface, v.shape[1]))(_numpy(p), _numpy(v))
    distance, face, weights = (torch.from_numpy(array) for array in arrays)
    return Located(distance, face.long(), weights)


@lru_cache(maxsize=32)
def _pair(topology_a: core.MeshTopology, topology_b: core.MeshTopology) -> core.PenetrationPair:
    return core.PenetrationPair(topology_a, topology_b)


@lru_cache(maxsize=32)
def _field(topology: core.MeshTopology) -> core.DistanceField:
    return core.DistanceField(topology)


def _numpy(tensor: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = tensor.contiguous().numpy()
    return array
