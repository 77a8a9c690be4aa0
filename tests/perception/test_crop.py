import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from a2p.perception.crop import Crop, letterbox, sample

crops = st.builds(
    Crop,
    st.tuples(st.floats(-50, 300), st.floats(-50, 300)),
    st.floats(1.0, 500.0),
    st.floats(-7.0, 7.0),
    st.booleans(),
)


@given(crops, st.floats(-400, 400), st.floats(-400, 400))
def test_to_image_undoes_from_image(crop: Crop, x: float, y: float) -> None:
    point = np.array([x, y])
    np.testing.assert_allclose(crop.to_image(crop.from_image(point)), point, atol=1e-9)


def test_a_quarter_turn_points_the_crops_top_to_the_right_of_the_image() -> None:
    crop = Crop((10.0, 20.0), 4.0, math.pi / 2.0)
    np.testing.assert_allclose(crop.to_image(np.array([0.5, 0.0])), [12.0, 20.0], atol=1e-12)


def test_an_upright_crop_at_full_scale_is_the_image() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    seen = sample(Image.fromarray(pixels), letterbox(64, 64), 64)
    np.testing.assert_allclose(seen, pixels / 255.0, atol=1e-6)
    mirrored = sample(Image.fromarray(pixels), Crop((32.0, 32.0), 64.0, mirrored=True), 64)
    np.testing.assert_allclose(mirrored, pixels[:, ::-1] / 255.0, atol=1e-6)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.7, 9.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_spot_in_the_image_lies_in_the_crop_where_from_image_says(scale: float, mirrored: bool) -> None:
    size, spot = 96, np.array([410.0, 333.0])
    y, x = np.mgrid[0:800, 0:900] + 0.5
    blob = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2.0 * (4.0 * scale) ** 2))
    pixels = np.repeat((255.0 * blob).astype(np.uint8)[..., None], 3, axis=-1)
    crop = Crop((400.0, 340.0), size * scale, 0.6, mirrored)
    seen = sample(Image.fromarray(pixels), crop, size)[..., 0]
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    found = np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()
    np.testing.assert_allclose(found, crop.from_image(spot) * size, atol=0.1)


def test_beyond_the_image_there_is_black() -> None:
    white = Image.new("RGB", (40, 20), (255, 255, 255))
    seen = sample(white, letterbox(40, 20), 80)
    assert seen[:18].max() == 0.0
    assert seen[62:].max() == 0.0
    assert seen[22:58].min() == pytest.approx(1.0)
