from __future__ import annotations

import warnings
from collections import OrderedDict
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from a2p.alignment.teachers import Teacher, TogetherTeacher
from a2p.alignment.teachers.mediapipe import MediapipeTeacher
from a2p.alignment.teachers.oracle import OracleTeacher
from a2p.alignment.teachers.sapiens import SapiensTeacher
from a2p.alignment.teachers.vision_transformers import Sapiens2Encoder, SapiensEncoder, VitShape
from a2p.errors import ConfigError, WeightsError
from a2p.hand import HandModel
from tests.alignment.networks import batch_of

SMALL_PX = (64, 48)


@pytest.fixture(scope="module")
def right_hand() -> HandModel:
    return HandModel.load("open", side="right")


def test_oracle_tells_where_keypoints_are(right_hand: HandModel) -> None:
    batch = batch_of(2, right_hand)
    maps = OracleTeacher(grid=32)(batch).keypoints
    assert maps is not None
    highest = maps.flatten(3).argmax(-1)
    places = torch.stack([highest % 32, highest // 32], dim=-1) / 32 + 0.5 / 32
    inside = ((batch.labels.keypoints_25d[..., :2] - 0.5).abs() < 0.45).all(-1)
    assert int(inside.sum()) > 20
    assert float((places - batch.labels.keypoints_25d[..., :2]).abs().amax(-1)[inside].max()) <= 0.5 / 32 + 1e-6


def test_oracle_says_nothing_that_the_labels_lack(right_hand: HandModel) -> None:
    batch = batch_of(1, right_hand)
    no = torch.zeros(1, 2, 21, dtype=torch.bool)
    labels = replace(
        batch.labels,
        keypoints_2d_valid=no,
        keypoints_25d=torch.full_like(batch.labels.keypoints_25d, torch.nan),
        segmentation_valid=no[..., 0],
        depth_valid=torch.zeros_like(batch.labels.depth_valid),
    )
    seen = OracleTeacher()(replace(batch, labels=labels))
    for maps in (seen.keypoints, seen.segmentation, seen.depth):
        assert maps is not None
        assert float(maps.abs().max()) == 0.0


def test_oracle_gives_shares_of_classes_and_steps_of_depth(right_hand: HandModel) -> None:
    batch = batch_of(1, right_hand)
    seen = OracleTeacher(grid=8)(batch)
    assert seen.segmentation is not None
    assert seen.depth is not None
    torch.testing.assert_close(seen.segmentation.sum(2), torch.ones(1, 2, 8, 8))
    deeper = replace(batch, labels=replace(batch.labels, depth=batch.labels.depth + 0.1))
    further = OracleTeacher(grid=8)(deeper).depth
    assert further is not None
    assert bool((further[:, :, -1] > seen.depth[:, :, -1]).all())


def test_mediapipe_gives_features_of_the_landmark_model(right_hand: HandModel) -> None:
    model = Path(str(files("a2p.perception") / "assets" / "hand_landmark_full.tflite"))
    teacher = MediapipeTeacher(model)
    batch = batch_of(1, right_hand)
    seen = teacher(batch)
    assert isinstance(teacher, Teacher)
    assert seen.keypoints is not None
    assert seen.keypoints.shape == (1, 2, teacher.channels["keypoints"], 14, 14)
    assert (seen.segmentation, seen.depth) == (None, None)
    assert float((seen.keypoints[:, 0] - seen.keypoints[:, 1]).abs().max()) > 0.1
    assert float(seen.keypoints.std()) > 0.1
    with pytest.raises(ConfigError, match=r"must be MediaPipe's hand_landmark_full\.tflite"):
        MediapipeTeacher(model.with_name("palm_detection_full.tflite"))


def sapiens_state() -> dict[str, Tensor]:
    """Returns a random checkpoint with the names that mmpretrain gives Sapiens, and a head beside the encoder."""
    width, hidden = 32, 48
    state: dict[str, Tensor] = OrderedDict()
    state["backbone.pos_embed"] = torch.randn(1, 12, width)
    state["backbone.patch_embed.projection.weight"] = torch.randn(width, 3, 16, 16) / 28
    state["backbone.patch_embed.projection.bias"] = torch.randn(width)
    for layer in ("backbone.layers.0.", "backbone.layers.1."):
        for name, shape in {
            **{"ln1.weight": (width,), "ln1.bias": (width,), "ln2.weight": (width,), "ln2.bias": (width,)},
            **{"attn.qkv.weight": (3 * width, width), "attn.qkv.bias": (3 * width,)},
            **{"attn.proj.weight": (width, width), "attn.proj.bias": (width,)},
            **{"ffn.layers.0.0.weight": (hidden, width), "ffn.layers.0.0.bias": (hidden,)},
            **{"ffn.layers.1.weight": (width, hidden), "ffn.layers.1.bias": (width,)},
        }.items():
            state[layer + name] = torch.randn(*shape) / 6
    state["backbone.ln1.weight"], state["backbone.ln1.bias"] = torch.ones(width), torch.zeros(width)
    state["head.final_layer.weight"] = torch.randn(5, width, 1, 1)
    return state


def sapiens2_state() -> dict[str, Tensor]:
    """Returns a random checkpoint with Sapiens 2's names: 4 heads of 8, of which the second layer groups two a key."""
    width, hidden, depth = 32, 40, 8
    state = {
        "backbone.cls_token": torch.randn(1, 1, width),
        "backbone.storage_tokens": torch.randn(1, 8, width),
        "backbone.patch_embed.projection.weight": torch.randn(width, 3, 16, 16) / 28,
        "backbone.patch_embed.projection.bias": torch.randn(width),
        "backbone.rope_embed.periods": torch.tensor([1.0, 10.0]).bfloat16(),
        "backbone.ln1.weight": torch.ones(width),
        "decode_head.conv_seg.weight": torch.randn(29, width, 1, 1),
    }
    for i, keys in enumerate((4, 2)):
        for name, shape in {
            **{"ln1.weight": (width,), "ln2.weight": (width,), "attn.gamma.weight": (width,)},
            **{"attn.wq.weight": (width, width), "attn.wq.bias": (width,)},
            **{"attn.wk.weight": (keys * depth, width), "attn.wk.bias": (keys * depth,)},
            **{"attn.wv.weight": (keys * depth, width), "attn.wv.bias": (keys * depth,)},
            **{"attn.q_norm.weight": (depth,), "attn.k_norm.weight": (depth,)},
            **{"attn.proj.weight": (width, width), "attn.proj.bias": (width,)},
            **{"ffn.w12.weight": (2 * hidden, width), "ffn.w12.bias": (2 * hidden,)},
            **{"ffn.w3.weight": (width, hidden), "ffn.w3.bias": (width,)},
        }.items():
            state[f"backbone.blocks.{i}.{name}"] = torch.randn(*shape) / 6
    return state


class _TaskModel(nn.Module):
    """What a TorchScript export of a task looks like from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 28, 16, 16)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.encoder(pictures)


def saved(kind: str, folder: Path) -> Path:
    if kind == "pth":
        torch.save({"state_dict": sapiens_state(), "meta": {"epoch": 3}}, folder / "sapiens_0.3b.pth")
        return folder / "sapiens_0.3b.pth"
    if kind == "safetensors":
        save_file(sapiens2_state(), folder / "sapiens2_0.1b_seg.safetensors")
        return folder / "sapiens2_0.1b_seg.safetensors"
    path = folder / "sapiens_0.3b_goliath_torchscript.pt2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit
        torch.jit.save(torch.jit.trace(_TaskModel().eval(), torch.zeros(1, 3, *SMALL_PX)), str(path))
    return path


@pytest.mark.parametrize(("kind", "channels"), [("pth", 32), ("safetensors", 32), ("pt2", 28)])
def test_sapiens_checkpoints_of_every_format_are_read(
    kind: str, channels: int, tmp_path: Path, right_hand: HandModel
) -> None:
    torch.manual_seed(2)
    teacher = SapiensTeacher(saved(kind, tmp_path), "segmentation", heads=4, input_px=SMALL_PX, crops_at_once=3)
    seen = teacher(batch_of(2, right_hand)).segmentation
    assert teacher.channels == {"segmentation": channels}
    assert seen is not None
    assert seen.shape == (2, 2, channels, 4, 3)
    assert not seen.requires_grad
    assert float((seen[0, 0] - seen[1, 1]).abs().max()) > 1e-3


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_sapiens_normalises_as_its_authors_do(tmp_path: Path, right_hand: HandModel) -> None:
    torch.manual_seed(3)
    path = saved("pt2", tmp_path)
    batch = batch_of(1, right_hand)
    grey = torch.tensor([123.675, 116.28, 103.53])[:, None, None] / 255
    batch = replace(batch, given=replace(batch.given, crops=grey.expand_as(batch.given.crops).contiguous()))
    seen = SapiensTeacher(path, "depth", input_px=SMALL_PX)(batch).depth
    bias = torch.jit.load(str(path)).encoder.bias
    assert seen is not None
    torch.testing.assert_close(seen, bias[:, None, None].expand_as(seen), rtol=0, atol=1e-4)


def test_rotary_places_tell_patches_apart() -> None:
    torch.manual_seed(4)
    encoder = Sapiens2Encoder(VitShape(32, 1, 4, 40), (4,), 8).eval().requires_grad_(False)
    picture = torch.rand(1, 3, 64, 48)
    moved = torch.roll(picture, 16, dims=3)
    assert float((torch.roll(encoder(picture), 1, dims=3) - encoder(moved)).abs().max()) > 1e-4


def test_places_of_the_first_version_are_learned() -> None:
    encoder = SapiensEncoder(VitShape(32, 1, 4, 48), 12)
    assert encoder(torch.rand(1, 3, *SMALL_PX)).shape == (1, 32, 4, 3)


def test_checkpoints_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no Sapiens checkpoint"):
        SapiensTeacher(tmp_path / "none.pth", "depth")
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"ends in \.pt2, \.pth or \.safetensors"):
        SapiensTeacher(tmp_path / "a.onnx", "depth")
    for name in ("a.pth", "a.safetensors", "a.pt2"):
        (tmp_path / name).write_bytes(b"not weights" * 10)
        with pytest.raises(WeightsError, match="is damaged, or holds more than numbers"):
            SapiensTeacher(tmp_path / name, "depth")
    with pytest.raises(WeightsError, match="Give `heads`"):
        SapiensTeacher(saved("pth", tmp_path), "depth")
    save_file({"weight": torch.zeros(3)}, tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match="is no encoder of Sapiens"):
        SapiensTeacher(tmp_path / "b.safetensors", "depth")


def test_pickled_objects_in_a_checkpoint_do_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": sapiens_state(), "hook": Path("x")}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="holds more than numbers"):
        SapiensTeacher(tmp_path / "a.pth", "depth")


def test_teachers_together_give_each_prior_once(tmp_path: Path, right_hand: HandModel) -> None:
    torch.manual_seed(5)
    sapiens = SapiensTeacher(saved("safetensors", tmp_path), "segmentation", input_px=SMALL_PX)
    together = TogetherTeacher([sapiens, OracleTeacher()])
    assert together.channels == {"keypoints": 21, "segmentation": 32, "depth": 9}
    assert together(batch_of(1, right_hand)).segmentation.shape[2] == 32
    only = TogetherTeacher([sapiens, OracleTeacher()], priors=["depth"])
    assert only(batch_of(1, right_hand)).keypoints is None
    with pytest.raises(ConfigError, match="no teacher gives"):
        TogetherTeacher([sapiens], priors=["depth"])
