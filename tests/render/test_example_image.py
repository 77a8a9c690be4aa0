"""The packaged example image: what it is for, and that its tool still makes it."""

from __future__ import annotations

import importlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2p.perception import HandFinder
from tests.tolerances import EXAMPLE_IMAGE_MEAN

EXAMPLE = resources.files("a2p") / "assets" / "example.jpg"


def test_the_example_is_a_small_jpeg_of_640_by_480() -> None:
    with resources.as_file(EXAMPLE) as path:
        assert path.stat().st_size <= 200_000
        with Image.open(path) as image:
            assert (image.format, image.size, image.mode) == ("JPEG", (640, 480), "RGB")


def test_both_hands_are_found_in_the_example_with_their_handedness() -> None:
    with resources.as_file(EXAMPLE) as path, Image.open(path) as image:
        pixels = np.asarray(image)
    hands = {hand.handedness: hand for hand in HandFinder(threads=1).find_hands(pixels)}
    assert set(hands) == {"right", "left"}
    assert min(hand.score for hand in hands.values()) > 0.8
    right, left = hands["right"].keypoints_2d.numpy(), hands["left"].keypoints_2d.numpy()
    assert right[:, 0].mean() < left[:, 0].mean(), "the person faces the camera"
    assert left[8, 1] < left[[12, 16, 20], 1].min() - 20, "the left hand points up"
    for tip, knuckle in ((8, 5), (12, 9), (16, 13), (20, 17)):
        assert right[tip, 1] < right[knuckle, 1] - 30, "the right hand is open"


def test_the_tool_makes_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "tools"))
    tool = importlib.import_module("make_example_image")
    rough = {"SAMPLES": 1, "AMBIENT_DIRECTIONS": 24, "KEY_DIRECTIONS": 6}  # the same picture with rougher edges
    for name, value in rough.items():
        monkeypatch.setattr(tool, name, value)
    with resources.as_file(EXAMPLE) as path, Image.open(path) as image:
        packaged = np.asarray(image).astype(np.float64)
    assert np.abs(tool.render() - packaged).mean() < EXAMPLE_IMAGE_MEAN
