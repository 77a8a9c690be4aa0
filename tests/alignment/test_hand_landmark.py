from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from a2p.alignment.encoder import EfficientNetLite0, HandLandmarkEncoder, MobileEncoder
from a2p.alignment.hand_landmark import load_hand_landmark
from a2p.alignment.network import AlignmentConfig, AlignmentNetwork
from a2p.alignment.teachers.mediapipe import INPUT_PX, MediapipeTeacher
from a2p.errors import ConfigError, WeightsError
from a2p.training.alignment_start import hand_landmark_file, parameter_groups, start_encoders
from tests.tolerances import HAND_LANDMARK_FEATURES

BLOCKS = (10, 14)
"""Those whose outputs the teacher reads: the model's last sums at strides 16 and 32."""


def small() -> AlignmentConfig:
    return AlignmentConfig(encoder="hand_landmark", crop_px=64, width=16, shared_blocks=11, layers=1, cross_layers=0)


def test_the_encoder_sees_what_the_model_sees() -> None:
    picture = np.random.default_rng(0).random((INPUT_PX, INPUT_PX, 3), dtype=np.float32)
    teacher = MediapipeTeacher(hand_landmark_file())
    wanted = teacher._one(picture)
    encoder = HandLandmarkEncoder()
    load_hand_landmark(encoder, hand_landmark_file())
    with torch.no_grad():
        outputs = encoder.block_outputs(
            torch.from_numpy(picture).movedim(-1, 0)[None], torch.zeros(1, 2, INPUT_PX, INPUT_PX)
        )
    fine, coarse = (outputs[block][0] for block in BLOCKS)
    coarse = torch.nn.functional.interpolate(coarse[None], size=fine.shape[-2:], mode="nearest")[0]
    found = torch.cat([fine, coarse])
    assert float((found - wanted).abs().max() / wanted.abs().max()) < HAND_LANDMARK_FEATURES


def test_both_encoders_start_alike() -> None:
    network = AlignmentNetwork(small())
    start_encoders(network, "hand_landmark")
    first, second = network.image_encoder.state_dict(), network.alignment_encoder.state_dict()
    assert second
    assert all(torch.equal(first[name], value) for name, value in second.items())
    assert float(first["conv_stem.weight"].abs().max()) > 0.1


def test_the_other_start_is_refused() -> None:
    with pytest.raises(ConfigError, match="efficientnet_lite0"):
        start_encoders(AlignmentNetwork(small()), "imagenet")


def test_every_parameter_learns_in_one_group() -> None:
    network = AlignmentNetwork(small())
    encoders, others = parameter_groups(network, 0.25)
    assert (encoders["share"], others["share"]) == (0.25, 1.0)
    listed = [id(parameter) for group in (encoders, others) for parameter in group["params"]]
    assert len(listed) == len(set(listed))
    assert set(listed) == {id(parameter) for parameter in network.parameters()}


def test_another_model_is_refused() -> None:
    palms = hand_landmark_file().with_name("palm_detection_full.tflite")
    with pytest.raises(WeightsError, match=r"hand_landmark_full\.tflite"):
        load_hand_landmark(HandLandmarkEncoder(), palms)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.95])
def test_a_cut_file_is_refused(share: float, tmp_path: Path) -> None:
    content = hand_landmark_file().read_bytes()
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError, match="cut"):
        load_hand_landmark(HandLandmarkEncoder(), cut)


@pytest.mark.parametrize("kind", [EfficientNetLite0, HandLandmarkEncoder])
def test_maps_have_the_channels_and_strides_that_an_encoder_says(kind: type[MobileEncoder]) -> None:
    with torch.no_grad():
        maps = kind().eval()(torch.rand(1, 3, 64, 64), torch.zeros(1, 2, 64, 64))
    found = [tuple(m.shape[1:]) for m in (maps.stride_4, maps.stride_8, maps.stride_16, maps.stride_32)]
    assert found == [(count, side, side) for count, side in zip(kind.channels, (16, 8, 4, 2), strict=True)]
