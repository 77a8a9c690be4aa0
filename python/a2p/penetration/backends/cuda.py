"""Penetration by a2p's own CUDA kernels, on the caller's stream and device.

Positions are narrowed to float32. Results are the same bits on every run.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.native import core
from a2p.penetration.backends.contract import Located, PenetrationValues, Surface
from a2p.penetration.backends.prepared import narrowed, native_topology
from a2p.penetration.loss import DepthLoss


def reason_unavailable(device: torch.device) -> str | None:
    """Returns why the kernels cannot handle tensors on `device` here, or None if they can."""
    if find_spec("a2p._cuda") is None:
        return "this build comes without it; install from source where nvcc is, with -C cmake.define.A2P_CUDA=ON."
    if device.type != "cuda":
        return "it handles CUDA tensors only; move them with .cuda()."
    if native().device_count() == 0:
        return "no CUDA device or driver is found."
    return None


def native() -> Any:
    """Returns the extension module."""
    return import_module("a2p._cuda")


@lru_cache(maxsize=64)
def uploaded(topology: core.MeshTopology, device: torch.device) -> Any:
    """Returns the topology in the memory of `device`, copied at its first use."""
    with torch.cuda.device(device):
        return native().DeviceTopology(topology)


def workspace(bytes_needed: int, device: torch.device) -> Tensor:
    """Returns device memory that the current stream may write to."""
    return torch.empty(bytes_needed, dtype=torch.uint8, device=device)


def penetration(
    vertices_a: Float[Tensor, "b va 3"],
    vertices_b: Float[Tensor, "b vb 3"],
    surface_a: Surface,
    surface_b: Surface,
    loss: DepthLoss,
) -> PenetrationValues:
    """Returns the depths both ways, the loss (float64) and its gradient."""
    a, b = (vertices.contiguous() for vertices in narrowed(vertices_a, vertices_b))
    total = torch.empty(len(a), dtype=torch.float64, device=a.device)
    depth_a, depth_b = torch.empty(a.shape[:2], device=a.device), torch.empty(b.shape[:2], device=b.device)
    gradient_a, gradient_b = torch.empty_like(a), torch.empty_like(b)
    if len(a) > 0:
        in_a = uploaded(native_topology(surface_a, a.shape[1]), a.device)
        in_b = uploaded(native_topology(surface_b, b.shape[1]), b.device)
        with torch.cuda.device(a.device):
            native().penetrate(
                in_a,
                in_b,
                a,
                b,
                loss_out=total,
                depth_a=depth_a,
                depth_b=depth_b,
                gradient_a=gradient_a,
                gradient_b=gradient_b,
                workspace=workspace(native().penetration_workspace_bytes(in_a, in_b, len(a)), a.device),
                loss=loss.kind,
                scale=loss.scale,
                stream=torch.cuda.current_stream().cuda_stream,
            )
    return PenetrationValues(total, depth_a, depth_b, gradient_a, gradient_b)


def locate(points: Float[Tensor, "b p 3"], vertices: Float[Tensor, "b v 3"], surface: Surface) -> Located:
    """Returns the signed distance and the closest surface point of every point."""
    queries, poses = (tensor.contiguous() for tensor in narrowed(points, vertices))
    distance = torch.empty(queries.shape[:2], device=queries.device)
    face = torch.empty_like(distance, dtype=torch.int32)
    weights = torch.empty_like(queries)
    if distance.numel() > 0:
        mesh = uploaded(native_topology(surface, poses.shape[1]), queries.device)
        with torch.cuda.device(queries.device):
            native().locate(
                mesh,
                queries,
                poses,
                distance=distance,
                face=face,
                weights=weights,
                workspace=workspace(native().locate_workspace_bytes(mesh, len(poses)), queries.device),
                stream=torch.cuda.current_stream().cuda_stream,
            )
    return Located(distance, face, weights)
