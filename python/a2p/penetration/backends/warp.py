"""Penetration by NVIDIA Warp, on the CPU and on CUDA devices; the optional extra a2p-hands[warp].

Positions are narrowed to float32. The gradient is formed by the kernels, for both meshes: Warp's own adjoint of a point
on a mesh does not reach the mesh's vertices. On CUDA it is summed atomically, in no fixed order.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from a2p.penetration.backends.contract import Located, PenetrationValues, Surface
from a2p.penetration.backends.prepared import version_of
from a2p.penetration.loss import DepthLoss

_LOSS_KINDS = {"squared": 0, "huber": 1, "gmof": 2}
_lock = threading.Lock()
"""Held while meshes are refitted and queried: they are kept from call to call."""


def reason_unavailable(device: torch.device) -> str | None:
    """Returns why Warp cannot handle tensors on `device` here, or None if it can."""
    if find_spec("warp") is None:
        return "Warp is not installed; pip install 'a2p-hands[warp]'."
    if device.type not in ("cpu", "cuda"):
        return "Warp handles CPU and CUDA tensors only."
    if device.type == "cuda" and not _warp().is_cuda_available():
        return "Warp finds no CUDA driver."
    return None


@lru_cache(maxsize=1)
def _warp() -> Any:
    """Returns Warp, initialised without its banner and its news of compiled kernels."""
    wp: Any = import_module("warp")
    if hasattr(wp.config, "log_level"):
        wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
    else:  # before Warp 1.13
        wp.config.quiet = True
    wp.init()
    return wp


@lru_cache(maxsize=1)
def _kernels() -> Any:
    _warp()
    from a2p.penetration.backends import warp_kernels

    return warp_kernels


@dataclass(frozen=True)
class _OrderedSurface:
    """The faces with those that are surface first, as Warp's kernels want them, and what they were made from."""

    faces: Tensor
    surface_count: int
    original: Tensor
    """Where each face stood."""
    is_cap: Tensor
    versions: tuple[int, int]
    meshes: list[Any] = field(default_factory=list)
    """One for each pose of the largest batch so far, refitted again and again."""


_surfaces: Any = WeakTensorKeyDictionary()
"""Faces to their order on each device, for as long as the faces live."""


def _ordered(surface: Surface, device: torch.device) -> _OrderedSurface:
    on_devices = _surfaces.setdefault(surface.faces, {})
    known: _OrderedSurface | None = on_devices.get(str(device))
    versions = version_of(surface.faces), version_of(surface.is_cap)
    if known is not None and known.is_cap is surface.is_cap and known.versions == versions:
        return known
    order = torch.argsort(surface.is_cap.to(torch.int8), stable=True)
    faces = surface.faces[order].to(device=device, dtype=torch.int32).contiguous()
    count = int((~surface.is_cap).sum())
    ordered = _OrderedSurface(faces, count, order.to(device), surface.is_cap, versions)
    on_devices[str(device)] = ordered
    return ordered


def _posed(vertices: Tensor, ordered: _OrderedSurface) -> Any:
    """Returns the batch's meshes, refitted to their poses."""
    wp, kernels = _warp(), _kernels()
    meshes = ordered.meshes
    for i, pose in enumerate(vertices):
        points = wp.from_torch(pose, dtype=wp.vec3)
        if i == len(meshes):
            indices = wp.from_torch(ordered.faces[: ordered.surface_count].flatten(), dtype=wp.int32)
            meshes.append(wp.Mesh(points=wp.clone(points), indices=indices))
        else:
            wp.copy(meshes[i].points, points)
            meshes[i].refit()
    mesh = kernels.Mesh()
    mesh.ids = wp.array([mesh.id for mesh in meshes[: len(vertices)]], dtype=wp.uint64)
    mesh.vertices = wp.from_torch(vertices.flatten(0, 1), dtype=wp.vec3)
    mesh.vertex_count = vertices.shape[1]
    mesh.faces = wp.from_torch(ordered.faces, dtype=wp.vec3i)
    mesh.surface_count = ordered.surface_count
    return mesh


def penetration(
    vertices_a: Float[Tensor, "b va 3"],
    vertices_b: Float[Tensor, "b vb 3"],
    surface_a: Surface,
    surface_b: Surface,
    loss: DepthLoss,
) -> PenetrationValues:
    """Returns the depths both ways, the loss and its gradient."""
    wp, kernels = _warp(), _kernels()
    clouds = [v.detach().to(torch.float32).contiguous() for v in (vertices_a, vertices_b)]
    depths = [torch.zeros_like(cloud[..., 0]) for cloud in clouds]
    shares = [torch.zeros_like(depth, dtype=torch.float64) for depth in depths]
    gradients = [torch.zeros_like(cloud) for cloud in clouds]
    ordered = [_ordered(surface, clouds[0].device) for surface in (surface_a, surface_b)]
    with _lock, _on(clouds[0].device):
        for mine, other in ((0, 1), (1, 0)):
            if len(clouds[0]) == 0 or ordered[other].surface_count == 0:
                continue
            inputs = [clouds[mine].flatten(0, 1), clouds[mine].shape[1], _posed(clouds[other], ordered[other])]
            outputs = [depths[mine].flatten(), shares[mine].flatten()]
            outputs += [gradients[mine].flatten(0, 1), gradients[other].flatten(0, 1)]
            wp.launch(
                kernels.penetrate,
                dim=depths[mine].numel(),
                inputs=[*_wrapped(inputs), _LOSS_KINDS[loss.kind], loss.scale],
                outputs=_wrapped(outputs),
                device=wp.device_from_torch(clouds[0].device),
            )
    total = shares[0].sum(dim=1) + shares[1].sum(dim=1)
    return PenetrationValues(total, depths[0], depths[1], gradients[0], gradients[1])


def locate(points: Float[Tensor, "b p 3"], vertices: Float[Tensor, "b v 3"], surface: Surface) -> Located:
    """Returns the signed distance and the closest surface point of every point."""
    wp, kernels = _warp(), _kernels()
    queries, poses = (tensor.detach().to(torch.float32).contiguous() for tensor in (points, vertices))
    ordered = _ordered(surface, queries.device)
    distance = torch.full_like(queries[..., 0], torch.inf)
    face = torch.full_like(distance, -1, dtype=torch.int32)
    weights = torch.zeros_like(queries)
    if distance.numel() == 0 or ordered.surface_count == 0:
        return Located(distance, face, weights)
    with _lock, _on(queries.device):
        wp.launch(
            kernels.locate,
            dim=distance.numel(),
            inputs=_wrapped([queries.flatten(0, 1), queries.shape[1], _posed(poses, ordered)]),
            outputs=_wrapped([distance.flatten(), face.flatten(), weights.flatten(0, 1)]),
            device=wp.device_from_torch(queries.device),
        )
    return Located(distance, ordered.original[face.long()], weights)


def _on(device: torch.device) -> Any:
    """Returns the context in which Warp works on PyTorch's current device and stream."""
    wp = _warp()
    if device.type == "cuda":
        return wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(device)))
    return wp.ScopedDevice("cpu")


def _wrapped(arguments: list[Any]) -> list[Any]:
    """Returns the arguments with tensors seen as Warp arrays, rows of three as vectors."""
    wp = _warp()
    return [
        wp.from_torch(argument, dtype=wp.vec3 if argument.dim() == 2 else None)
        if isinstance(argument, Tensor)
        else argument
        for argument in arguments
    ]
