import math

import pytest

from a2p.errors import BoxError
from a2p.perception.detector import checked_boxes


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (("right", (0.0, math.nan, 10.0, 10.0)), r"boxes\[0\] must hold finite numbers"),
        (("right", (0.0, 0.0, math.inf, 10.0)), "finite numbers"),
        (("right", (100.0, 0.0, 120.0, 10.0)), r"must overlap the image, 100 x 80 px"),
        (("left", (-30.0, -30.0, -5.0, -5.0)), "must overlap the image"),
        (("left", (10.0, 10.0, 5.0, 20.0)), "opposite corners"),
        (("up", (0.0, 0.0, 10.0, 10.0)), "'left' or 'right'"),
        (("left", (0.0, 0.0, 10.0)), r"\(x0, y0, x1, y1\)"),
        ((0.0, 0.0, 10.0, 10.0), r"\(x0, y0, x1, y1\)"),
    ],
)
def test_an_unusable_box_is_refused_with_its_index(box: object, message: str) -> None:
    with pytest.raises(BoxError, match=message):
        checked_boxes([box], 100, 80)


def test_a_box_partly_outside_is_kept_as_given() -> None:
    assert checked_boxes([("left", (-5, -5, 20, 30))], 100, 80).boxes == (("left", (-5.0, -5.0, 20.0, 30.0)),)
