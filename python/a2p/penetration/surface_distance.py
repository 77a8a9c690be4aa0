"""The smallest distance between two surfaces."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.arrays import FaceMask, Faces
from a2p.native import core
from a2p.penetration.backends.reference import closest_point
from a2p.penetration.measures import MeasureBackend, indices, positions, runs_native

_Edges = Float[Tensor, "n 2 3"]
_CHUNK = 1 << 20


def minimum_surface_distance(
    meshes: tuple[Float[Tensor, "_ 3"], Float[Tensor, "_ 3"]],
    faces: tuple[Int[Tensor, "_ 3"], Int[Tensor, "_ 3"]],
    is_cap: tuple[Bool[Tensor, " _"], Bool[Tensor, " _"]],
    *,
    backend: MeasureBackend = "auto",
) -> Float[Tensor, ""]:
    """Returns the smallest distance (m) from a point of one surface to a point of the other, 0 where they cross.

    Caps are no surface. In float64, without gradient. The smallest distance of two triangles is from a corner to a
    face or between two edges, unless an edge crosses a face.
    """
    if not runs_native(backend, *meshes):
        device = meshes[0].device
        return _reference_distance(
            (meshes[0].detach().double(), meshes[1].detach().double()),
            (faces[0].to(device), faces[1].to(device)),
            (is_cap[0].to(device), is_cap[1].to(device)),
        )
    surfaces = [indices(corners[~cap]) for corners, cap in zip(faces, is_cap, strict=True)]
    gap = core.surface_distance(positions(meshes[0]), surfaces[0], positions(meshes[1]), surfaces[1])
    return torch.tensor(gap, dtype=torch.float64)


def _reference_distance(
    meshes: tuple[Float[Tensor, "_ 3"], Float[Tensor, "_ 3"]],
    faces: tuple[Int[Tensor, "_ 3"], Int[Tensor, "_ 3"]],
    is_cap: tuple[Bool[Tensor, " _"], Bool[Tensor, " _"]],
) -> Float[Tensor, ""]:
    """Returns the same in PyTorch."""
    a, b = meshes
    best = torch.minimum(_to_surface(a, b, faces[0], faces[1], is_cap), _to_surface(b, a, *faces[::-1], is_cap[::-1]))
    edges_a, edges_b = a[_unique_edges(faces[0], is_cap[0])], b[_unique_edges(faces[1], is_cap[1])]
    best = torch.minimum(best, _between_edges(edges_a, edges_b, best))
    triangles_a, triangles_b = a[faces[0][~is_cap[0]]], b[faces[1][~is_cap[1]]]
    if _any_crossing(edges_a, triangles_b) or _any_crossing(edges_b, triangles_a):
        return torch.zeros_like(best)
    return best


def _to_surface(
    points: Float[Tensor, "p 3"],
    vertices: Float[Tensor, "v 3"],
    own_faces: Int[Tensor, "g 3"],
    faces: Int[Tensor, "f 3"],
    is_cap: tuple[Bool[Tensor, " g"], Bool[Tensor, " f"]],
) -> Float[Tensor, ""]:
    """Returns the smallest distance from a vertex of one surface to the other surface; infinite without surface."""
    points = points[torch.unique(own_faces[~is_cap[0]])]
    if len(points) == 0 or bool(is_cap[1].all()):
        return torch.full((), torch.inf, dtype=torch.float64, device=points.device)
    closest = closest_point(points, vertices, faces, is_cap[1])
    nearest = (closest.weights[..., None] * vertices[faces[closest.face]]).sum(dim=-2)
    distance: Tensor = torch.linalg.vector_norm(points - nearest, dim=-1)
    return distance.amin()


def _unique_edges(faces: Faces, is_cap: FaceMask) -> Int[Tensor, "n 2"]:
    """Returns each edge of the surface once."""
    surface = faces[~is_cap]
    directed = torch.stack([surface, surface.roll(-1, dims=1)], dim=-1).flatten(0, 1)
    edges: Tensor = torch.unique(directed.sort(dim=-1).values, dim=0)
    return edges


def _near_pairs(first: Float[Tensor, "n k 3"], second: Float[Tensor, "m l 3"], reach: Tensor) -> Int[Tensor, "q 2"]:
    """Returns the pairs of point sets whose bounding balls come within `reach`."""
    centre_1, centre_2 = first.mean(dim=1), second.mean(dim=1)
    radius_1 = torch.linalg.vector_norm(first - centre_1[:, None], dim=-1).amax(dim=1)
    radius_2 = torch.linalg.vector_norm(second - centre_2[:, None], dim=-1).amax(dim=1)
    gap = torch.cdist(centre_1, centre_2) - radius_1[:, None] - radius_2
    # cdist may expand the square; what it loses is far below a millionth of the extent.
    slack = 1e-6 * (centre_1.abs().amax() + centre_2.abs().amax() + reach)
    return torch.nonzero(gap <= reach + slack)


def _between_edges(first: _Edges, second: Float[Tensor, "m 2 3"], reach: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Returns the smallest distance between two edges, as far as it is below `reach`.

    Method: C. Ericson, Real-Time Collision Detection, 2005, sec. 5.1.9.
    """
    if len(first) == 0 or len(second) == 0:
        return reach
    best = reach
    for pairs in torch.split(_near_pairs(first, second, reach), _CHUNK):
        p, q = first[pairs[:, 0]], second[pairs[:, 1]]
        u, v, w = p[:, 1] - p[:, 0], q[:, 1] - q[:, 0], p[:, 0] - q[:, 0]
        uu, vv, uv = u.square().sum(-1), v.square().sum(-1), (u * v).sum(-1)
        uw, vw = (u * w).sum(-1), (v * w).sum(-1)
        determinant = uu * vv - uv * uv
        s = _divide(uv * vw - uw * vv, determinant).clamp(0, 1)
        t = _divide(uv * s + vw, vv).clamp(0, 1)
        s = _divide(uv * t - uw, uu).clamp(0, 1)
        distance = torch.linalg.vector_norm(w + s[:, None] * u - t[:, None] * v, dim=-1)
        if len(distance) > 0:
            best = torch.minimum(best, distance.amin())
    return best


def _divide(numerator: Float[Tensor, " q"], denominator: Float[Tensor, " q"]) -> Float[Tensor, " q"]:
    """Returns the quotient, 0 where the denominator is not positive."""
    positive = denominator > 0
    return torch.where(positive, numerator / torch.where(positive, denominator, 1.0), 0.0)


def _any_crossing(edges: _Edges, triangles: Float[Tensor, "m 3 3"]) -> bool:
    """Returns whether an edge passes through a triangle (T. Moeller and B. Trumbore, 1997)."""
    if len(edges) == 0 or len(triangles) == 0:
        return False
    touching = torch.zeros((), dtype=edges.dtype, device=edges.device)
    for pairs in torch.split(_near_pairs(edges, triangles, touching), _CHUNK):
        edge, triangle = edges[pairs[:, 0]], triangles[pairs[:, 1]]
        origin, along = edge[:, 0], edge[:, 1] - edge[:, 0]
        ab, ac, offset = triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0], origin - triangle[:, 0]
        normal = torch.linalg.cross(ab, ac)
        slope = -(along * normal).sum(-1)
        sign = slope.sign()
        turn = torch.linalg.cross(offset, along)
        height = (offset * normal).sum(-1) * sign
        b, c = (ac * turn).sum(-1) * sign, -(ab * turn).sum(-1) * sign
        size = slope.abs()
        if bool(((size > 0) & (height >= 0) & (height <= size) & (b >= 0) & (c >= 0) & (b + c <= size)).any()):
            return True
    return False
