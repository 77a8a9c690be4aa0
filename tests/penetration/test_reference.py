from __future__ import annotations

import math

import pytest
import torch

from a2p.errors import ConfigError
from a2p.penetration import PenetrationReport
from a2p.penetration.backends import cpu, reference
from a2p.penetration.backends.contract import Surface
from a2p.penetration.loss import SQUARED
from a2p.penetration.surface_distance import minimum_surface_distance
from a2p.penetration.vertex_criterion import VertexCriterion, vertex_collisions, vertex_normals
from a2p.penetration.volume import intersection_volume
from a2p.penetration.winding import winding_number
from tests.penetration.elsewhere import ELSEWHERE, TwoDevices
from tests.penetration.meshes import Solid, box, random_star, rotation, sphere


def _gap(a: Solid, b: Solid) -> float:
    return float(
        minimum_surface_distance(
            (a.vertices, b.vertices),
            (a.topology.faces, b.topology.faces),
            (a.topology.is_cap, b.topology.is_cap),
        )
    )


def _volume(a: Solid, b: Solid) -> float:
    return float(intersection_volume(a.vertices, b.vertices, a.topology.faces, b.topology.faces))


def test_the_crossing_count_is_the_solid_angle_of_a_closed_mesh() -> None:
    mesh = random_star(1, roughness=0.6)
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.16 - 0.08
    winding = reference.winding_number(points, mesh.vertices, mesh.topology.faces)
    count = reference.crossing_number(points, mesh.vertices, mesh.topology.faces)
    torch.testing.assert_close(winding, count.double(), rtol=0, atol=1e-12)
    assert 0 < int(count.sum()) < 500


def test_a_face_of_one_vertex_three_times_is_nowhere_crossed() -> None:
    mesh = random_star(1)
    faces = torch.cat([mesh.topology.faces, torch.tensor([[5, 5, 5], [0, 0, 7]])])
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.16 - 0.08
    points = torch.cat([points, mesh.vertices[[5, 0, 7]] - torch.tensor([0, 0, 1e-3]), mesh.vertices[[5]]])
    expected = reference.crossing_number(points, mesh.vertices, mesh.topology.faces)
    torch.testing.assert_close(reference.crossing_number(points, mesh.vertices, faces), expected)
    degenerate = (faces, torch.zeros(len(faces), dtype=torch.bool))
    native = cpu.locate(points[None], mesh.vertices[None], Surface(*degenerate)).distance[0]
    assert torch.equal(native[:500] < 0, expected[:500] > 0)


def test_the_solid_angle_of_an_open_mesh_is_fractional() -> None:
    mesh = box(1, 1, 1)
    faces = mesh.topology.faces
    is_top = (mesh.vertices[faces][..., 2] > 0).all(dim=-1)
    winding = reference.winding_number(torch.zeros(1, 3, dtype=torch.float64), mesh.vertices, faces[~is_top])
    torch.testing.assert_close(winding, torch.tensor([5 / 6], dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [((2.0, 0.0, 0.0), 1.0), ((2.0, 2.0, 2.0), math.sqrt(3)), ((1.0, 0.0, 0.0), 0.0), ((0.4, 0.3, 0.2), 0.0)],
)
def test_boxes_are_as_far_apart_as_they_are(shift: tuple[float, float, float], expected: float) -> None:
    assert _gap(box(1, 1, 1), box(1, 1, 1).moved(*shift)) == pytest.approx(expected, abs=1e-12)


def test_crossed_edges_are_closer_than_any_corner() -> None:
    quarter = math.pi / 4
    a = box(1, 1, 1).turned(rotation(0, 0, quarter))
    b = box(1, 1, 1).turned(rotation(0, quarter, 0)).moved(x=math.sqrt(2) + 0.1)
    assert _gap(a, b) == pytest.approx(0.1, abs=1e-12)


def test_a_nested_surface_has_a_distance_and_a_crossing_one_has_none() -> None:
    assert _gap(box(1, 1, 1), box(0.5, 0.5, 0.5)) == pytest.approx(0.25, abs=1e-12)
    assert _gap(box(1, 1, 1), box(3, 0.2, 0.2)) == 0.0


def test_boxes_share_the_volume_that_they_share() -> None:
    assert _volume(box(1, 1, 1), box(1, 1, 1).moved(0.5, 0.25, 0.125)) == pytest.approx(0.5 * 0.75 * 0.875, rel=1e-9)
    assert _volume(box(1, 1, 1), box(1, 1, 1).moved(1.0)) == 0.0
    assert _volume(box(1, 1, 1), box(0.5, 0.5, 0.5)) == pytest.approx(0.125, rel=1e-9)


def test_the_shared_volume_of_spheres_is_that_of_the_lens() -> None:
    a, b = sphere(0.05, subdivisions=4), sphere(0.05, subdivisions=4).moved(x=0.04)
    height = 0.05 - 0.02
    lens = 2 * math.pi * height**2 * (3 * 0.05 - height) / 3
    assert _volume(a, b) == pytest.approx(lens, rel=1e-2)


def test_the_shared_volume_is_that_of_a_mesh_boolean() -> None:
    manifold3d = pytest.importorskip("manifold3d", reason="needs manifold3d")
    a, b = random_star(1, subdivisions=3), random_star(2, subdivisions=3).moved(0.03, 0.02, 0.01)
    bodies = [
        manifold3d.Manifold(manifold3d.Mesh(m.vertices.float().numpy(), m.topology.faces.numpy().astype("uint32")))
        for m in (a, b)
    ]
    assert _volume(a, b) == pytest.approx((bodies[0] ^ bodies[1]).volume(), rel=5e-3)


def test_a_report_is_in_the_units_that_people_read() -> None:
    a, b = box(0.1, 0.1, 0.1), box(0.02, 0.02, 0.02)
    report = PenetrationReport.measure(a.vertices, b.vertices, a.topology, b.topology, backend="reference")
    assert report.max_mm == pytest.approx(40.0)
    assert report.mean_mm == pytest.approx(40.0)
    assert report.volume_cm3 == pytest.approx(8.0)
    assert report.vertex_count == 8
    apart = PenetrationReport.measure(a.vertices + 1, b.vertices, a.topology, b.topology, backend="reference")
    assert (apart.max_mm, apart.volume_cm3, apart.vertex_count) == (0.0, 0.0, 0)


def test_the_vertex_criterion_sees_vertices_that_face_each_other() -> None:
    a, b = sphere(0.05), sphere(0.05).moved(x=0.098)
    vertices = a.vertices[None].clone().requires_grad_()
    found = vertex_collisions(vertices, b.vertices[None], a.topology.faces, b.topology.faces)
    assert found.collides_a.any()
    assert (a.vertices[found.collides_a[0]][:, 0] > 0.04).all()
    (gradient,) = torch.autograd.grad(found.loss.sum(), vertices)
    assert float(gradient.abs().max()) > 0


def test_the_vertex_criterion_is_blind_to_a_thin_spike_between_vertices() -> None:
    a = box(0.1, 0.1, 0.1)
    spike = box(0.004, 0.004, 0.08).moved(z=0.05)
    found = vertex_collisions(a.vertices[None], spike.vertices[None], a.topology.faces, spike.topology.faces)
    assert not found.collides_a.any()
    assert not found.collides_b.any()


def test_vertex_normals_of_a_sphere_point_outwards() -> None:
    mesh = sphere(1.0)
    normals = vertex_normals(mesh.vertices, mesh.topology.faces)
    assert float((normals - mesh.vertices).norm(dim=-1).max()) < 0.02


def test_a_criterion_without_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_distance > 0"):
        VertexCriterion(max_distance=0.0)


def test_meshes_on_another_device_than_their_faces_are_taken_there_once() -> None:
    a, b = sphere(1.0, subdivisions=1), sphere(1.0, subdivisions=1).moved(x=0.7)
    surfaces = [Surface(mesh.topology.faces, mesh.topology.is_cap) for mesh in (a, b)]

    def values(device: torch.device) -> list[torch.Tensor]:
        va, vb = a.vertices[None].to(device), b.vertices[None].to(device)
        pair = reference.penetration(va, vb, *surfaces, SQUARED)
        located = reference.locate(va, vb, surfaces[1])
        with torch.no_grad():
            loss = reference.penetration_loss((va[0], vb[0]), (surfaces[0], surfaces[1]))
        return [*vars(pair).values(), *vars(located).values(), loss]

    def measures(device: torch.device) -> list[torch.Tensor]:
        va, vb = a.vertices.to(device), b.vertices.to(device)
        beside = b.moved(x=1.4).vertices.to(device)
        faces, caps = (a.topology.faces, b.topology.faces), (a.topology.is_cap, b.topology.is_cap)
        return [
            intersection_volume(va, vb, *faces, backend="reference"),
            minimum_surface_distance((va, beside), faces, caps, backend="reference"),
            winding_number(va, vb, faces[1], backend="reference"),
            vertex_collisions(va[None], beside[None], *faces, VertexCriterion(0.5), backend="reference").loss,
        ]

    with TwoDevices():
        there = [tensor.to("cpu") for tensor in values(ELSEWHERE) + measures(ELSEWHERE)]
    for actual, expected in zip(there, values(torch.device("cpu")) + measures(torch.device("cpu")), strict=True):
        assert float(expected.abs().max()) > 0
        assert torch.equal(actual, expected)


def test_the_check_of_devices_sees_faces_that_were_left_behind() -> None:
    mesh = sphere(1.0, subdivisions=1)
    with TwoDevices(), pytest.raises(RuntimeError, match="two devices"):
        reference.crossing_number(mesh.vertices.to(ELSEWHERE), mesh.vertices.to(ELSEWHERE), mesh.topology.faces)
