"""The Warp kernels that one would write with Warp's own mesh queries."""

# No postponed annotations here: Warp reads them as objects.
import warp as wp

REACH = wp.constant(1.0e6)
"""How far a query looks (m): as far as there is."""


@wp.func
def add_point(
    i: int,
    p: wp.vec3,
    mesh: wp.uint64,
    query: wp.MeshQueryPoint,
    depth: wp.array(dtype=float),
    loss: wp.array(dtype=float),
):
    """Writes the depth of a point whose closest face was found; adds half its square where it is positive."""
    offset = p - wp.mesh_eval_position(mesh, query.face, query.u, query.v)
    depth[i] = -query.sign * wp.length(offset)
    if query.sign < 0.0:
        wp.atomic_add(loss, 0, 0.5 * wp.dot(offset, offset))


@wp.kernel
def by_ray(points: wp.array(dtype=wp.vec3), mesh: wp.uint64, depth: wp.array(dtype=float), loss: wp.array(dtype=float)):
    """Depth of every point, inside told by rays."""
    i = wp.tid()
    add_point(i, points[i], mesh, wp.mesh_query_point(mesh, points[i], REACH), depth, loss)


@wp.kernel
def by_winding_number(
    points: wp.array(dtype=wp.vec3), mesh: wp.uint64, depth: wp.array(dtype=float), loss: wp.array(dtype=float)
):
    """Depth of every point, inside told by the winding number."""
    i = wp.tid()
    add_point(i, points[i], mesh, wp.mesh_query_point_sign_winding_number(mesh, points[i], REACH), depth, loss)
