"""The native backend against the float64 reference, on every instruction set that runs here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.cases import Pairs, open_hand_pairs, stored_pairs
from torch import Tensor

from a2p.hand.topology import Topology
from a2p.native import core
from a2p.penetration.backends import cpu, reference
from a2p.penetration.backends.contract import PenetrationValues, Surface
from a2p.penetration.loss import SQUARED, DepthLoss
from tests.penetration.meshes import Solid, box, random_star, rotation, sphere
from tests.tolerances import NATIVE_DEPTH_M, NATIVE_GRADIENT_RELATIVE, NATIVE_LOSS_RELATIVE


@pytest.fixture(params=core.runnable_isas(), autouse=True)
def _isa(request: pytest.FixtureRequest) -> Iterator[None]:
    core.set_isa(request.param)
    yield
    core.set_isa(None)


def surface(topology: Topology) -> Surface:
    return Surface(topology.faces, topology.is_cap)


def evaluated(backend, pairs: Pairs, loss: DepthLoss = SQUARED) -> PenetrationValues:
    return backend.penetration(pairs.vertices_a, pairs.vertices_b, *pairs.surfaces(), loss)


def fixed_weight_gradient(pairs: Pairs, loss: DepthLoss) -> tuple[Tensor, Tensor]:
    """The gradient that autograd finds in float64 through the faces and weights that the backend located."""
    a, b = (v.double().requires_grad_() for v in (pairs.vertices_a, pairs.vertices_b))
    sides = (
        (a, b, pairs.topology_b, pairs.vertices_a, pairs.vertices_b),
        (b, a, pairs.topology_a, pairs.vertices_b, pairs.vertices_a),
    )
    total = torch.zeros((), dtype=torch.float64)
    for points, vertices, topology, raw_points, raw_vertices in sides:
        located = cpu.locate(raw_points, raw_vertices, surface(topology))
        corners = vertices[torch.arange(len(vertices))[:, None, None], topology.faces[located.face]]
        weights = located.weights.double()
        weights[..., 0] = 1 - weights[..., 1] - weights[..., 2]  # float32 weights sum to one only nearly
        squared = (points - (weights[..., None] * corners).sum(dim=-2)).square().sum(dim=-1)
        total = total + loss(squared[located.distance < 0]).sum()
    return torch.autograd.grad(total, (a, b))


def assert_alike(actual: PenetrationValues, expected: PenetrationValues) -> None:
    for mine, true in ((actual.depth_a, expected.depth_a), (actual.depth_b, expected.depth_b)):
        assert torch.equal(mine > 0, true > 0)
        torch.testing.assert_close(mine.double(), true.double(), rtol=0, atol=NATIVE_DEPTH_M)
    torch.testing.assert_close(actual.loss, expected.loss.double(), rtol=NATIVE_LOSS_RELATIVE, atol=1e-15)


def test_open_hands_match_the_reference() -> None:
    pairs = open_hand_pairs(2)
    actual = evaluated(cpu, pairs)
    assert (actual.depth_a > 0).any()
    assert_alike(actual, evaluated(reference, pairs))


def test_stored_hands_match_the_reference(shared_data: Path) -> None:
    pairs = stored_pairs(shared_data / "prototypes" / "penetration").first(2)
    assert_alike(evaluated(cpu, pairs), evaluated(reference, pairs))


@pytest.mark.parametrize("kind", ["squared", "huber", "gmof"])
def test_gradient_is_that_of_autograd_through_fixed_weights(kind) -> None:
    pairs, loss = open_hand_pairs(6, seed=1), DepthLoss(kind, 2e-3)
    actual, expected = evaluated(cpu, pairs, loss), fixed_weight_gradient(pairs, loss)
    for mine, true in zip((actual.gradient_a, actual.gradient_b), expected, strict=True):
        assert true.abs().max() > 0
        assert (mine - true).abs().max() <= NATIVE_GRADIENT_RELATIVE * true.abs().max()


def test_gradient_is_the_slope_of_the_loss() -> None:
    pairs = open_hand_pairs(1, seed=2)
    direction = torch.randn(pairs.vertices_a.shape, generator=torch.Generator().manual_seed(0)).double()
    values = evaluated(cpu, pairs)
    step = 1e-6
    moved = [
        evaluated(
            reference,
            Pairs(pairs.vertices_a + sign * step * direction, pairs.vertices_b.double(), *_topologies(pairs)),
        ).loss
        for sign in (-1, 1)
    ]
    slope = (values.gradient_a.double() * direction).sum()
    torch.testing.assert_close((moved[1] - moved[0])[0] / (2 * step), slope, rtol=1e-3, atol=0)


def _topologies(pairs: Pairs) -> tuple[Topology, Topology]:
    return pairs.topology_a, pairs.topology_b


def test_gradients_of_all_vertices_sum_to_zero() -> None:
    values = evaluated(cpu, open_hand_pairs(8, seed=3))
    total = values.gradient_a.double().sum(dim=1) + values.gradient_b.double().sum(dim=1)
    assert total.abs().max() <= 1e-6 * values.gradient_a.abs().max()


def test_any_number_of_threads_gives_the_same_bits() -> None:
    pairs = open_hand_pairs(5, seed=4)
    default = core.thread_count()
    try:
        results = []
        for threads in (1, 2, 3, 8):
            core.set_thread_count(threads)
            results.append([evaluated(cpu, pairs), evaluated(cpu, pairs.first(1))])
    finally:
        core.set_thread_count(0 if core.thread_count() != default else default)
    for other in results[1:]:
        for mine, first in zip(other, results[0], strict=True):
            for name in ("loss", "depth_a", "depth_b", "gradient_a", "gradient_b"):
                assert torch.equal(getattr(mine, name), getattr(first, name))


def test_concurrent_calls_do_not_disturb_each_other() -> None:
    batches = [open_hand_pairs(2, seed=seed) for seed in range(4)]
    alone = [evaluated(cpu, pairs) for pairs in batches]
    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(lambda k: evaluated(cpu, batches[k % 4]), range(32)))
    for k, values in enumerate(together):
        assert torch.equal(values.gradient_a, alone[k % 4].gradient_a)
        assert torch.equal(values.depth_b, alone[k % 4].depth_b)


def solid_pair(a: Solid, b: Solid) -> Pairs:
    return Pairs(a.vertices.float()[None], b.vertices.float()[None], a.topology, b.topology)


@pytest.mark.parametrize("offset", [0.0, 0.37, 10.0, -300.0])
def test_stars_match_the_reference_anywhere_in_space(offset: float) -> None:
    a, b = random_star(1).moved(offset, offset, offset), random_star(2).moved(offset + 0.03, offset, offset)
    assert_alike(evaluated(cpu, solid_pair(a, b)), evaluated(reference, solid_pair(a, b)))


def test_far_float64_input_keeps_its_resolution() -> None:
    a, b = random_star(1), random_star(2).moved(0.03)
    near = solid_pair(a, b)
    far = Pairs(*(s.moved(1000.0, -500.0, 2000.0).vertices[None] for s in (a, b)), a.topology, b.topology)
    torch.testing.assert_close(evaluated(cpu, far).depth_a, evaluated(cpu, near).depth_a, rtol=0, atol=2e-8)


@pytest.mark.parametrize("pose", ["same", "shifted", "turned"])
def test_lattices_with_rays_through_edges_and_corners_match_the_reference(pose: str) -> None:
    a = box(0.25, 0.25, 0.25)
    b = {
        "same": a,
        "shifted": box(0.125, 0.125, 0.5).moved(0.0625, 0.0625),
        "turned": box(0.125, 0.125, 0.5).turned(rotation(0, 0, math.pi / 4)),
    }[pose]
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-0.25, 0.25, 9)] * 3, indexing="ij"), dim=-1).reshape(1, -1, 3)
    for solid in (a, b):
        mesh = solid.vertices.float()[None]
        mine = cpu.locate(grid, mesh, surface(solid.topology)).distance.double()
        true = reference.locate(grid, mesh, surface(solid.topology)).distance
        torch.testing.assert_close(mine, true, rtol=1e-7, atol=NATIVE_DEPTH_M)
    assert_alike(evaluated(cpu, solid_pair(a, b)), evaluated(reference, solid_pair(a, b)))


def test_distance_of_points_to_a_sphere_is_that_of_the_reference_inside_and_out() -> None:
    ball = sphere(0.05)
    points = 0.2 * torch.randn(2, 700, 3, generator=torch.Generator().manual_seed(0))
    mesh = torch.stack([ball.vertices, 1.5 * ball.vertices]).float()
    mine, true = (
        cpu.locate(points, mesh, surface(ball.topology)),
        reference.locate(points, mesh, surface(ball.topology)),
    )
    assert ((true.distance < 0).any(), (true.distance > 0).any()) == (True, True)
    torch.testing.assert_close(mine.distance.double(), true.distance, rtol=1e-6, atol=NATIVE_DEPTH_M)
    torch.testing.assert_close(mine.weights.sum(dim=-1), torch.ones(2, 700))


def test_degenerate_and_duplicate_faces_count_as_the_segments_they_cover() -> None:
    solid = box(0.1, 0.1, 0.1)
    flat = torch.tensor([[0, 1, 1], [2, 2, 2], [0, 1, 3], [0, 3, 1]])
    faces = torch.cat([solid.topology.faces, flat])
    skin = Surface(faces, torch.zeros(len(faces), dtype=torch.bool))
    points = 0.1 * torch.randn(1, 300, 3, generator=torch.Generator().manual_seed(0))
    mesh = solid.vertices.float()[None]
    mine, true = cpu.locate(points, mesh, skin), reference.locate(points, mesh, skin)
    torch.testing.assert_close(mine.distance.double().abs(), true.distance.abs(), rtol=1e-6, atol=NATIVE_DEPTH_M)
    assert torch.equal(mine.distance < 0, reference.locate(points, mesh, surface(solid.topology)).distance < 0)


def test_needles_are_measured_as_well_as_other_triangles() -> None:
    generator = torch.Generator().manual_seed(5)
    for thickness in (1e-3, 1e-6, 1e-8, 0.0):
        mesh = torch.randn(1, 60, 3, generator=generator) * torch.tensor([0.05, thickness, thickness])
        mesh = mesh @ rotation(0.4, 1.1, -0.3).float().T
        faces = torch.arange(60).reshape(20, 3)
        skin = Surface(faces, torch.zeros(20, dtype=torch.bool))
        points = 0.05 * torch.randn(1, 200, 3, generator=generator)
        mine, true = cpu.locate(points, mesh, skin), reference.locate(points, mesh, skin)
        torch.testing.assert_close(mine.distance.double().abs(), true.distance.abs(), rtol=1e-6, atol=NATIVE_DEPTH_M)


def test_a_hand_that_overlaps_itself_is_solid_where_it_winds_twice() -> None:
    ball = sphere(0.05)
    vertices = torch.cat([ball.vertices, ball.vertices + torch.tensor([0.04, 0, 0])])
    faces = torch.cat([ball.topology.faces, ball.topology.faces + len(ball.vertices)])
    twice = Solid(vertices, Topology(faces.numpy(), vertices.numpy()))
    probe = sphere(0.01).moved(0.02)
    pairs = solid_pair(twice, probe)
    actual = evaluated(cpu, pairs)
    assert bool((actual.depth_b > 0).all())
    assert_alike(actual, evaluated(reference, pairs))


def test_cap_faces_close_the_mesh_and_are_no_surface() -> None:
    solid = box(0.1, 0.1, 0.1)
    top = (solid.vertices[solid.topology.faces][..., 2] > 0).all(dim=1)
    skin = Surface(solid.topology.faces, top)
    point = torch.tensor([[[0.0, 0.0, 0.045]]])
    located = cpu.locate(point, solid.vertices.float()[None], skin)
    np.testing.assert_allclose(located.distance.item(), -0.05, atol=1e-8)


def test_one_faces_tensor_serves_several_masks_and_follows_changes() -> None:
    solid = box(0.1, 0.1, 0.1)
    faces = solid.topology.faces.clone()
    mesh, point = solid.vertices.float()[None], torch.tensor([[[0.0, 0.0, 0.04]]])
    none = torch.zeros(len(faces), dtype=torch.bool)
    top = (solid.vertices[faces][..., 2] > 0).all(dim=1)
    distances = [cpu.locate(point, mesh, Surface(faces, cap)).distance.item() for cap in (none, top, none)]
    np.testing.assert_allclose(distances, [-0.01, -0.05, -0.01], atol=1e-7)
    faces.copy_(faces.flip(dims=[1]))
    assert cpu.locate(point, mesh, Surface(faces, none)).distance.item() > 0


def test_disjoint_meshes_do_not_touch() -> None:
    values = evaluated(cpu, solid_pair(sphere(0.05), sphere(0.05).moved(0.2)))
    assert values.loss.item() == 0
    assert float(values.depth_a.max()) == float(values.gradient_b.abs().max()) == 0
