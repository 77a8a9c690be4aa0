from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from a2p.aligner import read_crops
from a2p.alignment.hand_chain import HandState
from a2p.alignment.reading import HandWindows, NetworkReader, network_input
from a2p.alignment.weights import AlignmentOrigin, save_alignment
from a2p.camera import Camera
from a2p.data.duet_images import DuetImages, ImageSettings
from a2p.data.duet_images.settings import CameraSettings
from a2p.errors import WeightsError
from a2p.hand import HandModel
from a2p.perception import HandObservation
from a2p.training.hand_crops import CropSettings, hand_crops
from tests.alignment.networks import ORACLE, network_of, small
from tests.tolerances import MIRRORED_READING, MIRRORED_READING_PX

CAMERA = Camera(400.0, 410.0, 150.0, 130.0)
SIZE = (320, 240)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> NetworkReader:
    path = tmp_path_factory.mktemp("weights") / "alignment.safetensors"
    save_alignment(network_of(small().with_priors(ORACLE)), path, AlignmentOrigin("noise", "{}", "abc", 1))
    return NetworkReader(path)


def picture() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    return np.array(Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC))


def hand(side: str, low: tuple[float, float], high: tuple[float, float]) -> HandObservation:
    corners = torch.tensor([low, high])
    points = corners[torch.arange(21) % 2]
    return HandObservation(side, 0.9, (*low, *high), points, torch.ones(21), torch.zeros(21, 3))  # type: ignore[arg-type]


RIGHT, LEFT = hand("right", (60.0, 50.0), (150.0, 160.0)), hand("left", (120.0, 70.0), (220.0, 150.0))


def flipped(seen: HandObservation) -> HandObservation:
    x0, y0, x1, y1 = seen.box_xyxy_px
    other = {"right": "left", "left": "right"}[seen.handedness]
    return hand(other, (SIZE[0] - x1, y0), (SIZE[0] - x0, y1))


def test_network_of_inference_holds_nothing_of_teachers(reader: NetworkReader) -> None:
    assert reader.network.projection is None
    assert not any("projection" in name for name, _ in reader.network.named_parameters())
    assert reader.network.parameter_count() == sum(p.numel() for p in reader.network.parameters())


def test_a_mirrored_picture_of_exchanged_hands_is_read_as_the_mirror_image(reader: NetworkReader) -> None:
    pixels = picture()
    plain = read_crops(reader, pixels, (RIGHT, LEFT), ((0, 1),), CAMERA)
    mirrored_camera = Camera(CAMERA.fx, CAMERA.fy, SIZE[0] - CAMERA.cx, CAMERA.cy)
    hands = (flipped(LEFT), flipped(RIGHT))
    mirror = read_crops(reader, np.ascontiguousarray(pixels[:, ::-1]), hands, ((0, 1),), mirrored_camera)
    x = SIZE[0] - mirror.keypoints_2d[..., :1].flip(0)
    found = torch.cat([x, mirror.keypoints_2d[..., 1:].flip(0)], dim=-1)
    torch.testing.assert_close(found, plain.keypoints_2d, rtol=0, atol=MIRRORED_READING_PX)
    signs = torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirror.keypoints_3d.flip(0) * signs, plain.keypoints_3d, rtol=0, atol=MIRRORED_READING)
    torch.testing.assert_close(mirror.spread.flip(0), plain.spread, rtol=0, atol=MIRRORED_READING)
    torch.testing.assert_close(
        mirror.relative_translation * torch.tensor([1.0, -1.0, -1.0]),
        plain.relative_translation,
        rtol=0,
        atol=MIRRORED_READING,
    )
    torch.testing.assert_close(mirror.state.angles.flip(0), plain.state.angles, rtol=0, atol=MIRRORED_READING)
    torch.testing.assert_close(mirror.state.wrist.flip(0) * signs, plain.state.wrist, rtol=0, atol=MIRRORED_READING)


def test_order_and_pairing_do_not_matter_to_a_hand_that_stands_alone(reader: NetworkReader) -> None:
    pixels = picture()
    both = read_crops(reader, pixels, (LEFT, RIGHT), (), CAMERA)
    alone = read_crops(reader, pixels, (RIGHT,), (), CAMERA)
    torch.testing.assert_close(both.keypoints_2d[1:], alone.keypoints_2d, rtol=0, atol=MIRRORED_READING_PX)
    assert both.relative_translation.shape == (0, 3)


def test_the_network_looks_into_the_box_that_was_given_not_where_keypoints_strayed(reader: NetworkReader) -> None:
    strayed = replace(RIGHT, keypoints_2d=RIGHT.keypoints_2d * 0.2 + 3.0)
    wanted, said = (read_crops(reader, picture(), (seen, LEFT), ((0, 1),), CAMERA) for seen in (RIGHT, strayed))
    assert torch.equal(said.keypoints_2d, wanted.keypoints_2d)


def test_a_state_poses_the_hand_that_the_network_saw(reader: NetworkReader) -> None:
    read = read_crops(reader, picture(), (RIGHT, LEFT), ((0, 1),), CAMERA)
    assert isinstance(read.state, HandState)
    assert read.state.angles.shape == (2, 22)
    assert bool(torch.isfinite(read.state.root).all())
    assert float(read.state.wrist[:, 2].min()) > 0


def test_crops_are_given_to_the_network_as_in_training() -> None:
    """Target channels and intrinsics of boxes without errors agree with those that training draws."""
    camera = CameraSettings(hand_crop=0.0, union_crop=1.0, mirror_left=False)
    images = DuetImages(ImageSettings(size_px=96, camera=camera), seed=5, threads=1)
    batch = images.batch(np.arange(12))
    settings = CropSettings(margin_spread=0.0, shift_spread=0.0, box_spread=0.0)
    wanted = hand_crops(batch, HandModel.load_pair(), torch.Generator(), size=64, settings=settings).given
    for row in np.flatnonzero(batch.present.all(axis=1)):
        windows = HandWindows(torch.tensor([True, False]), torch.from_numpy(batch.box_xyxy[row]), ((0, 1),))
        given = network_input(wanted.crops[row], windows, Camera(*batch.intrinsics[row].tolist()), [(0, 1)], 64)
        torch.testing.assert_close(given.intrinsics[0], wanted.intrinsics[row], rtol=0, atol=0)
        torch.testing.assert_close(given.target[0], wanted.target[row], rtol=0, atol=0)


def test_packaged_weights_are_missed_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights file"):
        NetworkReader(tmp_path / "none.safetensors")
