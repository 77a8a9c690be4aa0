from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from importlib.util import find_spec

import pytest
import torch

from a2p.alignment.batch import AlignmentInput, AlignmentOutput, boxes
from a2p.alignment.encoder import EfficientNetLite0, ResNet50
from a2p.alignment.fusion import Prior, PriorFeatures, PriorProjection
from a2p.alignment.imagenet import LITE0_PACKAGE, lite0_file, load_lite0, load_resnet50
from a2p.alignment.mirroring import crop_intrinsics_mirrored, hands_of, mirrored_points
from a2p.alignment.network import AlignmentConfig, AlignmentNetwork
from a2p.alignment.regressor import wrist_from_camera
from a2p.alignment.teachers.oracle import OracleTeacher
from a2p.errors import ConfigError, ShapeError, WeightsError
from a2p.hand import HandModel
from tests.alignment.networks import ORACLE, batch_of, network_of, small, small_volume
from tests.tolerances import MIRRORED_NETWORK


@pytest.fixture(scope="module")
def right_hand() -> HandModel:
    return HandModel.load("open", side="right")


@pytest.mark.parametrize("config", [small(), small_volume()], ids=["heatmap", "volume"])
def test_mirrored_picture_gives_mirrored_hands(config: AlignmentConfig, right_hand: HandModel) -> None:
    """In a mirror the left hand looks like a right one, so that the two crops change places and nothing else."""
    given = batch_of(2, right_hand).given
    mirrored = AlignmentInput(given.crops.flip(1), given.target.flip(1), given.present, given.intrinsics.flip(1))
    network = network_of(config)
    plain, seen = network(given), network(mirrored)
    for name in ("rot6d", "betas", "wrist", "keypoints_25d", "spread"):
        torch.testing.assert_close(
            getattr(seen, name), getattr(plain, name).flip(1), rtol=0, atol=MIRRORED_NETWORK, msg=name
        )
    expected = -mirrored_points(plain.relative_translation)
    torch.testing.assert_close(seen.relative_translation, expected, rtol=0, atol=MIRRORED_NETWORK)


def test_absent_hand_changes_nothing_about_the_other(right_hand: HandModel) -> None:
    given = batch_of(2, right_hand).given
    alone = replace(given, present=torch.tensor([[True, False]] * 2))
    other = replace(alone, crops=torch.stack([given.crops[:, 0], 1.0 - given.crops[:, 1]], dim=1))
    network = network_of(small())
    torch.testing.assert_close(network(alone).rot6d[:, 0], network(other).rot6d[:, 0], rtol=0, atol=MIRRORED_NETWORK)
    together = network(given).rot6d[:, 0] - network(alone).rot6d[:, 0]
    assert float(together.abs().max()) > 0


def test_network_says_which_hand_is_meant_once_its_stem_listens(right_hand: HandModel) -> None:
    given = batch_of(1, right_hand).given
    swapped = replace(given, target=given.target.flip(2))
    network = network_of(small())
    torch.testing.assert_close(network(given).rot6d, network(swapped).rot6d, rtol=0, atol=0)  # zero at first
    torch.nn.init.normal_(network.image_encoder.target_stem.weight, std=2.0)
    assert float((network(given).keypoints_25d - network(swapped).keypoints_25d).abs().max()) > 1e-5


def test_teachers_features_take_the_place_of_the_encoders(right_hand: HandModel) -> None:
    batch = batch_of(2, right_hand)
    network = network_of(small().with_priors(ORACLE))
    priors = OracleTeacher()(batch)
    told, alone = network(batch.given, priors), network(batch.given)
    assert alone.prior_features is None
    assert told.prior_features is not None
    assert float((told.keypoints_25d - alone.keypoints_25d).abs().max()) > 0
    from_image = network(batch.given, priors, torch.ones(2))
    torch.testing.assert_close(from_image.rot6d, alone.rot6d)


@pytest.mark.parametrize("left_out", sorted(ORACLE))
def test_every_prior_can_be_left_out(left_out: str, right_hand: HandModel) -> None:
    batch = batch_of(1, right_hand)
    channels = {prior: count for prior, count in ORACLE.items() if prior != left_out}
    network = network_of(small().with_priors(channels))
    priors = OracleTeacher()(batch)
    without = replace(priors, **{left_out: None})
    torch.testing.assert_close(network(batch.given, priors).rot6d, network(batch.given, without).rot6d)


def test_prior_of_another_teacher_is_refused(right_hand: HandModel) -> None:
    batch = batch_of(1, right_hand)
    network = network_of(small().with_priors({"depth": 9}))
    with pytest.raises(ShapeError, match="must have 9 channels; got nothing"):
        network(batch.given, PriorFeatures())
    with pytest.raises(ShapeError, match="must have 9 channels; got 3 channels"):
        network(batch.given, PriorFeatures(depth=torch.zeros(1, 2, 3, 8, 8)))


@pytest.mark.parametrize("prior", list(ORACLE))
def test_what_a_prior_says_differs_from_place_to_place(prior: Prior) -> None:
    """A heat map is zero nearly everywhere; features that are nearly the same everywhere would teach nothing."""
    torch.manual_seed(0)
    channels = ORACLE[prior]
    maps = (torch.rand(8, 2, channels, 32, 32) < 0.01).float()
    projection = PriorProjection({prior: channels}, 64)
    with torch.no_grad():
        features = projection(PriorFeatures(**{prior: maps}), (8, 8)).movedim(1, -1).flatten(0, -2)
    assert features.var(dim=0, correction=0).sum() > 0.5 * features.square().mean(dim=0).sum()


def test_absent_hands_teach_the_encoders_nothing(right_hand: HandModel) -> None:
    """What an absent hand's crop shows reaches neither statistics nor the present hands."""
    batch = batch_of(3, right_hand)
    present = torch.tensor([[True, True], [True, False], [False, True]])
    results = []
    for fill in (0.0, 1.0):
        network = network_of(small()).train()
        crops = torch.where(present[..., None, None, None], batch.given.crops, torch.full_like(batch.given.crops, fill))
        output = network(replace(batch.given, crops=crops, present=present))
        results.append((output.rot6d[present], network.image_encoder.bn0.running_mean))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_crops_of_another_size_are_refused(right_hand: HandModel) -> None:
    with pytest.raises(ShapeError, match="crops must be 64 x 64 px"):
        network_of(small())(batch_of(1, right_hand, size=96).given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"crop_px": 100}, "multiple of 32"), ({"token_stride": 8}, "16 or 32"), ({"shared_blocks": 12}, "share 0 to 11")],
)
def test_impossible_configurations_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(**changes)


def test_network_has_the_sizes_that_the_documentation_gives() -> None:
    with torch.device("meta"):
        paper, compact = AlignmentNetwork(AlignmentConfig.paper()), AlignmentNetwork(AlignmentConfig.compact())
        taught = AlignmentNetwork(AlignmentConfig.compact().with_priors(ORACLE))
    assert (paper.parameter_count(), compact.parameter_count()) == (65_978_299, 6_389_818)
    assert taught.parameter_count() == compact.parameter_count() < taught.parameter_count(at_inference=False)


def test_inference_imports_no_teacher() -> None:
    code = (
        "import sys, a2p.alignment.weights, a2p.alignment.mirroring;"
        "found = [name for name in sys.modules if 'teachers' in name or 'litert' in name];"
        "sys.exit(str(found) if found else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_box_channels_hold_the_covered_share_of_every_pixel() -> None:
    own = torch.tensor([[[0.25, 0.0, 0.5625, 1.0], [0.0, 0.0, 1.0, 1.0]]])
    channels = boxes(own, torch.zeros(1, 2, 4), 8)
    assert channels[0, 0, 0, 3].tolist() == [0.0, 0.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0]
    assert float(channels[0, 1, 0].min()) == 1.0
    assert float(channels[:, :, 1].abs().max()) == 0.0


def test_wrist_of_zero_camera_lies_on_the_ray_through_the_middle_of_the_crop() -> None:
    intrinsics = torch.tensor([[2.0, 2.0, 0.9, 0.4]])
    wrist = wrist_from_camera(torch.zeros(1, 3), intrinsics)
    pixel = wrist[:, :2] / wrist[:, 2:] * intrinsics[:, :2] + intrinsics[:, 2:]
    torch.testing.assert_close(pixel, torch.tensor([[0.5, 0.5]]))
    assert float(wrist[0, 2]) == pytest.approx(0.5 * 0.6 * 2.0)


def test_hands_of_mirrored_outputs_are_mirror_images(right_hand: HandModel) -> None:
    models = HandModel.load_pair()
    output = network_of(small())(batch_of(1, right_hand).given)
    same = replace(output, **{
        item.name: torch.stack([getattr(output, item.name)[:, 0]] * 2, dim=1)
        for item in fields(AlignmentOutput)
        if item.name in ("rot6d", "betas", "wrist")
    })  # fmt: skip
    right, left = hands_of(same, models)
    torch.testing.assert_close(
        models.left(left).joints, mirrored_points(models.right(right).joints), rtol=0, atol=MIRRORED_NETWORK
    )
    torch.testing.assert_close(models.right(right).joints[:, 0], output.wrist[:, 0], rtol=0, atol=MIRRORED_NETWORK)
    seen = crop_intrinsics_mirrored(torch.tensor([2.0, 3.0, 0.3, 0.6]))
    torch.testing.assert_close(seen, torch.tensor([2.0, 3.0, 0.7, 0.6]))


@pytest.mark.skipif(find_spec(LITE0_PACKAGE.replace("-", "_")) is None, reason=f"needs {LITE0_PACKAGE}")
def test_published_lite0_loads_to_the_last_tensor() -> None:
    encoder = EfficientNetLite0()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    load_lite0(encoder)
    after = encoder.state_dict()
    kept = [n for n in after if torch.equal(before[n], after[n]) and not n.endswith("num_batches_tracked")]
    assert kept == ["target_stem.weight"]
    stored = torch.load(lite0_file(), weights_only=True)
    assert torch.equal(after["blocks.15.project_conv.weight"], stored["_blocks.15._project_conv.weight"])


def test_file_of_another_network_is_no_encoder(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "resnet.pth"
    state = {name: value for name, value in ResNet50().state_dict().items() if name != "target_stem.weight"}
    torch.save(state | {"fc.weight": torch.zeros(2, 2), "fc.bias": torch.zeros(2)}, path)
    load_resnet50(ResNet50(), path)
    with pytest.raises(WeightsError, match="must hold exactly the tensors of EfficientNetLite0"):
        load_lite0(EfficientNetLite0(), path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="must be a state dict of tensors"):
        load_resnet50(ResNet50(), path)
