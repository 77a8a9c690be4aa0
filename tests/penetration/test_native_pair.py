"""The native pair evaluation against closed forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from a2p.native import core
from tests.tolerances import NATIVE_SPHERE_DEPTH_M

if TYPE_CHECKING:
    import trimesh
else:
    trimesh = pytest.importorskip("trimesh", reason="needs trimesh")

RADIUS = 0.03


def prepared(mesh: trimesh.Trimesh) -> tuple[core.MeshTopology, np.ndarray]:
    vertices = np.ascontiguousarray(mesh.vertices, dtype=np.float32)
    faces = np.ascontiguousarray(mesh.faces, dtype=np.int64)
    return core.MeshTopology(faces, np.zeros(len(faces), dtype=bool), vertices), vertices


@pytest.mark.parametrize("isa", core.runnable_isas())
def test_depth_of_a_sphere_in_a_box_is_the_distance_to_the_nearest_side(isa: str) -> None:
    box, box_vertices = prepared(trimesh.creation.box(extents=(0.2, 0.3, 0.4)))
    sphere, sphere_vertices = prepared(trimesh.creation.icosphere(subdivisions=3, radius=RADIUS))
    core.set_isa(isa)
    try:
        loss, depth_box, depth_sphere, gradient_box, gradient_sphere = core.PenetrationPair(box, sphere)(
            box_vertices[None], sphere_vertices[None]
        )
    finally:
        core.set_isa(None)
    expected = 0.1 - np.abs(sphere_vertices[:, 0].astype(np.float64))
    np.testing.assert_allclose(depth_sphere[0], expected, rtol=0, atol=NATIVE_SPHERE_DEPTH_M)
    assert np.all(depth_box == 0)
    np.testing.assert_allclose(loss, [0.5 * np.sum(expected**2)], rtol=1e-6)
    total = gradient_box[0].sum(axis=0, dtype=np.float64) + gradient_sphere[0].sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(total, 0, atol=1e-6 * np.abs(gradient_box).max())


def test_vertices_that_do_not_belong_to_the_topology_are_refused_by_name() -> None:
    box, vertices = prepared(trimesh.creation.box(extents=(1, 1, 1)))
    with pytest.raises(ValueError, match=r"vertices_b must have shape \(b, 8, 3\); got \(1, 7, 3\)"):
        core.PenetrationPair(box, box)(vertices[None], np.ascontiguousarray(vertices[None, :7]))
