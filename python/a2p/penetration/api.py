"""How deep two meshes lie in each other, and how far points are from a mesh."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import ShapeError
from a2p.hand.topology import Topology
from a2p.interchange import AnyArray, as_tensor
from a2p.penetration import operators
from a2p.penetration.dispatch import BackendName, resolve
from a2p.penetration.loss import SQUARED, DepthLoss


@dataclass(frozen=True)
class PenetrationDepth:
    """How deep every vertex of two meshes lies in the other mesh. Leading dimensions are those of the input."""

    depth_a: Float[Tensor, "*b va"]
    """Depth (m) of the vertices of the first mesh in the second, 0 outside; without gradient."""
    depth_b: Float[Tensor, "*b vb"]
    """Depth (m) of the vertices of the second mesh in the first."""
    loss: Float[Tensor, "*b"]
    """The summed penalty of a pair, differentiable once with respect to the vertices of both meshes."""
    backend: str
    """The backend that ran."""


def penetration_depth(
    vertices_a: AnyArray,
    vertices_b: AnyArray,
    topology_a: Topology,
    topology_b: Topology,
    *,
    loss: DepthLoss = SQUARED,
    backend: BackendName = "auto",
) -> PenetrationDepth:
    """Returns how deep the vertices (..., v, 3) of two meshes lie in each other, exactly, and a loss with its gradient.

    The depth of a vertex inside the other mesh is its distance to that mesh's surface without caps. Inside is where the
    closed mesh winds a positive number of times, also where it overlaps itself; a vertex on the surface is outside. The
    gradient takes the closest surface point as fixed to its triangle, which is exact wherever one point is closest.

    Positions are torch tensors, numpy arrays, or arrays of any library that shares memory by DLPack,
    `__cuda_array_interface__` or `__array_interface__`; nothing is copied. What comes back are torch tensors on the
    same device: `numpy.asarray`, or `from_dlpack` of the caller's library, takes them without a copy.
    """
    a, b = _positions("vertices_a", vertices_a), _positions("vertices_b", vertices_b)
    _require_alike("vertices_b", b, "vertices_a", a)
    if a.shape[:-2] != b.shape[:-2]:
        raise ShapeError(
            f"vertices_a and vertices_b must have the same leading dimensions; got {tuple(a.shape)} and "
            f"{tuple(b.shape)}. Expand the one that is shared."
        )
    _require_count("vertices_a", a, topology_a)
    _require_count("vertices_b", b, topology_b)
    chosen = resolve(backend, a.device.type)
    total, depth_a, depth_b, _, _ = operators.evaluate_penetration(
        _flattened(a),
        _flattened(b),
        topology_a.faces,
        topology_a.is_cap,
        topology_b.faces,
        topology_b.is_cap,
        loss.kind,
        loss.scale,
        chosen,
    )
    depth_a, depth_b = depth_a.detach(), depth_b.detach()
    if a.dim() != 3:
        depth_a, depth_b = depth_a.reshape(a.shape[:-1]), depth_b.reshape(b.shape[:-1])
        total = total.reshape(a.shape[:-2])
    return PenetrationDepth(depth_a, depth_b, total, chosen)


def signed_distance(
    points: AnyArray,
    vertices: AnyArray,
    topology: Topology,
    *,
    backend: BackendName = "auto",
) -> Float[Tensor, "*b p"]:
    """Returns the distance (m) of points (..., p, 3) to the surface of a mesh, negative inside; caps are no surface.

    Differentiable once with respect to points and vertices; on the surface itself the gradient is zero. Takes and
    returns the same kinds of arrays as `penetration_depth`.
    """
    p, v = _positions("points", points), _positions("vertices", vertices)
    _require_alike("vertices", v, "points", p)
    if p.shape[:-2] != v.shape[:-2]:
        raise ShapeError(
            f"points and vertices must have the same leading dimensions; got {tuple(p.shape)} and {tuple(v.shape)}. "
            "Expand the one that is shared."
        )
    _require_count("vertices", v, topology)
    distance = operators.evaluate_locate(
        _flattened(p),
        _flattened(v),
        topology.faces,
        topology.is_cap,
        resolve(backend, p.device.type),
    )[0]
    return distance if p.dim() == 3 else distance.reshape(p.shape[:-1])


def _flattened(positions: Tensor) -> Tensor:
    """Returns the positions with one batch dimension; they are left alone where they have it, for autograd's sake."""
    return positions if positions.dim() == 3 else positions.reshape(-1, *positions.shape[-2:])


def _positions(name: str, value: AnyArray) -> Tensor:
    """Returns positions as a tensor that shares the memory of the input; its values are checked where they are read."""
    tensor = as_tensor(name, value)
    if tensor.dim() < 2 or tensor.shape[-1] != 3:
        raise ShapeError(
            f"{name} must have shape (..., n, 3), in metres; got {tuple(tensor.shape)}. "
            "Drop a homogeneous coordinate with [..., :3]."
        )
    if tensor.dtype not in (torch.float32, torch.float64):
        raise ShapeError(f"{name} must be float32 or float64; got {tensor.dtype}. Convert it first.")
    return tensor


def _require_alike(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    if tensor.dtype != other.dtype or tensor.device != other.device:
        raise ShapeError(
            f"{other_name} and {name} must share dtype and device; got {other.dtype} on {other.device} and "
            f"{tensor.dtype} on {tensor.device}. Convert one with .to()."
        )


def _require_count(name: str, vertices: Tensor, topology: Topology) -> None:
    if vertices.shape[-2] != topology.vertex_count:
        raise ShapeError(
            f"{name} must hold the {topology.vertex_count} vertices of its topology; got {vertices.shape[-2]}. "
            "Check that the two belong together."
        )
