"""Light against what it must do on simple bodies."""

from __future__ import annotations

import numpy as np
import pytest

from a2p.render.mesh import joined, smooth_mesh, vertex_normals
from a2p.render.shading import (
    Lights,
    Surface,
    ambient_visibility,
    disk_directions,
    key_visibility,
    linear_from_srgb,
    shade,
    sphere_directions,
    srgb_from_linear,
)
from tests.render.shapes import plate, sphere


def test_a_sphere_sees_all_of_its_surroundings() -> None:
    assert ambient_visibility(smooth_mesh(*sphere(0.1))).min() > 0.95


def test_the_ambient_light_between_two_plates_falls_with_their_distance() -> None:
    below = smooth_mesh(*plate(0.2, 0.5))
    share = []
    for gap in (0.02, 0.06, 0.3):
        vertices, faces = plate(0.2, 0.5 - gap)
        scene = joined([below, smooth_mesh(vertices, faces[:, ::-1])])
        centre = np.argmin(np.linalg.norm(scene.vertices - [0.0, 0.0, 0.5], axis=1))
        share.append(ambient_visibility(scene)[centre])
    assert share[0] < 0.1 < share[1] < share[2] - 0.1


def test_a_blocker_shades_what_lies_behind_it_and_nothing_else() -> None:
    lights = Lights(to_key=(0.0, 0.0, -1.0), key_radius=0.02)
    wall, blocker = plate(0.4, 0.6, cells=40), sphere(0.05)
    lit = key_visibility(joined([smooth_mesh(*wall), smooth_mesh(blocker[0] + [0.0, 0.0, 0.4], blocker[1])]), lights)
    distance = np.linalg.norm(wall[0][:, :2], axis=1)
    on_wall = lit[: len(wall[0])]
    assert on_wall[distance < 0.03].max() == 0.0
    assert on_wall[distance > 0.08].min() == 1.0


def test_directions_are_unit_vectors_around_their_centre() -> None:
    towards = sphere_directions(100)
    np.testing.assert_allclose(np.linalg.norm(towards, axis=1), 1.0)
    assert np.abs(towards.mean(axis=0)).max() < 0.01
    centre = np.array([1.0, -2.0, 0.5]) / np.linalg.norm([1.0, -2.0, 0.5])
    assert (disk_directions((1.0, -2.0, 0.5), 0.2, 30) @ centre).min() > np.cos(np.arctan(0.2)) - 1e-12


def test_srgb_and_linear_light_are_inverse_and_match_the_standard() -> None:
    values = np.linspace(0.0, 1.0, 30).reshape(10, 3)
    np.testing.assert_allclose(srgb_from_linear(linear_from_srgb(values)), values, rtol=0, atol=1e-12)
    assert linear_from_srgb(np.full(3, 0.5))[0] == pytest.approx(0.21404, abs=1e-5)


def test_the_side_towards_the_lamp_is_brighter() -> None:
    vertices, faces = sphere()
    normals = vertex_normals(vertices, faces)
    ones = np.ones(len(vertices))
    surface = Surface(normals, np.broadcast_to([0.0, 0.0, -1.0], normals.shape), ones, ones)
    lights = Lights()
    light = shade(surface, np.full((1, 3), 0.5), lights).sum(axis=1)
    towards = normals @ np.array(lights.to_key)
    assert light[towards.argmax()] > 2.0 * light[towards.argmin()]
    assert (light >= 0.0).all()
