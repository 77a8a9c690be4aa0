"""What the native backends share: topologies prepared once, and positions in float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from a2p.hand.topology import rest_vertices_of
from a2p.native import core
from a2p.penetration.backends.contract import Surface


@dataclass(frozen=True)
class _Prepared:
    """A native topology and the state of the tensors that it was made from."""

    is_cap: Tensor
    versions: tuple[int, int]
    topology: core.MeshTopology


_prepared: Any = WeakTensorKeyDictionary()
"""Faces to what was prepared from them, for as long as the faces live."""


def native_topology(surface: Surface, vertex_count: int) -> core.MeshTopology:
    """Returns the native topology, made when the faces are first seen.

    The rest pose of the faces' `Topology` tells which are close to each other; without one the edges between them do.
    """
    known: _Prepared | None = _prepared.get(surface.faces)
    versions = version_of(surface.faces), version_of(surface.is_cap)
    if known is not None and known.is_cap is surface.is_cap and known.versions == versions:
        return known.topology
    faces = surface.faces.detach().cpu().to(torch.int64).contiguous()
    is_cap = surface.is_cap.detach().cpu().contiguous()
    at_rest = rest_vertices_of(surface.faces)
    places = torch.zeros(vertex_count, 3) if at_rest is None else (at_rest - at_rest.mean(dim=0)).float()
    topology = core.MeshTopology(faces.numpy(), is_cap.numpy(), places.contiguous().numpy())
    _prepared[surface.faces] = _Prepared(surface.is_cap, versions, topology)
    return topology


def version_of(tensor: Tensor) -> int:
    """Returns a number that changes when the tensor is written to; inference tensors count as never written."""
    return 0 if tensor.is_inference() else tensor._version


def narrowed(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Returns both as float32; float64 input is first moved near the origin, where float32 resolves it."""
    first, second = first.detach(), second.detach()
    if first.dtype == torch.float64 and second.shape[1] > 0:
        centre = (second.amin(dim=1, keepdim=True) + second.amax(dim=1, keepdim=True)) / 2
        first, second = first - centre, second - centre
    return first.float(), second.float()
