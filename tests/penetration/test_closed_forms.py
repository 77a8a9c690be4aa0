"""Every backend against answers that are known without computing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from a2p.hand.topology import Topology
from a2p.penetration import DepthLoss, PenetrationDepth, penetration_depth, signed_distance
from tests.penetration.meshes import Solid, box, random_star, rotation, solid, sphere
from tests.tolerances import PENETRATION_RELATIVE

LOSSES = (DepthLoss(), DepthLoss("huber", 4e-3), DepthLoss("gmof", 5e-3))


def depth(a: Solid, b: Solid, backend: str, loss: DepthLoss | None = None) -> PenetrationDepth:
    options = {} if loss is None else {"loss": loss}
    return penetration_depth(a.vertices.float(), b.vertices.float(), a.topology, b.topology, backend=backend, **options)


def distance(points: Tensor, mesh: Solid, backend: str) -> Tensor:
    return signed_distance(points.float(), mesh.vertices.float(), mesh.topology, backend=backend)


def close(actual: Tensor, expected: Tensor, extent: float) -> None:
    torch.testing.assert_close(actual.double(), expected.double(), rtol=0, atol=PENETRATION_RELATIVE * extent)


def test_a_box_in_a_box_is_as_deep_as_its_corners(backend: str) -> None:
    inner, outer = box(0.02, 0.02, 0.02), box(0.1, 0.08, 0.06)
    result = depth(inner, outer, backend)
    close(result.depth_a, torch.full((8,), 0.02), 0.1)
    assert not result.depth_b.any()
    close(result.loss, torch.tensor(8 * 0.02**2 / 2), 0.1)


def test_the_distance_to_a_box_is_negative_inside_and_euclidean_outside(backend: str) -> None:
    points = torch.tensor([[0.0, 0, 0], [0.4, 0, 0], [0.6, 0, 0], [0.8, 0.9, 0.5], [0.8, 0.9, 1.7]])
    expected = torch.tensor([-0.5, -0.1, 0.1, 0.5, math.sqrt(0.09 + 0.16 + 1.44)])
    close(distance(points, box(1, 1, 1), backend), expected, 1.0)


def test_two_spheres_are_as_deep_as_their_centres_are_close(backend: str) -> None:
    a, b = sphere(0.05), sphere(0.04).moved(x=0.07)
    result = depth(a, b, backend)
    facets = 0.05 * (1 - math.cos(0.09))  # sag of the facets of a sphere of three subdivisions
    assert 0.02 - facets <= float(result.depth_a.max()) <= 0.02
    radius = torch.linalg.vector_norm(b.vertices, dim=-1)
    assert torch.equal(result.depth_b > facets, (radius < 0.05 - facets) & (result.depth_b > facets))
    inside = radius < 0.05 - facets
    assert ((0.05 - radius[inside] - result.depth_b[inside]).abs() <= facets).all()


def test_meshes_apart_do_not_penetrate(backend: str) -> None:
    a = sphere(0.05, subdivisions=2)
    for b in (a.moved(x=0.2), a.moved(x=0.09, y=0.09), a.moved(z=0.1001)):
        result = depth(a, b, backend)
        assert not result.depth_a.any()
        assert not result.depth_b.any()
        assert result.loss == 0


def test_boxes_that_touch_do_not_penetrate(backend: str) -> None:
    a = box(1, 1, 1)
    for b in (a.moved(x=1.0), a.moved(x=1.0, y=1.0), a.moved(x=1.0, y=1.0, z=1.0), a.moved(y=1.0, z=0.25)):
        assert depth(a, b, backend).loss == 0


def test_a_mesh_does_not_penetrate_itself(backend: str) -> None:
    for mesh in (box(1, 1, 1), sphere(0.05), random_star(3)):
        result = depth(mesh, mesh, backend)
        assert float(result.depth_a.max()) <= PENETRATION_RELATIVE
        assert float(result.loss) <= PENETRATION_RELATIVE


def test_a_nested_mesh_is_inside_whole(backend: str) -> None:
    outer = random_star(1)
    inner = outer.scaled(0.5)
    result = depth(inner, outer, backend)
    assert (result.depth_a > 0).all()
    assert not result.depth_b.any()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
def test_the_loss_is_the_summed_penalty_of_the_depths(backend: str, loss: DepthLoss) -> None:
    result = depth(random_star(1), random_star(2).moved(x=0.06), backend, loss)
    depths = torch.cat([result.depth_a, result.depth_b]).double()
    expected = loss(depths.square()).sum()
    torch.testing.assert_close(result.loss.double(), expected, rtol=1e-5, atol=0)
    assert expected > 0


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
def test_gradients_of_all_vertices_sum_to_zero(backend: str, loss: DepthLoss) -> None:
    a, b = random_star(1), random_star(2).moved(x=0.06)
    leaves = [mesh.vertices.float().requires_grad_() for mesh in (a, b)]
    result = penetration_depth(*leaves, a.topology, b.topology, loss=loss, backend=backend)
    gradients = torch.cat(torch.autograd.grad(result.loss, leaves)).double()
    assert float(gradients.abs().max()) > 0
    assert float(gradients.sum(dim=0).abs().max()) <= 1e-6 * float(gradients.abs().sum())


def test_the_gradient_is_that_of_the_loss(backend: str) -> None:
    a, b = random_star(1), random_star(2).moved(x=0.06)
    leaves = [mesh.vertices.float().requires_grad_() for mesh in (a, b)]
    gradients = torch.autograd.grad(penetration_depth(*leaves, a.topology, b.topology, backend=backend).loss, leaves)
    generator = torch.Generator().manual_seed(0)
    for k in range(2):
        way = torch.randn(a.vertices.shape, generator=generator, dtype=torch.float64) * 1e-6
        values = []
        for sign in (1, -1):
            moved = [mesh.vertices + (sign * way if i == k else 0) for i, mesh in enumerate((a, b))]
            values.append(penetration_depth(*moved, a.topology, b.topology, backend="reference").loss)
        expected = (values[0] - values[1]) / 2
        torch.testing.assert_close((gradients[k].double() * way).sum(), expected, rtol=1e-3, atol=0)


def test_the_gradient_of_the_distance_is_the_way_from_the_surface(backend: str) -> None:
    mesh = box(1, 1, 1)
    points = torch.tensor([[0.4, 0.1, 0.05], [0.7, 0.1, 0.05]], requires_grad=True)
    vertices = mesh.vertices.float().requires_grad_()
    total = signed_distance(points, vertices, mesh.topology, backend=backend).sum()
    of_points, of_vertices = torch.autograd.grad(total, (points, vertices))
    close(of_points, torch.tensor([[1.0, 0, 0], [1.0, 0, 0]]), 1.0)
    close(of_vertices.sum(dim=0), torch.tensor([-2.0, 0, 0]), 1.0)


@given(st.integers(0, 2**16), st.tuples(*3 * [st.floats(-2, 2)]), st.floats(0.5, 3))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_moving_turning_and_scaling_both_meshes_does_to_the_depth_what_it_should(
    backend: str, seed: int, rotvec: tuple[float, float, float], factor: float
) -> None:
    a, b = random_star(seed, subdivisions=1), random_star(seed + 1, subdivisions=1).moved(x=0.05)
    turn = rotation(*rotvec)
    before = depth(a, b, backend)
    after = depth(a.turned(turn).scaled(factor).moved(z=0.3), b.turned(turn).scaled(factor).moved(z=0.3), backend)
    close(after.depth_a, factor * before.depth_a, 1.0)
    close(after.depth_b, factor * before.depth_b, 1.0)


@given(st.integers(0, 2**16), st.floats(0.0, 0.12), st.sampled_from([0.1, 0.5]))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_two_meshes_get_the_reference_depth(backend: str, seed: int, offset: float, roughness: float) -> None:
    a = random_star(seed, subdivisions=1, roughness=roughness)
    b = random_star(seed + 1, subdivisions=1, roughness=roughness).moved(x=offset)
    expected, actual = depth(a, b, "reference"), depth(a, b, backend)
    close(actual.depth_a, expected.depth_a, 0.1)
    close(actual.depth_b, expected.depth_b, 0.1)


def test_rays_through_vertices_and_edges_are_counted_once(backend: str) -> None:
    mesh = box(2, 2, 2)
    grid = torch.linspace(-1.5, 1.5, 13)
    points = torch.stack(torch.meshgrid(grid, grid, grid, indexing="ij"), dim=-1).flatten(0, 2)
    expected = points.abs().amax(dim=-1) < 1
    assert torch.equal(distance(points, mesh, backend) < 0, expected)


def test_rays_through_any_order_of_corners_are_counted_once(backend: str) -> None:
    octahedron = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=float)
    faces = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4], [1, 0, 5], [2, 1, 5], [3, 2, 5], [0, 3, 5]])
    grid = torch.linspace(-1, 1, 9)
    points = torch.stack(torch.meshgrid(grid, grid, grid, indexing="ij"), dim=-1).flatten(0, 2)
    expected = points.abs().sum(dim=-1) < 1
    generator = np.random.default_rng(0)
    for _ in range(6):
        order = generator.permutation(6)
        mesh = solid(octahedron[order], np.argsort(order)[faces])
        assert torch.equal(distance(points, mesh, backend) < 0, expected)


def test_a_mesh_that_overlaps_itself_is_inside_where_it_winds(backend: str) -> None:
    a, b = box(1, 1, 1), box(1, 1, 1).moved(x=0.5)
    both = Solid(torch.cat([a.vertices, b.vertices]), Topology(torch.cat([a.topology.faces, b.topology.faces + 8])))
    points = torch.tensor([[0.25, 0, 0], [-0.25, 0, 0], [0.8, 0.1, 0], [1.1, 0, 0]])
    assert (distance(points, both, backend) < 0).tolist() == [True, True, True, False]


def test_degenerate_faces_are_the_segments_they_cover(backend: str) -> None:
    """A box one of whose faces is split at a point on its edge: one part has no area."""
    mesh = box(1, 1, 1)
    faces = mesh.topology.faces
    a, b, c = faces[0].tolist()
    middle = (mesh.vertices[a] + mesh.vertices[b]) / 2
    split = torch.tensor([[a, 8, c], [8, b, c], [a, b, 8]])
    degenerate = Solid(torch.cat([mesh.vertices, middle[None]]), Topology(torch.cat([faces[1:], split])))
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    close(distance(points, degenerate, backend), distance(points, mesh, "reference"), 1.0)


def test_faces_collapsed_to_a_point_do_no_harm(backend: str) -> None:
    mesh = sphere(0.05, subdivisions=2)
    vertices = mesh.vertices.clone()
    vertices[vertices[:, 0] > 0.04] = torch.tensor([0.045, 0.0, 0.0], dtype=torch.float64)
    collapsed = Solid(vertices, mesh.topology)
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) * 0.12 - 0.06
    close(distance(points, collapsed, backend), distance(points, collapsed, "reference"), 0.1)


def test_far_from_the_origin_signs_stay_exact(backend: str) -> None:
    a = box(1, 1, 1).moved(x=1000.0, y=-2000.0, z=500.0)
    b = box(0.5, 0.5, 0.5).moved(x=1000.0, y=-2000.0, z=500.0)
    result = depth(b, a, backend)
    close(result.depth_a, torch.full((8,), 0.25), 2000.0)


def test_caps_decide_the_sign_and_are_no_surface(backend: str) -> None:
    mesh = box(1, 1, 1)
    top = (mesh.vertices[mesh.topology.faces][..., 2] > 0).all(dim=-1)
    capped = Solid(mesh.vertices, Topology(mesh.topology.faces, mesh.vertices, is_cap=top))
    points = torch.tensor([[0.0, 0.0, 0.45], [0.0, 0.0, 0.55], [0.1, 0.0, 0.45]])
    expected = torch.tensor([-0.5, math.hypot(0.5, 0.05), -0.4])
    close(distance(points, capped, backend), expected, 1.0)
