import math

import numpy as np
import pytest

from a2p.perception.palm import Palm, anchors, average, clusters, merge


def palm(x: float, y: float, *, turn: float = 0.0, length: float = 100.0, score: float = 0.9) -> Palm:
    """Returns a palm whose wrist lies at (x, y) and whose fingers point up, turned clockwise by `turn`."""
    rest = np.array([[0, 0], [-0.3, -0.95], [0, -1], [0.25, -0.95], [0.5, -0.8], [-0.3, -0.2], [-0.6, -0.5]])
    cos, sin = math.cos(turn), math.sin(turn)
    keypoints = rest * length @ np.array([[cos, sin], [-sin, cos]]) + (x, y)
    middle, half = keypoints.mean(axis=0), 0.6 * length
    return Palm(score, np.stack([middle - half, middle + half]), keypoints)


def test_there_are_two_anchors_a_cell_of_8_px_and_six_a_cell_of_16_px() -> None:
    centres = anchors()
    assert centres.shape == (2016, 2)
    np.testing.assert_allclose(centres[0], [0.5 / 24, 0.5 / 24])
    np.testing.assert_allclose(centres[2], [1.5 / 24, 0.5 / 24])
    np.testing.assert_allclose(centres[1152], [0.5 / 12, 0.5 / 12])
    np.testing.assert_allclose(centres[-1], [11.5 / 12, 11.5 / 12])


@pytest.mark.parametrize("turn", [0.0, 0.7, math.pi, -2.0])
def test_the_crop_of_a_palm_has_the_fingers_up_and_the_wrist_below(turn: float) -> None:
    one = palm(300.0, 400.0, turn=turn)
    crop = one.crop()
    wrist, knuckle = crop.from_image(one.keypoints[0]), crop.from_image(one.keypoints[2])
    assert wrist[0] == pytest.approx(knuckle[0], abs=1e-9)
    assert 0.5 < knuckle[1] < wrist[1] < 0.9


def test_like_palms_are_merged_by_their_score() -> None:
    merged = merge([palm(100.0, 100.0, score=0.9), palm(110.0, 100.0, score=0.6)])
    assert len(merged) == 1
    assert merged[0].score == 0.9
    np.testing.assert_allclose(merged[0].keypoints[0], [104.0, 100.0])


def test_clasped_palms_whose_boxes_coincide_stay_two() -> None:
    left, right = palm(60.0, 100.0, turn=math.pi / 2.0), palm(160.0, 100.0, turn=-math.pi / 2.0)
    assert np.abs(left.box - right.box).max() < 100.0
    assert len(merge([left, right])) == 2


def test_groups_are_ordered_by_their_best_palm() -> None:
    groups = clusters([palm(0.0, 0.0, score=0.3), palm(500.0, 0.0, score=0.8), palm(5.0, 0.0, score=0.9)])
    assert [[one.score for one in group] for group in groups] == [[0.9, 0.3], [0.8]]
    assert average(groups[1]).score == 0.8
    assert merge([]) == []
