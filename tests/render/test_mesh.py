"""Smooth normals and rounder triangles."""

from __future__ import annotations

import numpy as np

from a2p.render.mesh import joined, smooth_mesh, tessellate, vertex_normals
from tests.render.shapes import plate, sphere
from tests.tolerances import SPHERE_NORMAL


def test_normals_of_a_sphere_point_outwards() -> None:
    vertices, faces = sphere(0.3)
    np.testing.assert_allclose(vertex_normals(vertices, faces), vertices / 0.3, rtol=0, atol=SPHERE_NORMAL)


def test_normals_of_a_plate_face_the_camera() -> None:
    np.testing.assert_array_equal(vertex_normals(*plate(1.0, 2.0)), np.broadcast_to([0.0, 0.0, -1.0], (17 * 17, 3)))


def test_a_vertex_without_faces_has_no_normal() -> None:
    normals = vertex_normals(np.eye(4)[:, :3], np.array([[0, 1, 2]]))
    np.testing.assert_array_equal(normals[3], 0.0)
    np.testing.assert_allclose(np.linalg.norm(normals[:3], axis=1), 1.0)


def test_tessellation_of_a_sphere_lies_nearer_to_the_sphere_than_flat_midpoints() -> None:
    vertices, faces = sphere(levels=2)
    fine = tessellate(smooth_mesh(vertices, faces))
    assert len(fine.faces) == 4 * len(faces)
    new = np.linalg.norm(fine.vertices[len(vertices) :], axis=1)
    flat = np.linalg.norm(vertices[faces[:, 0]] + vertices[faces[:, 1]], axis=1) / 2
    assert (1.0 - new.min()) < 0.5 * (1.0 - flat.min())
    np.testing.assert_array_equal(fine.vertices[: len(vertices)], vertices)


def test_tessellation_keeps_a_plate_flat_and_a_closed_mesh_closed() -> None:
    flat = tessellate(smooth_mesh(*plate(1.0, 2.0)))
    np.testing.assert_allclose(flat.vertices[:, 2], 2.0, rtol=0, atol=1e-15)
    faces = tessellate(smooth_mesh(*sphere(levels=1))).faces
    edges = {(int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)}
    assert len(edges) == 3 * len(faces)
    assert all((b, a) in edges for a, b in edges)


def test_values_of_new_vertices_are_means_of_their_edges_ends() -> None:
    vertices, faces = plate(1.0, 2.0)
    fine = tessellate(smooth_mesh(vertices, faces, vertices[:, :2]))
    np.testing.assert_allclose(fine.values, fine.vertices[:, :2], rtol=0, atol=1e-15)


def test_joined_meshes_keep_their_triangles() -> None:
    a, b = smooth_mesh(*sphere(levels=1)), smooth_mesh(*plate(1.0, 2.0))
    both = joined([a, b])
    np.testing.assert_array_equal(both.vertices[both.faces[: len(a.faces)]], a.vertices[a.faces])
    np.testing.assert_array_equal(both.vertices[both.faces[len(a.faces) :]], b.vertices[b.faces])
