"""Pictures of meshes over a photo."""

from __future__ import annotations

import numpy as np
import pytest

from a2p import Camera
from a2p.errors import MeshError
from a2p.render.overlay import RenderMesh, draw_overlay, view_from_aside
from a2p.render.palette import LEFT_COLOUR, RIGHT_COLOUR
from tests.render.shapes import sphere

CAMERA = Camera.from_fov(160, 120, fov_deg=60.0)
PHOTO = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def ball(x: float, z: float, colour: tuple[float, float, float], radius: float = 0.05) -> RenderMesh:
    vertices, faces = sphere(radius, levels=3)
    return RenderMesh(vertices + np.array([x, 0.0, z]), faces, colour)


def hue(pixel: np.ndarray) -> float:
    """Red minus blue: positive for the right hand's colour, negative for the left's."""
    return float(pixel[0]) - float(pixel[2])


@pytest.mark.parametrize("reverse", [False, True])
def test_the_nearer_mesh_covers_the_farther_whatever_their_order(reverse: bool) -> None:
    meshes = [ball(0.0, 0.4, RIGHT_COLOUR), ball(0.02, 0.6, LEFT_COLOUR, radius=0.1)]
    picture = np.asarray(draw_overlay(PHOTO, meshes[::-1] if reverse else meshes, CAMERA, opacity=1.0))
    assert hue(picture[60, 80]) > 30
    assert hue(picture[60, 105]) < -30


def test_pixels_away_from_the_meshes_keep_the_photo() -> None:
    picture = np.asarray(draw_overlay(PHOTO, [ball(0.0, 0.5, RIGHT_COLOUR)], CAMERA))
    assert picture.shape == PHOTO.shape
    np.testing.assert_array_equal(picture[:, :50], PHOTO[:, :50])
    np.testing.assert_array_equal(picture[:30], PHOTO[:30])
    assert (picture[60, 80] != PHOTO[60, 80]).any()


def test_the_photo_shines_through_by_the_opacity() -> None:
    black, white = np.zeros_like(PHOTO), np.full_like(PHOTO, 255)
    meshes = [ball(0.0, 0.5, RIGHT_COLOUR)]
    difference = np.asarray(draw_overlay(white, meshes, CAMERA, opacity=0.7)).astype(int) - draw_overlay(
        black, meshes, CAMERA, opacity=0.7
    )
    assert np.abs(difference[58:62, 78:82] - 0.3 * 255).max() <= 2


def test_edges_are_antialiased() -> None:
    white = np.full_like(PHOTO, 255)
    picture = np.asarray(draw_overlay(white, [ball(0.0, 0.5, (0.0, 0.0, 0.0))], CAMERA, opacity=1.0)).astype(int)
    row = picture[60, :, 1]
    assert np.count_nonzero((row > 60) & (row < 235)) >= 2


@pytest.mark.parametrize("meshes", [[], [ball(0.0, -0.5, RIGHT_COLOUR)], [ball(9.0, 0.5, LEFT_COLOUR)]], ids=len)
def test_what_is_not_in_sight_leaves_the_photo_alone(meshes: list[RenderMesh]) -> None:
    np.testing.assert_array_equal(np.asarray(draw_overlay(PHOTO, meshes, CAMERA)), PHOTO)


def test_the_photo_given_is_not_changed() -> None:
    photo = PHOTO.copy()
    draw_overlay(photo, [ball(0.0, 0.5, RIGHT_COLOUR)], CAMERA)
    np.testing.assert_array_equal(photo, PHOTO)


def test_a_mesh_around_the_camera_is_drawn() -> None:
    picture = np.asarray(draw_overlay(PHOTO, [ball(0.0, 0.0, RIGHT_COLOUR, radius=0.3)], CAMERA, opacity=1.0))
    assert (picture[5:-5, 5:-5] != PHOTO[5:-5, 5:-5]).any(axis=-1).mean() > 0.99


def test_a_box_larger_than_is_rendered_is_enlarged_to_its_place() -> None:
    photo = np.zeros((1500, 2000, 3), dtype=np.uint8)
    small = draw_overlay(np.zeros_like(PHOTO), [ball(0.0, 0.3, RIGHT_COLOUR, 0.1)], CAMERA)
    large = draw_overlay(photo, [ball(0.0, 0.3, RIGHT_COLOUR, 0.1)], Camera.from_fov(2000, 1500, fov_deg=60.0))
    difference = np.asarray(large.resize((160, 120))).astype(int) - np.asarray(small)
    assert np.abs(difference).mean() < 2.0


def test_the_view_from_aside_shows_what_lies_behind_left_of_what_lies_in_front() -> None:
    # The viewer stands at the camera's right: what is farther from the camera appears to the right.
    meshes = [ball(0.0, 0.4, RIGHT_COLOUR), ball(0.0, 0.6, LEFT_COLOUR)]
    view = np.asarray(view_from_aside(meshes, size=128)).astype(int)
    difference = view[..., 0] - view[..., 2]
    columns = np.arange(128)
    right_hand = np.average(columns, weights=(difference > 40).sum(axis=0))
    left_hand = np.average(columns, weights=(difference < -40).sum(axis=0))
    assert abs(left_hand - right_hand) > 30
    assert left_hand > right_hand


def test_a_panel_from_aside_is_added_to_the_right() -> None:
    assert draw_overlay(PHOTO, [ball(0.0, 0.5, RIGHT_COLOUR)], CAMERA, aside=True).size == (160 + 120, 120)
    assert draw_overlay(PHOTO, [], CAMERA, aside=True).size == (160 + 120, 120)


def test_a_mesh_that_is_not_finite_is_refused() -> None:
    mesh = RenderMesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]]), RIGHT_COLOUR)
    with pytest.raises(MeshError, match="vertices must be finite"):
        draw_overlay(PHOTO, [mesh], CAMERA)
