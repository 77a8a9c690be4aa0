"""The renderer's labels against the exact rasteriser and constructed scenes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from a2p import Camera
from a2p.data.duet_images.renderer import LEFT_HAND, NOTHING, OBJECT, RIGHT_HAND, PictureRenderer, Pictures
from a2p.data.duet_images.solids import BOX
from a2p.hand import HandPair
from a2p.render.rasterize import rasterize
from tests.data.duet_images.scenery import FOCAL, SIZE, facing_hands, open_models, plain_scenes
from tests.tolerances import PICTURE_DEPTH_M, PICTURE_JPEG_MEAN, PICTURE_LABEL_SHARE

SEEDS = np.array([7], dtype=np.uint32)


@pytest.fixture(scope="module")
def models() -> HandPair:
    return open_models()


@pytest.fixture(scope="module")
def renderer(models: HandPair) -> PictureRenderer:
    return PictureRenderer(models)


def render(renderer: PictureRenderer, scenes: np.ndarray, models: HandPair, *, palm: bool = True) -> Pictures:
    return renderer.render(scenes, facing_hands(models, palm=palm), SEEDS, width=SIZE, height=SIZE, threads=1)


def test_labels_and_depth_are_those_of_the_exact_rasteriser(renderer: PictureRenderer, models: HandPair) -> None:
    hands = facing_hands(models)
    camera = Camera(FOCAL, FOCAL, SIZE / 2, SIZE / 2)
    for side, label in ((0, RIGHT_HAND), (1, LEFT_HAND)):
        pictures = render(renderer, plain_scenes(present=(side == 0, side == 1)), models)
        exact = rasterize(
            hands.vertices[0, side], models[side].topology.faces.numpy(), camera, width=SIZE, height=SIZE, samples=4
        )
        covered = (exact.face >= 0).reshape(SIZE, 4, SIZE, 4).mean(axis=(1, 3))
        ours = pictures.label[0] == label
        assert abs(float(covered.sum() - ours.sum())) < PICTURE_LABEL_SHARE * ours.sum()
        # Corners are snapped to 1/32 px, which may close or open the gap between two fingers in a pixel.
        assert (~ours[covered == 1.0]).sum() <= 2
        assert ours[covered == 0.0].sum() <= 2
        whole = (covered == 1.0) & ours
        depth = exact.depth.reshape(SIZE, 4, SIZE, 4).mean(axis=(1, 3))[whole]
        assert np.abs(pictures.depth[0][whole] - depth).max() < PICTURE_DEPTH_M
        assert np.isinf(pictures.depth[0][pictures.label[0] == NOTHING]).all()


def test_a_flat_hand_shows_every_keypoint_from_either_side(renderer: PictureRenderer, models: HandPair) -> None:
    for palm in (True, False):
        visible = render(renderer, plain_scenes(), models, palm=palm).visible[0]
        assert visible[0].all()
        assert not visible[1].any()  # the left hand is not present


def test_what_a_box_covers_is_not_visible_and_the_rest_is(renderer: PictureRenderer, models: HandPair) -> None:
    scenes = plain_scenes()
    keypoints = facing_hands(models).keypoints[0, 0]
    box = scenes["solids"][:, 0]
    box["kind"] = BOX
    box["axes"] = np.eye(3).ravel()
    box["centre"] = keypoints[9] * 0.8  # between camera and palm
    box["half_size"] = (0.025, 0.025, 0.01)
    pictures = render(renderer, scenes, models)
    nearest = keypoints * ((box["centre"][0, 2]) / keypoints[:, 2:])
    covered = (np.abs(nearest - box["centre"][0])[:, :2] < 0.024).all(axis=1)
    clear = (np.abs(nearest - box["centre"][0])[:, :2] > 0.028).any(axis=1)
    assert covered.any()
    assert clear.any()
    np.testing.assert_array_equal(pictures.visible[0, 0][covered], False)
    np.testing.assert_array_equal(pictures.visible[0, 0][clear], True)
    assert (pictures.label == OBJECT).sum() > 100


def test_a_hand_before_the_other_hides_its_keypoints(renderer: PictureRenderer, models: HandPair) -> None:
    hands = facing_hands(models)
    shift = hands.keypoints[0, 0, 0] - hands.keypoints[0, 1, 0] - np.array([0.0, 0.0, 0.08], dtype=np.float32)
    for array in (hands.vertices, hands.joints, hands.keypoints):
        array[:, 1] += shift
    pictures = renderer.render(plain_scenes(present=(True, True)), hands, SEEDS, width=SIZE, height=SIZE, threads=1)
    assert pictures.visible[0, 1].all()
    assert not pictures.visible[0, 0, [0, 5, 9, 13]].any()


def test_light_from_the_camera_is_brighter_than_light_from_behind(renderer: PictureRenderer, models: HandPair) -> None:
    scenes = plain_scenes()
    lit = render(renderer, scenes, models).rgb[0]
    scenes["light"]["to_key"] = (0.0, 0.0, 1.0)
    dark = render(renderer, scenes, models)
    hand = dark.label[0] == RIGHT_HAND
    assert lit[hand].mean() > 1.3 * dark.rgb[0][hand].mean()
    np.testing.assert_array_equal(lit[~hand & (dark.depth[0] == np.inf)][:50], dark.rgb[0][~hand][:50])


def test_a_surface_behind_takes_the_hands_shadow(renderer: PictureRenderer, models: HandPair) -> None:
    scenes = plain_scenes()
    scenes["light"]["to_key"] = (0.5, -0.5, -0.7071)
    bare = render(renderer, scenes, models)
    scenes["background"]["receives_shadow"] = 1.0
    scenes["background"]["surface_gap"] = 0.01
    shadowed = render(renderer, scenes, models)
    behind = bare.label[0] == NOTHING
    drop = bare.rgb[0][behind].astype(int) - shadowed.rgb[0][behind]
    assert drop.min() >= 0
    assert (drop.max(axis=1) > 20).mean() > 0.02
    np.testing.assert_array_equal(bare.rgb[0][~behind & (bare.label[0] > 0)].shape[0] > 0, True)


def test_jpeg_loses_what_pillow_loses(renderer: PictureRenderer, models: HandPair) -> None:
    scenes = plain_scenes()
    scenes["background"]["finish"]["pattern"] = 2
    scenes["background"]["finish"]["second"] = (0.7, 0.1, 0.2)
    scenes["background"]["finish"]["scale"] = 7.0
    original = render(renderer, scenes, models).rgb[0]
    for quality in (35, 60, 90):
        scenes["optics"]["jpeg_quality"] = quality
        ours = render(renderer, scenes, models).rgb[0].astype(int)
        file = io.BytesIO()
        Image.fromarray(original).save(file, "jpeg", quality=quality, subsampling=2)
        theirs = np.asarray(Image.open(file)).astype(int)
        assert np.abs(ours - theirs).mean() < PICTURE_JPEG_MEAN
        assert np.abs(ours - original).mean() > 0.3


def test_wrong_arrays_are_named(renderer: PictureRenderer, models: HandPair) -> None:
    hands = facing_hands(models)
    with pytest.raises(ValueError, match="threads"):
        renderer.render(plain_scenes(2), facing_hands(models, 2), SEEDS.repeat(2), width=SIZE, height=SIZE, threads=-1)
    with pytest.raises(ValueError, match="width and height must lie in"):
        renderer.render(plain_scenes(), hands, SEEDS, width=4, height=SIZE)
    scenes = plain_scenes()
    scenes["background"]["photo"] = 3
    with pytest.raises(ValueError, match=r"background\.photo must be below 0"):
        renderer.render(scenes, hands, SEEDS, width=SIZE, height=SIZE)
    scenes = plain_scenes()
    scenes["fx"] = np.nan
    with pytest.raises(ValueError, match="scenes must be finite"):
        renderer.render(scenes, hands, SEEDS, width=SIZE, height=SIZE)
