import numpy as np
from PIL import Image

from a2p.perception.hiding import window_around, without_hand

# A hand from the wrist at the bottom to four fingers at the top and a thumb on the left.
HAND = np.array(
    [(100.0, 180.0), (80.0, 165.0), (65.0, 150.0), (55.0, 135.0), (45.0, 120.0)]
    + [(x, y) for x in (85.0, 97.0, 109.0, 120.0) for y in (120.0, 95.0, 75.0, 60.0)]
)


def test_a_hand_is_painted_over_and_what_is_farther_away_stays() -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (220, 260, 3), dtype=np.uint8)
    hidden = np.asarray(without_hand(Image.fromarray(pixels), HAND)).astype(int)
    mean = pixels.reshape(-1, 3).mean(axis=0)
    for x, y in HAND[[5, 3, 7, 14, 18]].astype(int):
        assert np.abs(hidden[y, x] - mean).max() < 20
    np.testing.assert_array_equal(hidden[:, 160:], pixels[:, 160:])
    np.testing.assert_array_equal(hidden[:40], pixels[:40])


def test_the_window_around_a_hand_holds_all_of_it() -> None:
    inside = window_around(HAND).from_image(HAND)
    assert ((inside > 0.0) & (inside < 1.0)).all()
