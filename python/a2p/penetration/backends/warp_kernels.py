"""The Warp kernels: a thread a point, on the CPU and on CUDA devices alike.

Positions are float32; signs are decided and weights are found in float64, with the reference's arithmetic. Products are
not contracted, so that an edge function is exactly antisymmetric.
"""

# No postponed annotations here: Warp reads them as objects. Its types mean nothing to a checker of Python's:
# mypy: ignore-errors
from typing import TypeVar

import warp as wp

Definition = TypeVar("Definition")

wp.set_module_options({"enable_backward": False, "fuse_fp": False})

SQUARED = wp.constant(0)
HUBER = wp.constant(1)
GMOF = wp.constant(2)


def no_type_check(definition: Definition) -> Definition:
    """Returns the definition; the name tells jaxtyping's import hook not to replace it.

    `typing.no_type_check` would hide the annotations from Warp as well.
    """
    return definition


@wp.struct
@no_type_check
class Mesh:
    """The posed meshes of a batch, which share their faces. Faces that only close the mesh come last."""

    ids: wp.array(dtype=wp.uint64)  # (b) one wp.Mesh each, of the faces that are surface
    vertices: wp.array(dtype=wp.vec3)  # (b * v)
    vertex_count: int
    faces: wp.array(dtype=wp.vec3i)  # (f)
    surface_count: int


@wp.func
@no_type_check
def as_double(p: wp.vec3) -> wp.vec3d:
    """Returns the position in float64."""
    return wp.vec3d(wp.float64(p[0]), wp.float64(p[1]), wp.float64(p[2]))


@wp.func
@no_type_check
def edge_function(p: wp.vec3d, a: wp.vec3d, b: wp.vec3d) -> wp.float64:
    """Returns twice the area that p spans with the edge in x and y; negated, exactly, if the edge is reversed."""
    return (a[0] - p[0]) * (b[1] - p[1]) - (a[1] - p[1]) * (b[0] - p[0])


@wp.func
@no_type_check
def turns_left(edge: wp.float64, a: wp.vec3d, b: wp.vec3d, a_index: int, b_index: int) -> bool:
    """Decides a tie as if the point lay at (x + e, y + e^2), corners with the same x and y by their index."""
    zero = wp.float64(0.0)
    if edge != zero:
        return edge > zero
    if a[1] != b[1]:
        return a[1] > b[1]
    if a[0] != b[0]:
        return a[0] < b[0]
    return a_index < b_index


@wp.func
@no_type_check
def crossing(p: wp.vec3d, mesh: Mesh, first: int, face: int) -> int:
    """Returns 1 if the ray from p along +z leaves through the face, -1 if it enters, 0 if it does not meet it."""
    corner = mesh.faces[face]
    a = as_double(mesh.vertices[first + corner[0]])
    b = as_double(mesh.vertices[first + corner[1]])
    c = as_double(mesh.vertices[first + corner[2]])
    ab = edge_function(p, a, b)
    bc = edge_function(p, b, c)
    ca = edge_function(p, c, a)
    left = turns_left(ab, a, b, corner[0], corner[1])
    if turns_left(bc, b, c, corner[1], corner[2]) != left or turns_left(ca, c, a, corner[2], corner[0]) != left:
        return 0
    height = bc * (a[2] - p[2]) + ca * (b[2] - p[2]) + ab * (c[2] - p[2])
    if left and height > wp.float64(0.0):
        return 1
    if not left and height <= wp.float64(0.0):
        return -1
    return 0


@wp.func
@no_type_check
def is_inside(p: wp.vec3, mesh: Mesh, pair: int) -> bool:
    """Returns whether the closed mesh winds a positive number of times about p."""
    count = wp.int32(0)
    first = pair * mesh.vertex_count
    point = as_double(p)
    face = wp.int32(0)
    query = wp.mesh_query_aabb(mesh.ids[pair], p, wp.vec3(p[0], p[1], wp.inf))
    while wp.mesh_query_aabb_next(query, face):
        count += crossing(point, mesh, first, face)
    for cap in range(mesh.surface_count, mesh.faces.shape[0]):
        count += crossing(point, mesh, first, cap)
    return count > 0


@wp.func
@no_type_check
def on_segment(p: wp.vec3d, a: wp.vec3d, b: wp.vec3d) -> wp.float64:
    """Returns how far along the segment its closest point lies, in [0, 1]; 0 for a segment without length."""
    along = b - a
    length_squared = wp.dot(along, along)
    if length_squared > wp.float64(0.0):
        return wp.clamp(wp.dot(p - a, along) / length_squared, wp.float64(0.0), wp.float64(1.0))
    return wp.float64(0.0)


@wp.func
@no_type_check
def closest_weights(p: wp.vec3d, a: wp.vec3d, b: wp.vec3d, c: wp.vec3d) -> wp.vec3d:
    """Returns the barycentric weights of the triangle's closest point; a degenerate one is the segment it covers."""
    zero = wp.float64(0.0)
    one = wp.float64(1.0)
    normal = wp.cross(b - a, c - a)
    area_squared = wp.dot(normal, normal)
    if area_squared > zero:
        wb = wp.dot(wp.cross(p - a, c - a), normal) / area_squared
        wc = wp.dot(wp.cross(b - a, p - a), normal) / area_squared
        if wb >= zero and wc >= zero and one - wb - wc >= zero:
            return wp.vec3d(one - wb - wc, wb, wc)
    ab = on_segment(p, a, b)
    bc = on_segment(p, b, c)
    ca = on_segment(p, c, a)
    best = wp.vec3d(one - ab, ab, zero)
    best_squared = wp.length_sq(p - a - ab * (b - a))
    squared = wp.length_sq(p - b - bc * (c - b))
    if squared < best_squared:
        best_squared = squared
        best = wp.vec3d(zero, one - bc, bc)
    if wp.length_sq(p - c - ca * (a - c)) < best_squared:
        best = wp.vec3d(ca, zero, one - ca)
    return best


@wp.struct
@no_type_check
class Closest:
    """The closest surface point: its face, the weights of the face's corners, and the way from there to the query."""

    face: int
    weights: wp.vec3d
    offset: wp.vec3d


@wp.func
@no_type_check
def closest_on(p: wp.vec3, mesh: Mesh, pair: int) -> Closest:
    """Returns the closest surface point; equal distances go to one of the faces. Requires a mesh with surface."""
    found = Closest()
    query = wp.mesh_query_point_no_sign(mesh.ids[pair], p, wp.inf)
    found.face = query.face
    corner = mesh.faces[query.face]
    first = pair * mesh.vertex_count
    a = as_double(mesh.vertices[first + corner[0]])
    b = as_double(mesh.vertices[first + corner[1]])
    c = as_double(mesh.vertices[first + corner[2]])
    point = as_double(p)
    w = closest_weights(point, a, b, c)
    found.weights = w
    found.offset = (point - a) - w[1] * (b - a) - w[2] * (c - a)
    return found


@wp.func
@no_type_check
def penalty(kind: int, scale: wp.float64, squared: wp.float64) -> wp.vec2d:
    """Returns phi(d) and phi'(d) / d, given d^2: `DepthLoss` states them."""
    scale_squared = scale * scale
    two = wp.float64(2.0)
    if kind == GMOF:
        total = squared + scale_squared
        return wp.vec2d(squared / total, two * scale_squared / (total * total))
    if kind == HUBER and squared > scale_squared:
        depth = wp.sqrt(squared)
        return wp.vec2d(scale * (depth - scale / two), scale / depth)
    return wp.vec2d(squared / two, wp.float64(1.0))


@wp.func
@no_type_check
def as_float(p: wp.vec3d) -> wp.vec3:
    """Returns the position in float32."""
    return wp.vec3(wp.float32(p[0]), wp.float32(p[1]), wp.float32(p[2]))


@wp.kernel
@no_type_check
def penetrate(  # noqa: PLR0913 (a kernel takes its outputs too)
    # in
    points: wp.array(dtype=wp.vec3),  # (b * p)
    point_count: int,
    mesh: Mesh,
    loss_kind: int,
    loss_scale: wp.float64,
    # out, zero on entry
    depth: wp.array(dtype=wp.float32),  # (b * p)
    loss: wp.array(dtype=wp.float64),  # (b * p) each point's share
    points_gradient: wp.array(dtype=wp.vec3),  # (b * p)
    vertices_gradient: wp.array(dtype=wp.vec3),  # (b * v)
):
    """Adds the depth, the penalty and its gradient of every point that lies inside its mesh."""
    i = wp.tid()
    pair = i // point_count
    p = points[i]
    if not is_inside(p, mesh, pair):
        return
    closest = closest_on(p, mesh, pair)
    squared = wp.length_sq(closest.offset)
    value = penalty(loss_kind, loss_scale, squared)
    depth[i] = wp.float32(wp.sqrt(squared))
    loss[i] = value[0]
    pull = value[1] * closest.offset
    wp.atomic_add(points_gradient, i, as_float(pull))
    corner = mesh.faces[closest.face]
    first = pair * mesh.vertex_count
    for k in range(3):
        wp.atomic_sub(vertices_gradient, first + corner[k], as_float(closest.weights[k] * pull))


@wp.kernel
@no_type_check
def locate(
    # in
    points: wp.array(dtype=wp.vec3),  # (b * p)
    point_count: int,
    mesh: Mesh,
    # out
    distance: wp.array(dtype=wp.float32),  # (b * p) negative inside
    face: wp.array(dtype=wp.int32),  # (b * p)
    weights: wp.array(dtype=wp.vec3),  # (b * p)
):
    """Writes the signed distance and the closest surface point of every point."""
    i = wp.tid()
    pair = i // point_count
    closest = closest_on(points[i], mesh, pair)
    length = wp.float32(wp.length(closest.offset))
    distance[i] = length
    if is_inside(points[i], mesh, pair):
        distance[i] = -length
    face[i] = closest.face
    weights[i] = as_float(closest.weights)
