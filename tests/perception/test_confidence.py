import math

import numpy as np

from a2p.perception.confidence import keypoint_confidence
from tests.perception.test_assignment import reading


def test_confidence_lies_between_0_and_1_and_falls_with_disagreement_and_absence() -> None:
    agreed = keypoint_confidence(reading(0.0, right=0.5))
    disputed = keypoint_confidence(reading(0.0, right=0.5, disagree=4.0))
    hidden = keypoint_confidence(reading(0.0, right=0.5, score=0.5))
    assert ((agreed > 0.0) & (agreed <= 1.0)).all()
    assert (disputed < agreed).all()
    assert (hidden <= agreed).all()
    assert hidden.mean() < agreed.mean()


def test_confidence_tells_the_expected_error_in_hand_sizes() -> None:
    wrist_error = 0.02 / keypoint_confidence(reading(0.0, right=0.5, disagree=2.0, score=1.0))[0]
    np.testing.assert_allclose(wrist_error, 0.013 + (0.16 + 1.96) * 0.02 * math.sqrt(1.5), rtol=1e-6)
