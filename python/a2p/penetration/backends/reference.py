"""The definition of correct: every operation by brute force, in float64 PyTorch.

Inside is decided by a signed count of the faces that cross the ray from a point along +z: the winding number of a
closed mesh, an integer, which survives a hand that overlaps itself. A point is inside where it is positive. Cap faces
close the mesh for the sign and are excluded from the distance, so that no push leads out through the wrist.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from a2p.arrays import FaceMask, Faces
from a2p.penetration.backends.contract import Located, PenetrationValues, Surface
from a2p.penetration.loss import SQUARED, DepthLoss

MAX_TESTS = 1 << 16
"""Point-face tests that are held in memory at once."""

Points = Float[Tensor, "p 3"]
Mesh = Float[Tensor, "v 3"]


@dataclass(frozen=True)
class Closest:
    """Where on a mesh the closest point of each query lies. Equal distances go to the lowest face."""

    face: Int[Tensor, " p"]
    """Index into all faces, cap faces counted but never chosen; -1 if the mesh has no other."""
    weights: Float[Tensor, "p 3"]
    """Barycentric weights of the face's corners, each in [0, 1], summing to 1; they minimise the distance."""


def crossing_number(points: Points, vertices: Mesh, faces: Faces) -> Int[Tensor, " p"]:
    """Returns how many more faces each point's ray along +z leaves through than it enters through.

    For a closed mesh this is the winding number about the point. A ray through a vertex or an edge is decided as if the
    point lay at (x + e, y + e^2) with an infinitesimal e; corners with the same x and y are told apart by their index.
    Each shared edge is thus seen from one side by both of its faces, in any order of corners. A point on the surface
    counts as outside.
    """
    count = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    if len(faces) == 0 or len(points) == 0:
        return count
    lowest, highest = vertices.amin(dim=0), vertices.amax(dim=0)
    candidates = ((points >= lowest) & (points <= highest)).all(dim=-1).nonzero()[:, 0]
    for chunk in torch.split(candidates, max(1, MAX_TESTS // len(faces))):
        count[chunk] = _crossings(points[chunk].double(), vertices.double(), faces)
    return count


def _crossings(points: Points, vertices: Mesh, faces: Faces) -> Int[Tensor, " p"]:
    """Returns the signed count of the faces above each point."""
    sign, edges = face_over_column(points[:, None], vertices[faces], faces)
    above = vertices[faces][..., 2] - points[:, None, 2:]
    height = edges[..., 1] * above[..., 0] + edges[..., 2] * above[..., 1] + edges[..., 0] * above[..., 2]
    leaves, enters = (sign > 0) & (height > 0), (sign < 0) & (height <= 0)
    return leaves.sum(dim=1) - enters.sum(dim=1)


def face_over_column(
    points: Float[Tensor, "*n _"], corners: Float[Tensor, "*f 3 3"], faces: Int[Tensor, "*f 3"]
) -> tuple[Int[Tensor, "*m"], Float[Tensor, "*m 3"]]:
    """Returns how faces lie over the column (x, y) of points, and the edge functions, which weigh the opposite corners.

    1 if the column leaves the mesh through the face on its way along +z, -1 if it enters, 0 if it passes by. Leading
    dimensions broadcast. `edges[k]` belongs to the edge from corner k to k + 1; it is exactly antisymmetric in them.
    """
    x, y = corners[..., 0] - points[..., :1], corners[..., 1] - points[..., 1:2]
    edges = x * y.roll(-1, dims=-1) - y * x.roll(-1, dims=-1)
    left = torch.where(edges == 0, _tie(corners, faces), edges > 0)
    is_vertex = (faces == faces[..., :1]).all(dim=-1)  # three times one vertex: such a face covers no column
    sign = left.all(dim=-1).long() - (~left).all(dim=-1).long()
    return torch.where(is_vertex, torch.zeros_like(sign), sign), edges


def _tie(corners: Float[Tensor, "*f 3 3"], faces: Int[Tensor, "*f 3"]) -> Bool[Tensor, "*f 3"]:
    """Returns whether each edge turns left about a point that lies on its line, moved by (e, e^2)."""
    (start_x, start_y), (end_x, end_y) = corners[..., :2].unbind(-1), corners.roll(-1, dims=-2)[..., :2].unbind(-1)
    by_x = torch.where(start_x == end_x, faces < faces.roll(-1, dims=-1), start_x < end_x)
    return torch.where(start_y == end_y, by_x, start_y > end_y)


def winding_number(points: Points, vertices: Mesh, faces: Faces) -> Float[Tensor, " p"]:
    """Returns the solid angle of the mesh about each point over 4 pi; fractional where the mesh is open.

    Method: A. van Oosterom and J. Strackee, "The solid angle of a plane triangle", IEEE TBME 1983.
    """
    corners = vertices.double()[faces]
    parts = []
    for chunk in torch.split(points.double(), max(1, MAX_TESTS // max(1, len(faces)))):
        a, b, c = (corners - chunk[:, None, None]).unbind(dim=2)
        la, lb, lc = a.norm(dim=-1), b.norm(dim=-1), c.norm(dim=-1)
        volume = (a * torch.linalg.cross(b, c)).sum(dim=-1)
        spread = la * lb * lc + (a * b).sum(dim=-1) * lc + (b * c).sum(dim=-1) * la + (c * a).sum(dim=-1) * lb
        parts.append(torch.atan2(volume, spread).sum(dim=1) / (2 * torch.pi))
    return torch.cat(parts)


def closest_point(points: Points, vertices: Mesh, faces: Faces, is_cap: FaceMask) -> Closest:
    """Returns the closest surface point of each query. A degenerate face counts as the segment or point it covers."""
    surface = (~is_cap).nonzero()[:, 0]
    if len(surface) == 0:
        nowhere = torch.full((len(points),), -1, dtype=torch.int64, device=points.device)
        return Closest(nowhere, torch.zeros(len(points), 3, dtype=torch.float64, device=points.device))
    corners = vertices.double()[faces[surface]]
    chunks = torch.split(points.double(), max(1, MAX_TESTS // len(surface)))
    found = [_closest_of_all(chunk, corners) for chunk in chunks]
    face, weights = torch.cat([f for f, _ in found]), torch.cat([w for _, w in found])
    return Closest(surface[face], weights)


def _closest_of_all(points: Points, corners: Float[Tensor, "f 3 3"]) -> tuple[Int[Tensor, " p"], Float[Tensor, "p 3"]]:
    """Returns the lowest of the nearest triangles, and the weights in it."""
    weights = _closest_weights(points[:, None], corners)
    nearest = (weights[..., None] * corners).sum(dim=-2)
    squared = (points[:, None] - nearest).square().sum(dim=-1)
    index = torch.arange(len(corners), device=points.device).expand_as(squared)
    face = index.masked_fill(squared > squared.amin(dim=1, keepdim=True), len(corners)).amin(dim=1)
    return face, weights[torch.arange(len(points), device=points.device), face]


def _closest_weights(points: Float[Tensor, "p 1 3"], corners: Float[Tensor, "f 3 3"]) -> Float[Tensor, "p f 3"]:
    """Returns the weights of the closest point of every triangle: the best of its edges and its interior."""
    best, best_squared = None, None
    for k in range(3):
        start, along = corners[:, k], corners[:, (k + 1) % 3] - corners[:, k]
        length_squared = along.square().sum(dim=-1)
        scale = torch.where(length_squared > 0, length_squared, torch.ones_like(length_squared))
        share = (((points - start) * along).sum(dim=-1) / scale).clamp(0, 1)
        squared = (points - start - share[..., None] * along).square().sum(dim=-1)
        weights = torch.zeros(*share.shape, 3, dtype=share.dtype, device=share.device)
        weights[..., k], weights[..., (k + 1) % 3] = 1 - share, share
        if best is None or best_squared is None:
            best, best_squared = weights, squared
        else:
            best = torch.where((squared < best_squared)[..., None], weights, best)
            best_squared = torch.minimum(squared, best_squared)
    assert best is not None
    interior, is_interior = _interior_weights(points, corners)
    return torch.where(is_interior[..., None], interior, best)


def _interior_weights(
    points: Float[Tensor, "p 1 3"], corners: Float[Tensor, "f 3 3"]
) -> tuple[Float[Tensor, "p f 3"], Bool[Tensor, "p f"]]:
    """Returns the weights of the foot of the perpendicular, and whether it falls inside a triangle with an area."""
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = torch.linalg.cross(ab, ac)
    normal_squared = normal.square().sum(dim=-1)
    has_area = normal_squared > 0
    scaled = normal / torch.where(has_area, normal_squared, torch.ones_like(normal_squared))[:, None]
    ap = points - a
    wb = (torch.linalg.cross(ap, ac.expand_as(ap)) * scaled).sum(dim=-1)
    wc = (torch.linalg.cross(ab.expand_as(ap), ap) * scaled).sum(dim=-1)
    weights = torch.stack([1 - wb - wc, wb, wc], dim=-1)
    return weights, has_area & (weights >= 0).all(dim=-1)


def signed_distance(points: Points, vertices: Mesh, faces: Faces, is_cap: FaceMask) -> Float[Tensor, " p"]:
    """Returns the distance (m) to the surface, negative inside; infinite if the mesh has no surface but caps.

    Differentiable with respect to the points and the vertices; the gradient is zero on the surface itself.
    """
    points, vertices = points.double(), vertices.double()
    sign = torch.where(crossing_number(points.detach(), vertices.detach(), faces) > 0, -1.0, 1.0)
    closest = closest_point(points.detach(), vertices.detach(), faces, is_cap)
    squared = _squared_distance(points, vertices, faces, closest)
    positive = squared > 0
    distance = torch.where(positive, torch.where(positive, squared, torch.ones_like(squared)).sqrt(), squared)
    return torch.where(closest.face >= 0, sign * distance, torch.full_like(distance, torch.inf))


def _squared_distance(points: Points, vertices: Mesh, faces: Faces, closest: Closest) -> Float[Tensor, " p"]:
    """Returns the squared distances to the located surface points.

    The weights are constants: they minimise the distance, so its derivative does not feel theirs (envelope theorem).
    """
    corners = vertices[faces[closest.face]]
    return (points - (closest.weights[..., None] * corners).sum(dim=-2)).square().sum(dim=-1)


def penetration_loss(
    meshes: tuple[Float[Tensor, "_ 3"], Float[Tensor, "_ 3"]],
    surfaces: tuple[Surface, Surface],
    loss: DepthLoss = SQUARED,
) -> Float[Tensor, ""]:
    """Returns the summed penalty of the depths of all vertices of two meshes; autograd defines its gradient."""
    surfaces = (surfaces[0].on(meshes[0].device), surfaces[1].on(meshes[0].device))
    total = torch.zeros((), dtype=torch.float64, device=meshes[0].device)
    for mine, other in ((0, 1), (1, 0)):
        points, vertices = meshes[mine].double(), meshes[other].double()
        inside, closest = _located_inside(points.detach(), vertices.detach(), surfaces[other])
        total = total + loss(_squared_distance(points[inside], vertices, surfaces[other].faces, closest)).sum()
    return total


def _located_inside(
    points: Points, vertices: Float[Tensor, "v 3"], surface: Surface
) -> tuple[Int[Tensor, " i"], Closest]:
    """Returns which points lie inside a mesh that has a surface, and where on it they are closest to."""
    inside = (crossing_number(points, vertices, surface.faces) > 0).nonzero()[:, 0]
    closest = closest_point(points[inside], vertices, surface.faces, surface.is_cap)
    found = closest.face >= 0
    return inside[found], Closest(closest.face[found], closest.weights[found])


def reason_unavailable(_device: torch.device) -> str | None:
    """Returns None: the reference runs wherever PyTorch does."""
    return None


def penetration(
    vertices_a: Float[Tensor, "b va 3"],
    vertices_b: Float[Tensor, "b vb 3"],
    surface_a: Surface,
    surface_b: Surface,
    loss: DepthLoss,
) -> PenetrationValues:
    """Returns the depths both ways, the loss and its gradient in float64.

    The gradient is the one that autograd derives from `penetration_loss`, written out, since PyTorch runs no autograd
    within an operator.
    """
    meshes = (vertices_a.detach().double(), vertices_b.detach().double())
    surfaces = (surface_a.on(meshes[0].device), surface_b.on(meshes[0].device))
    depths = tuple(torch.zeros_like(mesh[..., 0]) for mesh in meshes)
    gradients = tuple(torch.zeros_like(mesh) for mesh in meshes)
    losses = meshes[0].new_zeros(len(meshes[0]))
    for i in range(len(losses)):
        for mine, other in ((0, 1), (1, 0)):
            points, vertices, faces = meshes[mine][i], meshes[other][i], surfaces[other].faces
            inside, closest = _located_inside(points, vertices, surfaces[other])
            corners = faces[closest.face]
            offset = points[inside] - (closest.weights[..., None] * vertices[corners]).sum(dim=-2)
            squared = offset.square().sum(dim=-1)
            losses[i] += loss(squared).sum()
            depths[mine][i, inside] = squared.sqrt()
            pull = loss.slope(squared)[:, None] * offset
            gradients[mine][i, inside] += pull
            share = -closest.weights[..., None] * pull[:, None]
            gradients[other][i].index_add_(0, corners.flatten(), share.flatten(0, 1))
    return PenetrationValues(losses, *depths, *gradients)


def locate(points: Float[Tensor, "b p 3"], vertices: Float[Tensor, "b v 3"], surface: Surface) -> Located:
    """Returns the signed distance and the closest surface point of every point, in float64."""
    p, v, surface = points.detach().double(), vertices.detach().double(), surface.on(points.device)
    distance = p.new_empty(p.shape[:2])
    face = torch.empty(p.shape[:2], dtype=torch.int64, device=p.device)
    weights = torch.empty_like(p)
    for i in range(len(p)):
        distance[i] = signed_distance(p[i], v[i], surface.faces, surface.is_cap)
        closest = closest_point(p[i], v[i], surface.faces, surface.is_cap)
        face[i], weights[i] = closest.face, closest.weights
    return Located(distance, face, weights)
