"""The packaged alignment network on the packaged picture."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

import a2p
from a2p.aligner import read_crops
from a2p.alignment.network import AlignmentConfig
from a2p.alignment.reading import NetworkReader
from a2p.camera import Camera
from a2p.perception import HandFinder
from tests.tolerances import PACKAGED_NETWORK_HAND_SIZES


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    with files("a2p").joinpath("assets", "example.jpg").open("rb") as file:
        return np.array(Image.open(file).convert("RGB"))


def test_the_packaged_network_is_the_compact_one_and_sees_where_hands_are(picture: np.ndarray) -> None:
    reader = NetworkReader()
    compact = replace(AlignmentConfig.compact(), encoder="hand_landmark")
    assert reader.network.config == compact
    seen = HandFinder().find_hands(picture)
    assert len(seen) == 2
    height, width = picture.shape[:2]
    said = read_crops(reader, picture, seen, (), Camera(float(width), float(width), width / 2, height / 2))
    for index, hand in enumerate(seen):
        size = float((hand.keypoints_2d.amax(0) - hand.keypoints_2d.amin(0)).max())
        apart = float((said.keypoints_2d[index] - hand.keypoints_2d).norm(dim=-1).mean()) / size
        assert apart < PACKAGED_NETWORK_HAND_SIZES


def test_the_reconstructor_asks_it(picture: np.ndarray) -> None:
    plain, asked = (a2p.Reconstructor(network=network, refine=False)(picture) for network in (False, True))
    assert [hand.handedness for hand in asked.hands] == [hand.handedness for hand in plain.hands]
    moved = max(
        float(np.linalg.norm(np.asarray(a.vertices) - np.asarray(b.vertices), axis=-1).max())
        for a, b in zip(asked.hands, plain.hands, strict=True)
    )
    assert 0 < moved < 0.1
