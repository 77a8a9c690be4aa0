from __future__ import annotations

import pytest
import torch

from a2p.data.sample import BOX_SCALE
from a2p.hand import HandModel
from a2p.hand.keypoints import KeypointRegressor
from a2p.perception.outline import OUTLINE, keypoints_box, outline_box
from tests.alignment.scenes import CAMERA, random_hands


def test_an_outline_lies_about_the_keypoints_and_leads_back_to_them() -> None:
    box = (10.0, 20.0, 60.0, 120.0)
    assert outline_box(box) == pytest.approx((5.0, 10.0, 65.0, 130.0))
    assert keypoints_box(outline_box(box)) == pytest.approx(box)


def test_outlines_are_as_much_larger_than_keypoints_as_those_of_the_hand_model() -> None:
    model = HandModel.load("open")
    hands = random_hands(model, 64, seed=0).to(dtype=torch.float32)
    posed = model(hands)
    across = [
        (pixels.amax(1) - pixels.amin(1)).amax(1)
        for pixels in map(CAMERA.project, (posed.vertices, KeypointRegressor.for_model(model)(posed, hands.betas)))
    ]
    assert float((across[0] / across[1]).median()) == pytest.approx(OUTLINE, abs=0.05)


def test_boxes_of_data_sets_are_outlines() -> None:
    assert BOX_SCALE == OUTLINE
