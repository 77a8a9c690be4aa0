import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2p.native import core
from a2p.perception.crop import Crop, letterbox, sample
from tests.tolerances import WINDOW_STEPS_OF_8_BITS

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
    seen = sample(pixels, letterbox(64, 64), 64)
    np.testing.assert_allclose(seen, pixels / 255.0, atol=1e-6)
    mirrored = sample(pixels, Crop((32.0, 32.0), 64.0, mirrored=True), 64)
    np.testing.assert_allclose(mirrored, pixels[:, ::-1] / 255.0, atol=1e-6)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.7, 9.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_spot_in_the_image_lies_in_the_crop_where_from_image_says(scale: float, mirrored: bool) -> None:
    size, spot = 96, np.array([410.0, 333.0])
    y, x = np.mgrid[0:800, 0:900] + 0.5
    blob = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2.0 * (4.0 * scale) ** 2))
    pixels = np.repeat((255.0 * blob).astype(np.uint8)[..., None], 3, axis=-1)
    crop = Crop((400.0, 340.0), size * scale, 0.6, mirrored)
    seen = sample(pixels, crop, size)[..., 0]
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    found = np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()
    np.testing.assert_allclose(found, crop.from_image(spot) * size, atol=0.1)


def test_beyond_the_image_there_is_black() -> None:
    white = np.full((20, 40, 3), 255, dtype=np.uint8)
    seen = sample(white, letterbox(40, 20), 80)
    assert seen[:18].max() == 0.0
    assert seen[62:].max() == 0.0
    assert seen[22:58].min() == pytest.approx(1.0)


def by_definition(image: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """Returns `sample` by its definition in float64: blocks averaged to 8 bits, then bilinear, one pixel at a time."""
    height, width = image.shape[:2]
    block, x0, y0, source = int(crop.side_px / size), 0, 0, image
    if block > 1:
        corners = crop.to_image(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        low, last = np.floor(corners.min(axis=0) - block), np.array([width - 1, height - 1])
        x0, y0 = np.clip(low, 0, last).astype(int)
        rows, columns = range(y0, height, block), range(x0, width, block)
        source = np.array([[image[y : y + block, x : x + block].mean(axis=(0, 1)) for x in columns] for y in rows])
        source = np.floor(source + 0.5)
    block = max(block, 1)
    expected = np.zeros((size, size, 3))
    for row, column in np.ndindex(size, size):
        x, y = crop.to_image((np.array([column, row]) + 0.5) / size)
        if not (0.0 <= x < width and 0.0 <= y < height):
            continue
        u, v = (x - x0) / block - 0.5, (y - y0) / block - 0.5
        left, top = math.floor(u), math.floor(v)
        for dy, dx in np.ndindex(2, 2):
            share = (u - left if dx else 1.0 - u + left) * (v - top if dy else 1.0 - v + top)
            at = np.clip([top + dy, left + dx], 0, np.array(source.shape[:2]) - 1)
            expected[row, column] += share * source[at[0], at[1]] / 255.0
    return expected


@pytest.mark.parametrize("isa", core.runnable_isas())
@pytest.mark.parametrize(
    "crop",
    [
        Crop((11.3, 9.1), 14.0, 0.3),
        Crop((20.2, 15.7), 36.5, -1.1, mirrored=True),
        Crop((1.0, 28.0), 41.0, 2.5),
        Crop((30.0, 15.0), 90.0, 0.7, mirrored=True),
        Crop((20.0, 14.0), 400.0, 0.2),
        Crop((-300.0, 900.0), 90.0),
    ],
    ids=lambda crop: f"{crop.side_px}",
)
def test_a_window_shows_what_its_definition_says(isa: str, crop: Crop) -> None:
    image = np.random.default_rng(5).integers(0, 256, (31, 43, 3), dtype=np.uint8)
    core.set_isa(isa)
    try:
        seen = sample(image, crop, 12)
    finally:
        core.set_isa(None)
    np.testing.assert_allclose(seen * 255.0, by_definition(image, crop, 12) * 255.0, atol=WINDOW_STEPS_OF_8_BITS)


def test_views_that_are_not_contiguous_are_sampled_like_their_copies() -> None:
    image = np.random.default_rng(6).integers(0, 256, (40, 50, 3), dtype=np.uint8)[:, ::-1]
    crop = Crop((25.0, 20.0), 60.0, 0.4)
    np.testing.assert_array_equal(sample(image, crop, 16), sample(image.copy(), crop, 16))


def test_a_window_without_extent_shows_what_is_at_its_centre() -> None:
    image = np.full((8, 8, 3), 51, dtype=np.uint8)
    np.testing.assert_allclose(sample(image, Crop((4.0, 4.0), 0.0), 4), 0.2, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": 0.0}, "side must be positive"),
        ({"side": math.inf}, "side must be positive"),
        ({"centre": (math.nan, 0.0)}, "finite"),
        ({"size": 0}, "size must lie in"),
        ({"picture": np.zeros((0, 4, 3), dtype=np.uint8)}, "must have pixels"),
        ({"picture": np.zeros((4, 4, 4), dtype=np.uint8)}, "must have shape"),
    ],
)
def test_a_window_that_is_none_is_refused(change: dict[str, object], message: str) -> None:
    given = {"picture": np.zeros((4, 4, 3), dtype=np.uint8), "centre": (2.0, 2.0), "side": 4.0, "rotation": 0.0}
    arguments = {**given, "mirrored": False, "size": 4, **change}
    with pytest.raises(ValueError, match=message):
        core.sample_window(arguments.pop("picture"), **arguments)
