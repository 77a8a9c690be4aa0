"""The whole way on the packaged example image: every promise of a result, and every kind of bad input."""

from __future__ import annotations

import io
import math
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import a2p
from a2p.errors import BackendError, BoxError, CameraError, ConfigError, ImageError
from a2p.finisher import MAX_PENETRATION_MM

EXAMPLE = resources.files("a2p") / "assets" / "example.jpg"


@pytest.fixture(scope="module")
def reconstructor() -> a2p.Reconstructor:
    return a2p.Reconstructor()


@pytest.fixture(scope="module")
def result(reconstructor: a2p.Reconstructor) -> a2p.Reconstruction:
    return reconstructor(EXAMPLE.read_bytes())


def test_the_example_shows_one_right_and_one_left_hand(result: a2p.Reconstruction) -> None:
    assert sorted(hand.handedness for hand in result.hands) == ["left", "right"]
    assert result.right is not None
    assert result.left is not None
    assert result.right.handedness == "right"


def test_a_result_is_consistent_with_itself(result: a2p.Reconstruction) -> None:
    for hand in result.hands:
        torch.testing.assert_close(result.camera.project(hand.keypoints_3d), hand.keypoints_2d)
        distance = (hand.keypoints_2d - hand.detected_keypoints_2d).norm(dim=-1).mean()
        assert hand.reprojection_error_px == pytest.approx(float(distance), rel=1e-4)
        model = a2p.HandModel.load("open", side=hand.handedness)
        torch.testing.assert_close(model(hand.parameters).vertices, hand.vertices)
        assert int(hand.faces.max()) == len(hand.vertices) - 1


def test_the_example_is_fitted_within_a_hundredth_and_a_half_of_the_hand(result: a2p.Reconstruction) -> None:
    for hand in result.hands:
        x0, y0, x1, y1 = hand.box_xyxy_px
        assert hand.reprojection_error_px <= 0.015 * math.hypot(x1 - x0, y1 - y0)


def test_relative_translation_points_from_the_right_wrist_to_the_left(result: a2p.Reconstruction) -> None:
    assert result.right is not None
    assert result.left is not None
    assert result.relative_translation is not None
    torch.testing.assert_close(result.right.joints[0] + result.relative_translation, result.left.joints[0])


def test_equal_images_give_equal_results(reconstructor: a2p.Reconstructor, result: a2p.Reconstruction) -> None:
    again, also = reconstructor.batch([EXAMPLE.read_bytes(), np.array(Image.open(io.BytesIO(EXAMPLE.read_bytes())))])
    for other in (again, also):
        for mine, theirs in zip(result.hands, other.hands, strict=True):
            assert torch.equal(mine.vertices, theirs.vertices)


def test_a_batch_is_what_calls_make_of_its_images_in_their_order(reconstructor: a2p.Reconstructor) -> None:
    whole = np.array(Image.open(io.BytesIO(EXAMPLE.read_bytes())))
    images = [
        whole,
        whole[:, ::-1],
        np.full((240, 320, 3), 127, np.uint8),
        whole[::2, ::2],
        whole[:, : whole.shape[1] // 2],
    ]
    batch = reconstructor.batch(np.ascontiguousarray(image) for image in images)
    for image, found in zip(images, batch, strict=True):
        alone = reconstructor(np.ascontiguousarray(image))
        assert [hand.handedness for hand in found.hands] == [hand.handedness for hand in alone.hands]
        for mine, theirs in zip(found.hands, alone.hands, strict=True):
            assert torch.equal(mine.vertices, theirs.vertices)
    assert reconstructor.batch([]) == []


def test_a_batch_with_an_image_that_cannot_be_read_raises_its_error(reconstructor: a2p.Reconstructor) -> None:
    with pytest.raises(ImageError):
        reconstructor.batch([EXAMPLE.read_bytes(), b"no image", EXAMPLE.read_bytes()])


def test_an_image_without_hands_gives_an_empty_result_and_a_warning(reconstructor: a2p.Reconstructor) -> None:
    result = reconstructor(np.full((240, 320, 3), 127, np.uint8))
    assert result.hands == ()
    assert result.right is None
    assert result.relative_translation is None
    assert result.penetration.max_mm == 0.0
    assert any("no hand" in warning for warning in result.warnings)


def test_boxes_from_the_caller_decide_handedness_and_order(
    reconstructor: a2p.Reconstructor, result: a2p.Reconstruction
) -> None:
    assert result.right is not None
    assert result.left is not None
    boxes = [("left", result.left.box_xyxy_px), ("right", result.right.box_xyxy_px)]
    given = reconstructor(EXAMPLE.read_bytes(), boxes=boxes)
    assert [hand.handedness for hand in given.hands] == ["left", "right"]


def test_a_given_camera_is_used(reconstructor: a2p.Reconstructor, result: a2p.Reconstruction) -> None:
    camera = a2p.Camera(2 * result.camera.fx, 2 * result.camera.fy, result.camera.cx, result.camera.cy)
    far = reconstructor(EXAMPLE.read_bytes(), camera=camera)
    assert far.camera == camera
    assert far.hands[0].joints[0, 2] > 1.7 * result.hands[0].joints[0, 2]


def _both_in_one_place(result: a2p.Reconstruction) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Boxes that claim a right and a left hand where there is one, so that the hands that come out penetrate."""
    assert result.right is not None
    return [("right", result.right.box_xyxy_px), ("left", result.right.box_xyxy_px)]


def test_hands_in_one_place_are_moved_apart(reconstructor: a2p.Reconstructor, result: a2p.Reconstruction) -> None:
    apart = reconstructor(EXAMPLE.read_bytes(), boxes=_both_in_one_place(result))
    assert apart.penetration_before.max_mm > MAX_PENETRATION_MM
    assert apart.penetration.max_mm <= MAX_PENETRATION_MM


def test_without_refinement_alignment_is_returned_as_it_is_with_a_warning(result: a2p.Reconstruction) -> None:
    plain = a2p.Reconstructor(refine=False)(EXAMPLE.read_bytes(), boxes=_both_in_one_place(result))
    assert plain.penetration == plain.penetration_before
    assert plain.penetration.max_mm > MAX_PENETRATION_MM
    assert any("penetrate each other" in warning for warning in plain.warnings)


@pytest.mark.parametrize(
    ("box", "match"),
    [
        ((math.nan, 0.0, 10.0, 10.0), "finite"),
        ((-500.0, -500.0, -400.0, -400.0), "overlap the image"),
        ((50.0, 50.0, 20.0, 20.0), "x1 >= x0"),
    ],
)
def test_an_unusable_box_is_refused(
    reconstructor: a2p.Reconstructor, box: tuple[float, float, float, float], match: str
) -> None:
    with pytest.raises(BoxError, match=match):
        reconstructor(EXAMPLE.read_bytes(), boxes=[("right", box)])


def test_a_truncated_jpeg_is_refused(reconstructor: a2p.Reconstructor) -> None:
    with pytest.raises(ImageError, match=r"truncated|not"):
        reconstructor(EXAMPLE.read_bytes()[:5000])


@pytest.mark.parametrize("size", [(1, 1), (20_000, 20_000)])
def test_tiny_and_huge_images_are_refused(
    reconstructor: a2p.Reconstructor, tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "image.png"
    Image.new("1", size).save(path)
    with pytest.raises(ImageError, match=r"at least|at most"):
        reconstructor(path)


def _sixteen_bit(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("convert", "suffix"),
    [
        (lambda image: image.convert("CMYK"), "jpg"),
        (_sixteen_bit, "png"),
        (lambda image: image.convert("RGBA"), "png"),
        (lambda image: image.convert("L"), "png"),
    ],
    ids=["cmyk", "16-bit", "rgba", "grayscale"],
)
def test_other_pixel_formats_show_the_same_hands(
    reconstructor: a2p.Reconstructor, tmp_path: Path, convert: object, suffix: str
) -> None:
    path = tmp_path / f"image.{suffix}"
    assert callable(convert)
    convert(Image.open(io.BytesIO(EXAMPLE.read_bytes()))).save(path)
    result = reconstructor(path)
    assert sorted(hand.handedness for hand in result.hands) == ["left", "right"]


def test_exif_rotation_is_applied(reconstructor: a2p.Reconstructor, result: a2p.Reconstruction, tmp_path: Path) -> None:
    image = Image.open(io.BytesIO(EXAMPLE.read_bytes()))
    turned = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    turned.save(path, exif=exif)
    upright = reconstructor(path)
    assert upright.image.shape == result.image.shape
    for mine, theirs in zip(result.hands, upright.hands, strict=True):
        assert mine.handedness == theirs.handedness
        assert (mine.keypoints_2d - theirs.keypoints_2d).norm(dim=-1).max() < 3.0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"device": "cuda"}, BackendError), ({"max_hands": 0}, ConfigError), ({"fov_deg": 180.0}, CameraError)],
)
def test_a_wrong_setting_is_refused_at_construction(arguments: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        a2p.Reconstructor(**arguments)  # type: ignore[arg-type]


def test_a_model_whose_zero_pose_is_bent_gives_the_same_hands(result: a2p.Reconstruction) -> None:
    bent = a2p.HandModel.load_pair("open", flat_hand_mean=False)
    other = a2p.Reconstructor(hand_model=bent)(EXAMPLE.read_bytes())
    for mine, theirs in zip(result.hands, other.hands, strict=True):
        assert not torch.equal(mine.parameters.hand_pose, theirs.parameters.hand_pose)
        assert (mine.vertices - theirs.vertices).norm(dim=-1).max() < 1e-5


def test_mano_files_take_the_place_of_the_open_hand(tmp_path: Path, result: a2p.Reconstruction) -> None:
    source = resources.files("a2p") / "hand" / "assets" / "open_hand_right.npz"
    right = tmp_path / "MANO_RIGHT.npz"
    right.write_bytes(source.read_bytes())
    arrays = dict(np.load(right))
    for name in ("v_template", "shapedirs"):
        arrays[name] = arrays[name] * np.array([-1.0, 1.0, 1.0]).reshape(1, 3, *[1] * (arrays[name].ndim - 2))
    arrays["f"] = arrays["f"][:, ::-1]
    flips = np.outer([-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]).ravel()
    arrays["posedirs"] = arrays["posedirs"] * np.array([-1.0, 1.0, 1.0])[None, :, None] * np.tile(flips, 15)
    np.savez(tmp_path / "MANO_LEFT.npz", **arrays)
    other = a2p.Reconstructor(hand_model=str(tmp_path))(EXAMPLE.read_bytes())
    for mine, theirs in zip(result.hands, other.hands, strict=True):
        assert (mine.vertices - theirs.vertices).norm(dim=-1).max() < 1e-4
