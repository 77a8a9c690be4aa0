"""The Warp kernels that one would write with Warp's own mesh queries."""

# No postponed annotations here: Warp reads them as objects.
import warp as wp


@wp.kernel
def by_ray(
    points: wp.array(dtype=wp.vec3),
    mesh: wp.uint64,
    depth: wp.array(dtype=float),
    loss: wp.array(dtype=float),
):
    """Depth of every point, inside told by rays; adds half its square where it is positive."""
    i = wp.tid()
    p = points[i]
    query = wp.mesh_query_point(mesh, p, 1.0e6)
    offset = p - wp.mesh_eval_position(mesh, query.face, query.u, query.v)
    depth[i] = -query.sign * wp.length(offset)
    if query.sign < 0.0:
        wp.atomic_add(loss, 0, 0.5 * wp.dot(offset, offset))


@wp.kernel
def by_winding_number(
    points: wp.array(dtype=wp.vec3),
    mesh: wp.uint64,
    depth: wp.array(dtype=float),
    loss: wp.array(dtype=float),
):
    """Depth of every point, inside told by the winding number; adds half its square where it is positive."""
    i = wp.tid()
    p = points[i]
    query = wp.mesh_query_point_sign_winding_number(mesh, p, 1.0e6)
    offset = p - wp.mesh_eval_position(mesh, query.face, query.u, query.v)
    depth[i] = -query.sign * wp.length(offset)
    if query.sign < 0.0:
        wp.atomic_add(loss, 0, 0.5 * wp.dot(offset, offset))
