"""The rasteriser against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from a2p import Camera
from a2p.errors import MeshError
from a2p.native import core
from a2p.render.rasterize import Raster, rasterize
from tests.tolerances import RASTER_CLIPPED_RELATIVE, RASTER_DEPTH_M

UNIT_CAMERA = Camera(1.0, 1.0, 0.0, 0.0)
"""At z = 1 m a point's x and y are its pixel coordinates."""
TRIANGLE = np.array([[0, 1, 2]])
QUAD = np.array([[0, 1, 2], [0, 2, 3]])


def at_unit_depth(*points: tuple[float, float]) -> np.ndarray:
    return np.array([(x, y, 1.0) for x, y in points])


def draw(vertices: np.ndarray, faces: np.ndarray, *, size: int = 8, camera: Camera = UNIT_CAMERA) -> Raster:
    return rasterize(vertices, faces, camera, width=size, height=size)


def test_a_triangle_covers_the_pixels_whose_centres_it_holds() -> None:
    raster = draw(at_unit_depth((1.0, 1.0), (5.0, 1.0), (1.0, 5.0)), TRIANGLE)
    centres = np.arange(8) + 0.5
    x, y = np.meshgrid(centres, centres)
    # The hypotenuse x + y = 6 passes through centres; it is a right edge, which owns none of its pixels.
    expected = (x > 1) & (y > 1) & (x + y < 6)
    np.testing.assert_array_equal(raster.face == 0, expected)
    np.testing.assert_array_equal(np.isfinite(raster.depth), expected)


def test_top_and_left_edges_own_the_pixels_on_them_and_bottom_and_right_edges_do_not() -> None:
    square = at_unit_depth((1.5, 1.5), (4.5, 1.5), (4.5, 4.5), (1.5, 4.5))
    covered = draw(square, QUAD).face >= 0
    expected = np.zeros((8, 8), dtype=bool)
    expected[1:4, 1:4] = True
    np.testing.assert_array_equal(covered, expected)


@pytest.mark.parametrize("seed", range(5))
def test_faces_that_share_an_edge_cover_each_pixel_exactly_once(seed: int) -> None:
    # A fan around a point with all its rim on pixel centres: every spoke and rim edge meets pixel centres.
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 11))
    rim = np.round(16 + 14 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)) + 0.5
    centre = np.round(rng.uniform(12, 20, 2)) + 0.5
    vertices = at_unit_depth(*map(tuple, np.concatenate([centre[None], rim])))
    fan = np.array([[0, 1 + i, 1 + (i + 1) % 11] for i in range(11)])
    each = [draw(vertices, face[None], size=32).face >= 0 for face in fan]
    count = np.sum(each, axis=0)
    assert count.max() == 1
    np.testing.assert_array_equal(count == 1, draw(vertices, fan, size=32).face >= 0)


def test_either_winding_covers_the_same_pixels() -> None:
    vertices = at_unit_depth((0.3, 0.2), (7.1, 2.9), (2.2, 6.6))
    forward, backward = draw(vertices, TRIANGLE), draw(vertices, TRIANGLE[:, ::-1])
    np.testing.assert_array_equal(forward.face, backward.face)
    np.testing.assert_array_equal(forward.depth, backward.depth)


def test_depth_and_weights_of_a_slanted_plane_are_those_of_the_ray_through_each_pixel() -> None:
    camera = Camera(60.0, 50.0, 32.0, 30.0)
    vertices = np.array([[-0.3, -0.3, 0.4], [0.5, -0.3, 1.5], [0.0, 0.5, 0.9]])
    raster = rasterize(vertices, TRIANGLE, camera, width=64, height=64)
    rows, columns = np.nonzero(raster.face == 0)
    assert len(rows) > 500
    rays = np.stack([(columns + 0.5 - 32.0) / 60.0, (rows + 0.5 - 30.0) / 50.0, np.ones(len(rows))], axis=-1)
    normal = np.cross(vertices[1] - vertices[0], vertices[2] - vertices[0])
    depth = (normal @ vertices[0]) / (rays @ normal)
    seen = raster.depth[rows, columns]
    np.testing.assert_allclose(seen, depth, rtol=0, atol=RASTER_DEPTH_M)
    points = raster.weights[rows, columns] @ vertices
    np.testing.assert_allclose(points, rays * depth[:, None], rtol=0, atol=RASTER_DEPTH_M)
    flat = np.linalg.solve(np.vstack([(vertices / vertices[:, 2:])[:, :2].T, np.ones(3)]), rays.T).T
    assert np.abs(flat - raster.weights[rows, columns]).max() > 0.05, "weights on the screen are something else"


def test_the_nearer_face_wins_whatever_the_order() -> None:
    near, far = at_unit_depth((0, 0), (8, 0), (0, 8)), 2.0 * at_unit_depth((0, 0), (8, 0), (0, 8))
    vertices = np.concatenate([far, near])
    faces = np.array([[0, 1, 2], [3, 4, 5]])
    assert set(np.unique(draw(vertices, faces).face)) == {-1, 1}
    assert set(np.unique(draw(vertices, faces[::-1]).face)) == {-1, 0}


def test_equal_depths_go_to_the_lowest_face() -> None:
    twice = np.repeat(TRIANGLE, 2, axis=0)
    assert set(np.unique(draw(at_unit_depth((0, 0), (8, 0), (0, 8)), twice).face)) == {-1, 0}


def test_faces_that_cross_each_other_are_split_where_they_cross() -> None:
    camera = Camera(32.0, 32.0, 16.0, 16.0)
    wall = np.array([[-9.0, -9.0, 1.0], [9.0, -9.0, 1.0], [0.0, 9.0, 1.0]])
    slope = np.array([[-1.0, -9.0, 0.5], [1.0, -9.0, 1.5], [1.0, 9.0, 1.5], [-1.0, 9.0, 0.5]])
    vertices = np.concatenate([wall, slope])
    raster = rasterize(vertices, np.array([[0, 1, 2], [3, 4, 5], [3, 5, 6]]), camera, width=32, height=8)
    # The slope z = 1 + x / 2 is nearer than the wall where x < 0: left of the principal point.
    np.testing.assert_array_equal(raster.face[:, 16:] == 0, True)
    np.testing.assert_array_equal(raster.face[:, :16] > 0, True)


def test_what_lies_behind_the_camera_is_not_seen() -> None:
    behind = at_unit_depth((0, 0), (8, 0), (0, 8)) * -1.0
    assert (draw(behind, TRIANGLE).face == -1).all()
    at_the_pinhole = np.array([[0.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 8.0, 0.0]])
    assert (draw(at_the_pinhole, TRIANGLE).face == -1).all()


def test_a_plane_that_reaches_behind_the_camera_is_seen_up_to_the_horizon() -> None:
    floor = np.array([[-50.0, 1.0, -50.0], [50.0, 1.0, -50.0], [50.0, 1.0, 1e4], [-50.0, 1.0, 1e4]])
    camera = Camera(32.0, 32.0, 16.0, 16.0)
    raster = rasterize(floor, QUAD, camera, width=32, height=32)
    assert (raster.face[:16] == -1).all()
    assert (raster.face[16:] >= 0).all()
    rows = np.arange(17, 32) + 0.5
    expected = np.broadcast_to((32.0 / (rows - 16.0))[:, None], (15, 32))
    np.testing.assert_allclose(raster.depth[17:], expected, rtol=RASTER_CLIPPED_RELATIVE)


@pytest.mark.parametrize("scale", [1e6, 1e20, 3e37])
def test_huge_coordinates_are_clipped_without_overflow(scale: float) -> None:
    vertices = np.array([[-scale, -scale, 1.0], [scale, -scale, 1.0], [0.0, scale, 1.0]])
    raster = draw(vertices, TRIANGLE)
    assert (raster.face == 0).all()
    np.testing.assert_allclose(raster.depth, 1.0, rtol=RASTER_CLIPPED_RELATIVE)


def test_the_near_plane_cuts_where_it_lies() -> None:
    camera = Camera(10.0, 10.0, 0.0, 5.0)
    ramp = np.array([[0.0, -9.0, 0.0], [10.0, -9.0, 10.0], [10.0, 9.0, 10.0], [0.0, 9.0, 0.0]])
    ramp[:, 0] += 0.5
    # z = x - 0.5, so the column at u sees z = 0.5 / (u / 10 - 1), nearer than 2 from u = 12.5 on.
    raster = rasterize(ramp, QUAD, camera, width=32, height=10, near=2.0)
    assert (raster.face[:, 10:12] >= 0).all()
    assert (raster.face[:, 13:] == -1).all()
    assert raster.depth.min() >= 2.0 - RASTER_DEPTH_M


@pytest.mark.parametrize(
    "points", [[(1, 1), (1, 1), (1, 1)], [(0, 0), (4, 4), (8, 8)], [(2, 3), (2, 3), (7, 1)]], ids=str
)
def test_a_face_without_area_covers_nothing(points: list[tuple[float, float]]) -> None:
    assert (draw(at_unit_depth(*points), TRIANGLE).face == -1).all()


def test_an_empty_mesh_and_an_empty_batch_give_empty_pictures() -> None:
    nothing = rasterize(np.zeros((0, 3)), np.zeros((0, 3), dtype=int), UNIT_CAMERA, width=3, height=2)
    assert nothing.face.shape == (2, 3)
    assert (nothing.face == -1).all()
    assert np.isinf(nothing.depth).all()
    assert (nothing.weights == 0).all()
    batch = rasterize(np.zeros((0, 3, 3)), TRIANGLE, UNIT_CAMERA, width=3, height=2)
    assert batch.face.shape == (0, 2, 3)


def test_a_batch_with_a_camera_each_equals_its_images_one_by_one() -> None:
    rng = np.random.default_rng(0)
    vertices = rng.uniform(0, 16, (3, 30, 3)) * [1, 1, 0.1] + [0, 0, 0.5]
    faces = rng.integers(0, 30, (40, 3))
    cameras = [Camera(1.0 + i, 1.0, 0.3 * i, 0.0) for i in range(3)]
    together = rasterize(vertices, faces, cameras, width=16, height=12)
    for i, camera in enumerate(cameras):
        alone = rasterize(vertices[i], faces, camera, width=16, height=12)
        np.testing.assert_array_equal(together.face[i], alone.face)
        np.testing.assert_array_equal(together.weights[i], alone.weights)


def test_a_negative_number_of_threads_is_refused() -> None:
    nothing = np.zeros((0, 3, 3), np.float32), np.zeros((1, 3), np.int32), np.zeros((0, 4))
    with pytest.raises(ValueError, match="threads must be at least 0; got -1"):
        core.rasterize(*nothing, width=4, height=4, near=0.01, threads=-1)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("threads", [2, 3, 7, 2**31 - 1])  # the last one once took minutes
def test_the_number_of_threads_changes_no_bit(batch: int, threads: int) -> None:
    rng = np.random.default_rng(1)
    vertices = rng.uniform(-1, 1, (batch, 90, 3)) + np.array([0, 0, 1.0])
    faces = rng.integers(0, 90, (200, 3))
    camera = Camera(80.0, 80.0, 50.0, 50.0)
    one = rasterize(vertices, faces, camera, width=100, height=100, threads=1)
    many = rasterize(vertices, faces, camera, width=100, height=100, threads=threads)
    for name in ("face", "weights", "depth"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


def test_supersampling_gives_the_share_of_a_pixel_that_a_face_covers() -> None:
    half = at_unit_depth((0.0, 0.0), (2.5, 0.0), (2.5, 4.0), (0.0, 4.0))
    raster = rasterize(half, QUAD, UNIT_CAMERA, width=4, height=4, samples=4)
    coverage = raster.resolve(np.ones((4, 1)))[..., 0]
    np.testing.assert_allclose(coverage, [[1.0, 1.0, 0.5, 0.0]] * 4)


def test_resolved_positions_are_the_rays_points_times_coverage() -> None:
    vertices = at_unit_depth((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))
    raster = rasterize(vertices, QUAD, UNIT_CAMERA, width=4, height=4, samples=2)
    values = raster.resolve(vertices)
    x, y = np.meshgrid(np.arange(4) + 0.5, np.arange(4) + 0.5)
    np.testing.assert_array_equal(values, np.stack([x, y, np.ones((4, 4))], axis=-1))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vertices_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(MeshError, match="vertices must be finite"):
        draw(np.full((3, 3), bad), TRIANGLE)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_face_that_names_no_vertex_is_refused(index: int) -> None:
    with pytest.raises(MeshError, match="faces must index 3 vertices"):
        draw(at_unit_depth((0, 0), (1, 0), (0, 1)), np.array([[0, 1, index]]))


def test_cameras_that_do_not_match_the_batch_are_refused() -> None:
    with pytest.raises(MeshError, match="one a mesh of 2; got 3"):
        rasterize(np.ones((2, 3, 3)), TRIANGLE, [UNIT_CAMERA] * 3, width=2, height=2)


@pytest.mark.parametrize(("width", "near"), [(0, 0.1), (40_000, 0.1), (8, 0.0), (8, -1.0)])
def test_an_impossible_size_or_near_plane_is_refused(width: int, near: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in \[1, 32768\]|near must be positive"):
        rasterize(np.ones((3, 3)), TRIANGLE, UNIT_CAMERA, width=width, height=8, near=near)
