"""Penetration by a2p's own CUDA kernels, on the caller's stream and device.

Positions are narrowed to float32. Results are the same bits on every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.native import core
from a2p.penetration.backends.contract import Located, PenetrationValues, Surface
from a2p.penetration.loss import DepthLoss


def reason_unavailable(device: torch.device) -> str | None:
    """Returns why the kernels cannot handle tensors on `device` here, or None if they can."""
    if find_spec("a2p._cuda") is None:
        return "this build comes without it; install from source where nvcc is, with -C cmake.define.A2P_CUDA=ON."
    if device.type != "cuda":
        return "it handles CUDA tensors only; move them with .cuda()."
    if _native().device_count() == 0:
        return "no CUDA device or driver is found."
    return None


def _native() -> Any:
    return import_module("a2p._cuda")


@dataclass(frozen=True)
class _Uploaded:
    """A topology on one device."""

    topology: Any
    key: Tensor
    """The faces that this was made from; holding them keeps their address from being used again."""


_uploaded: dict[tuple[int, torch.device], _Uploaded] = {}


def _on_device(surface: Surface, vertices: Float[Tensor, "b v 3"]) -> Any:
    """Returns the topology in the device's memory, copied at its first use; the first pose tells neighbours."""
    key = (surface.faces.data_ptr(), vertices.device)
    if key not in _uploaded:
        faces = np.ascontiguousarray(surface.faces.cpu().numpy(), dtype=np.int64)
        is_cap = np.ascontiguousarray(surface.is_cap.cpu().numpy())
        rest = np.ascontiguousarray(vertices[0].cpu().numpy())
        topology = _native().DeviceTopology(core.MeshTopology(faces, is_cap, rest))
        _uploaded[key] = _Uploaded(topology, surface.faces)
    return _uploaded[key].topology


def _workspace(bytes_needed: int, device: torch.device) -> Tensor:
    return torch.empty(bytes_needed, dtype=torch.uint8, device=device)


def penetration(
    vertices_a: Float[Tensor, "b va 3"],
    vertices_b: Float[Tensor, "b vb 3"],
    surface_a: Surface,
    surface_b: Surface,
    loss: DepthLoss,
) -> PenetrationValues:
    """Returns the depths both ways, the loss and its gradient."""
    a, b = (vertices.detach().to(torch.float32).contiguous() for vertices in (vertices_a, vertices_b))
    total = a.new_zeros(len(a), dtype=torch.float64)
    depth_a, depth_b = torch.zeros_like(a[..., 0]), torch.zeros_like(b[..., 0])
    gradient_a, gradient_b = torch.zeros_like(a), torch.zeros_like(b)
    if len(a) > 0:
        with torch.cuda.device(a.device):
            native, in_a, in_b = _native(), _on_device(surface_a, a), _on_device(surface_b, b)
            native.penetrate(
                in_a,
                in_b,
                a,
                b,
                loss_out=total,
                depth_a=depth_a,
                depth_b=depth_b,
                gradient_a=gradient_a,
                gradient_b=gradient_b,
                workspace=_workspace(native.penetration_workspace_bytes(in_a, in_b, len(a)), a.device),
                loss=loss.kind,
                scale=loss.scale,
                stream=torch.cuda.current_stream().cuda_stream,
            )
    return PenetrationValues(total, depth_a, depth_b, gradient_a, gradient_b)


def locate(points: Float[Tensor, "b p 3"], vertices: Float[Tensor, "b v 3"], surface: Surface) -> Located:
    """Returns the signed distance and the closest surface point of every point."""
    queries, poses = (tensor.detach().to(torch.float32).contiguous() for tensor in (points, vertices))
    distance = torch.full_like(queries[..., 0], torch.inf)
    face = torch.full_like(distance, -1, dtype=torch.int32)
    weights = torch.zeros_like(queries)
    if distance.numel() > 0:
        with torch.cuda.device(queries.device):
            native, mesh = _native(), _on_device(surface, poses)
            native.locate(
                mesh,
                queries,
                poses,
                distance=distance,
                face=face,
                weights=weights,
                workspace=_workspace(native.locate_workspace_bytes(mesh, len(poses)), queries.device),
                stream=torch.cuda.current_stream().cuda_stream,
            )
    return Located(distance, face, weights)
