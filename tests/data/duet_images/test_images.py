"""Pictures and labels of the data set."""

from __future__ import annotations

import threading
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from a2p.data.duet import DuetPairs
from a2p.data.duet_images import DuetImageBatch, DuetImages, ImageSettings
from a2p.data.duet_images.renderer import PictureRenderer
from a2p.data.duet_images.settings import CameraSettings, OpticsSettings, PoseSettings
from a2p.errors import ConfigError
from a2p.hand import HandModel, HandParameters
from a2p.hand.keypoints import KeypointRegressor
from tests.data.duet_images.scenery import stacked_pairs
from tests.tolerances import PICTURE_KEYPOINT_PX, PICTURE_LABELLED_KEYPOINT_M

SMALL = ImageSettings(size_px=64)


@pytest.fixture(scope="module")
def renderer() -> PictureRenderer:
    return PictureRenderer(HandModel.load_pair())


@pytest.fixture(scope="module")
def pairs() -> DuetPairs:
    return stacked_pairs(16)


@pytest.fixture(scope="module")
def batch(renderer: PictureRenderer, pairs: DuetPairs) -> DuetImageBatch:
    return DuetImages(SMALL, renderer=renderer, pairs=pairs, seed=3, threads=1).batch(np.arange(40))


def assert_same(a: DuetImageBatch, b: DuetImageBatch) -> None:
    for item in fields(DuetImageBatch):
        first, second = getattr(a, item.name), getattr(b, item.name)
        if isinstance(first, HandParameters):
            for part in fields(HandParameters):
                torch.testing.assert_close(getattr(first, part.name), getattr(second, part.name), rtol=0, atol=0)
        else:
            np.testing.assert_array_equal(first, second, err_msg=item.name)


@pytest.mark.parametrize("threads", [2, 5])
def test_any_number_of_threads_makes_the_same_pictures(
    renderer: PictureRenderer, pairs: DuetPairs, batch: DuetImageBatch, threads: int
) -> None:
    assert_same(DuetImages(SMALL, renderer=renderer, pairs=pairs, seed=3, threads=threads).batch(np.arange(40)), batch)


def test_a_picture_is_the_same_in_any_batch(renderer: PictureRenderer, pairs: DuetPairs, batch: DuetImageBatch) -> None:
    images = DuetImages(SMALL, renderer=renderer, pairs=pairs, seed=3, threads=1)
    for indices in ([17], [39, 0, 21]):
        few = images.batch(np.array(indices))
        np.testing.assert_array_equal(few.rgb, batch.rgb[indices])
        np.testing.assert_array_equal(few.label, batch.label[indices])
        np.testing.assert_array_equal(few.keypoints_2d, batch.keypoints_2d[indices])


def test_another_seed_makes_other_pictures(renderer: PictureRenderer, pairs: DuetPairs, batch: DuetImageBatch) -> None:
    other = DuetImages(SMALL, renderer=renderer, pairs=pairs, seed=4, threads=1).batch(np.arange(4))
    assert (other.rgb != batch.rgb[:4]).mean() > 0.5


def test_keypoints_are_the_projected_ones_of_the_labelled_hands(batch: DuetImageBatch) -> None:
    models = HandModel.load_pair()
    focal, centre = batch.intrinsics[:, None, None, :2], batch.intrinsics[:, None, None, 2:]
    for side, hand in ((0, batch.right), (1, batch.left)):
        there = batch.present[:, side]
        keypoints = KeypointRegressor.for_model(models[side])(models[side](hand), hand.betas).numpy()
        error = np.linalg.norm(keypoints - batch.keypoints_3d[:, side], axis=-1)[there]
        assert error.max() < PICTURE_LABELLED_KEYPOINT_M
    pixels = batch.keypoints_3d[..., :2] / batch.keypoints_3d[..., 2:] * focal + centre
    assert np.abs(pixels - batch.keypoints_2d)[batch.present].max() < PICTURE_KEYPOINT_PX
    np.testing.assert_allclose(
        batch.keypoints_25d[..., 2], batch.keypoints_3d[..., 2] - batch.keypoints_3d[:, :, :1, 2]
    )


def test_visible_keypoints_lie_on_pixels_of_their_hand_or_forearm(batch: DuetImageBatch) -> None:
    size = batch.rgb.shape[1]
    for side in (0, 1):
        rows, points = np.nonzero(batch.visible[:, side])
        pixels = batch.keypoints_2d[rows, side, points]
        assert (pixels >= 0).all()
        assert (pixels < size).all()
        assert batch.present[rows, side].all()
        # A keypoint near an outline may share its pixel with something else.
        near = np.zeros(len(rows), dtype=bool)
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                x = np.clip(pixels[:, 0].astype(int) + dx, 0, size - 1)
                y = np.clip(pixels[:, 1].astype(int) + dy, 0, size - 1)
                near |= np.isin(batch.label[rows, y, x], (1 + side, 3 + side))
        assert near.all()


def test_a_mirrored_picture_is_the_flipped_one_with_sides_exchanged(
    renderer: PictureRenderer, pairs: DuetPairs
) -> None:
    straight = CameraSettings(mirror=0.0, mirror_left=False)
    plain = DuetImages(replace(SMALL, camera=straight), renderer=renderer, pairs=pairs, seed=3, threads=1).batch(
        np.arange(12)
    )
    flipped = DuetImages(
        replace(SMALL, camera=replace(straight, mirror=1.0)), renderer=renderer, pairs=pairs, seed=3, threads=1
    ).batch(np.arange(12))
    np.testing.assert_array_equal(flipped.rgb, plain.rgb[:, :, ::-1])
    np.testing.assert_array_equal(flipped.depth, plain.depth[:, :, ::-1])
    other = np.array([0, 2, 1, 4, 3, 5])
    np.testing.assert_array_equal(flipped.label, other[plain.label[:, :, ::-1]])
    np.testing.assert_array_equal(flipped.present, plain.present[:, ::-1])
    np.testing.assert_array_equal(flipped.visible, plain.visible[:, ::-1])
    np.testing.assert_array_equal(flipped.target, 1 - plain.target)
    expected = plain.keypoints_2d[:, ::-1].copy()
    expected[..., 0] = 64 - expected[..., 0]
    np.testing.assert_array_equal(flipped.keypoints_2d, expected)
    low, high = flipped.box_xyxy[..., :2], flipped.box_xyxy[..., 2:]
    np.testing.assert_allclose(low[flipped.present], flipped.keypoints_2d.min(axis=2)[flipped.present], atol=1e-4)
    np.testing.assert_allclose(high[flipped.present], flipped.keypoints_2d.max(axis=2)[flipped.present], atol=1e-4)
    assert_same(
        replace(plain, right=flipped.right, left=flipped.left), replace(plain, right=flipped.right, left=flipped.left)
    )


def test_cuts_of_one_hand_always_mean_a_right_one(batch: DuetImageBatch) -> None:
    one = batch.kind == 0
    assert one.any()
    np.testing.assert_array_equal(batch.target[one], 0)
    assert batch.present[one, 0].all()


def test_settings_decide_how_many_hands_there_are(renderer: PictureRenderer, pairs: DuetPairs) -> None:
    alone = replace(SMALL, pose=PoseSettings(contact=0.0, single=1.0))
    assert (
        DuetImages(alone, renderer=renderer, pairs=pairs, threads=1).batch(np.arange(16)).present.sum(axis=1) == 1
    ).all()
    both = replace(SMALL, pose=PoseSettings(contact=1.0, single=0.0))
    touching = DuetImages(both, renderer=renderer, pairs=pairs, threads=1).batch(np.arange(16))
    assert touching.present.all()
    assert touching.is_contact.all()


def test_an_even_camera_takes_brighter_pictures_with_more_exposure(renderer: PictureRenderer) -> None:
    dark = replace(SMALL, optics=OpticsSettings(low_light=1.0))
    light = replace(SMALL, optics=OpticsSettings(low_light=0.0))
    pictures = [
        DuetImages(settings, renderer=renderer, seed=1, threads=1).batch(np.arange(12)).rgb.mean()
        for settings in (dark, light)
    ]
    assert pictures[0] < 0.7 * pictures[1]


def test_a_stream_goes_through_the_sequence_and_workers_share_it(
    batch: DuetImageBatch, renderer: PictureRenderer, pairs: DuetPairs
) -> None:
    images = DuetImages(SMALL, renderer=renderer, pairs=pairs, seed=3, threads=1)
    second_worker = images.stream(4, first=4, step=2)
    np.testing.assert_array_equal(next(second_worker).rgb, batch.rgb[4:8])
    np.testing.assert_array_equal(next(second_worker).rgb, batch.rgb[12:16])
    second_worker.close()
    assert not any(thread.name.startswith("a2p-plan") for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ImageSettings(size_px=8), "size_px must lie in"),
        (lambda: PoseSettings(contact=0.8, single=0.4), "contact \\+ single must be at most 1"),
        (lambda: PoseSettings(gesture=1.5), "gesture must lie in \\[0, 1\\]"),
        (lambda: OpticsSettings(jpeg_quality=(90.0, 30.0)), "jpeg_quality must be \\(low, high\\)"),
        (lambda: CameraSettings(distance_m=(0.05, 1.0)), "distance_m of at least 0.2"),
        (lambda: DuetImages(threads=-1), "threads must be at least 0"),
        (lambda: DuetImages(SMALL).batch(np.array([-1])), "none below 0"),
    ],
)
def test_bad_settings_are_refused_by_name(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]
