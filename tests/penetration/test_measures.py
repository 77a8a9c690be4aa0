"""Native measures of one pair of meshes against their PyTorch definitions and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from a2p.errors import ShapeError
from a2p.native import core
from a2p.penetration.surface_distance import minimum_surface_distance
from a2p.penetration.vertex_criterion import VertexCriterion, vertex_collisions
from a2p.penetration.volume import intersection_volume
from a2p.penetration.winding import winding_number
from tests.penetration.meshes import Solid, box, random_star, rotation, sphere
from tests.tolerances import MEASURES_RELATIVE, WINDING_ROUNDING


def volume(a: Solid, b: Solid, backend: str, columns: int = 64) -> float:
    return float(
        intersection_volume(
            a.vertices, b.vertices, a.topology.faces, b.topology.faces, columns=columns, backend=backend
        )
    )


def gap(a: Solid, b: Solid, backend: str) -> float:
    faces, is_cap = (a.topology.faces, b.topology.faces), (a.topology.is_cap, b.topology.is_cap)
    return float(minimum_surface_distance((a.vertices, b.vertices), faces, is_cap, backend=backend))


def pairs() -> list[tuple[Solid, Solid]]:
    """Nested, touching, disjoint, identical, crossing, and overlapping themselves."""
    cube, star = box(1, 1, 1), random_star(3)
    twice = Solid(torch.cat([star.vertices, star.vertices + 0.02]), star.topology)
    twice = Solid(twice.vertices, type(star.topology)(torch.cat([star.topology.faces, star.topology.faces + 162])))
    return [
        (cube, box(0.5, 0.5, 0.5)),
        (cube, cube.moved(x=1.0)),
        (cube, cube.moved(x=3.0, y=1.0)),
        (cube, cube),
        (cube, cube.turned(rotation(0.3, 0.2, 0.1)).moved(0.5, 0.4, 0.3)),
        (star, random_star(4).moved(x=0.06)),
        (star, random_star(4).moved(x=0.13, y=0.02)),
        (twice, random_star(5).moved(x=0.05)),
    ]


@pytest.mark.parametrize("index", range(8))
def test_the_shared_volume_is_that_of_the_definition(index: int) -> None:
    a, b = pairs()[index]
    expected = volume(a, b, "reference")
    assert volume(a, b, "cpu") == pytest.approx(expected, rel=MEASURES_RELATIVE, abs=1e-15)
    assert (expected > 0) == (index not in (1, 2, 6))


@pytest.mark.parametrize("isa", core.runnable_isas())
def test_columns_that_fill_no_whole_tile_share_the_volume_of_the_definition(isa: str) -> None:
    core.set_isa(isa)
    try:
        for columns in (1, 7, 37):
            for a, b in pairs()[4:6]:
                expected = volume(a, b, "reference", columns)
                assert volume(a, b, "cpu", columns) == pytest.approx(expected, rel=MEASURES_RELATIVE, abs=1e-15)
    finally:
        core.set_isa(None)


def test_nested_and_shifted_boxes_share_the_volume_that_they_share() -> None:
    cube = box(1, 1, 1)
    shared = volume(cube, cube.moved(0.5, 0.25, 0.125), "cpu")
    assert shared == pytest.approx(0.5 * 0.75 * 0.875, rel=MEASURES_RELATIVE)
    assert volume(cube, cube, "cpu") == pytest.approx(1.0, rel=MEASURES_RELATIVE)


def test_spheres_share_a_lens() -> None:
    a, b = sphere(0.05, subdivisions=4), sphere(0.05, subdivisions=4).moved(x=0.04)
    lens = 2 * math.pi * 0.03**2 * (3 * 0.05 - 0.03) / 3
    assert volume(a, b, "cpu", columns=128) == pytest.approx(lens, rel=1e-2)


@pytest.mark.parametrize("index", range(8))
def test_the_distance_of_surfaces_is_that_of_the_definition(index: int) -> None:
    a, b = pairs()[index]
    assert gap(a, b, "cpu") == pytest.approx(gap(a, b, "reference"), rel=MEASURES_RELATIVE, abs=1e-15)


def test_surfaces_at_any_place_are_as_far_apart_as_the_definition_says() -> None:
    generator = torch.Generator().manual_seed(0)
    distances = []
    for seed in range(6):
        way = torch.nn.functional.normalize(torch.randn(3, generator=generator), dim=0) * 0.14
        a, b = random_star(seed), random_star(seed + 50).moved(*way.tolist())
        distances.append(gap(a, b, "cpu"))
        assert distances[-1] == pytest.approx(gap(a, b, "reference"), rel=MEASURES_RELATIVE)
    assert min(distances) > 0


def test_a_surface_without_faces_is_infinitely_far() -> None:
    cube = box(1, 1, 1)
    capped = Solid(cube.vertices, type(cube.topology)(cube.topology.faces, is_cap=torch.ones(12, dtype=torch.bool)))
    assert gap(cube, capped, "cpu") == math.inf


@pytest.mark.parametrize("isa", core.runnable_isas())
def test_winding_numbers_of_open_and_closed_meshes_are_those_of_the_definition(isa: str) -> None:
    mesh = random_star(1, roughness=0.6)
    points = torch.rand(203, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.16 - 0.08
    points[0] = mesh.vertices[5]
    core.set_isa(isa)
    try:
        for faces in (mesh.topology.faces, mesh.topology.faces[:200], mesh.topology.faces[:0]):
            actual = winding_number(points, mesh.vertices, faces, backend="cpu")
            expected = winding_number(points, mesh.vertices, faces, backend="reference")
            torch.testing.assert_close(actual, expected, rtol=0, atol=WINDING_ROUNDING)
    finally:
        core.set_isa(None)


def test_the_winding_number_of_a_box_without_lid_is_five_sixths_at_its_centre() -> None:
    mesh = box(1, 1, 1)
    faces = mesh.topology.faces
    is_top = (mesh.vertices[faces][..., 2] > 0).all(dim=-1)
    winding = winding_number(torch.zeros(1, 3, dtype=torch.float64), mesh.vertices, faces[~is_top], backend="cpu")
    assert float(winding) == pytest.approx(5 / 6, abs=WINDING_ROUNDING)


def collisions(backend: str, *, isa: str | None = None) -> list[Tensor]:
    """Masks, loss and gradients of a batch of spheres about to touch."""
    a, b = sphere(0.05), sphere(0.04)
    leaves = [
        torch.stack([a.vertices, a.vertices + 0.001]).requires_grad_(),
        torch.stack(
            [b.vertices + torch.tensor([0.088, 0, 0]), b.vertices + torch.tensor([0.2, 0, 0])]
        ).requires_grad_(),
    ]
    core.set_isa(isa)
    try:
        faces = a.topology.faces, b.topology.faces
        found = vertex_collisions(leaves[0], leaves[1], *faces, VertexCriterion(), backend=backend)
    finally:
        core.set_isa(None)
    weights = torch.tensor([2.0, 3.0], dtype=torch.float64)
    gradients = torch.autograd.grad((weights * found.loss).sum(), leaves)
    return [found.collides_a, found.collides_b, found.loss.detach(), *gradients]


@pytest.mark.parametrize("isa", core.runnable_isas())
def test_the_vertex_criterion_is_that_of_the_definition(isa: str) -> None:
    for ours, theirs in zip(collisions("cpu", isa=isa), collisions("reference"), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=MEASURES_RELATIVE, atol=1e-15)
    assert collisions("cpu")[0].any(dim=1).tolist() == [True, False]


def test_bad_meshes_are_named() -> None:
    mesh = box(1, 1, 1)
    vertices, faces = mesh.vertices.numpy(), mesh.topology.faces.numpy()
    with pytest.raises(ShapeError, match=r"faces_b must be indices in \[0, 8\)"):
        core.surface_distance(vertices, faces, vertices, faces + 8)
    with pytest.raises(ShapeError, match="vertices_a must be finite"):
        core.surface_distance(vertices * math.nan, faces, vertices, faces)
    with pytest.raises(ValueError, match=r"columns must lie in \[1, 16384\]; got 0"):
        core.intersection_volume(vertices, faces, vertices, faces, columns=0)
