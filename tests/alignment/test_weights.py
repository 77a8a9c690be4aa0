from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from a2p.alignment.network import AlignmentConfig, AlignmentNetwork
from a2p.alignment.weights import AlignmentOrigin, load_alignment, read_origin, save_alignment
from a2p.errors import WeightsError
from a2p.hand import HandModel
from tests.alignment.networks import ORACLE, batch_of, network_of, small
from tests.tolerances import HALF_WEIGHTS_ROT6D

ORIGIN = AlignmentOrigin(data="noise", recipe="{}", commit="abc", samples=7)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    path = tmp_path / "weights.safetensors"
    save_alignment(AlignmentNetwork(small().with_priors(ORACLE)), path, ORIGIN)
    return path


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_saved_network_says_the_same(half: bool, tmp_path: Path) -> None:
    given = batch_of(1, HandModel.load("open", side="right")).given
    network = network_of(small())
    save_alignment(network, tmp_path / "w.safetensors", ORIGIN, half=half)
    loaded = load_alignment(tmp_path / "w.safetensors", expected=small())
    tolerance = HALF_WEIGHTS_ROT6D if half else 0.0
    torch.testing.assert_close(loaded(given).rot6d, network(given).rot6d, rtol=0, atol=tolerance)
    assert read_origin(tmp_path / "w.safetensors") == ORIGIN
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_weights_file_holds_nothing_of_the_teachers(file: Path) -> None:
    assert not [name for name in load_file(file) if name.startswith("projection")]
    loaded = load_alignment(file)
    assert loaded.projection is None
    assert loaded.config == small()


def rewritten(file: Path, *, config: object = None, drop: str = "", **metadata: str) -> Path:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        stored = dict(opened.metadata() or {})
    if config is not None:
        stored["config"] = json.dumps(config)
    tensors = {name: tensor for name, tensor in load_file(file).items() if name != drop}
    save_file(tensors, file, stored | metadata)
    return file


def test_missing_and_truncated_files_are_refused(file: Path) -> None:
    with pytest.raises(WeightsError, match="no weights file"):
        load_alignment(file.with_name("none"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="no complete safetensors file"):
        load_alignment(file)


def test_weights_of_another_configuration_are_refused(file: Path) -> None:
    with pytest.raises(WeightsError, match="must hold weights of"):
        load_alignment(file, expected=AlignmentConfig.compact())
    with pytest.raises(WeightsError, match="of format 'a2p-alignment-1'"):
        load_alignment(rewritten(file, format="a2p-plausibility-1"))


def test_hostile_configurations_are_refused(file: Path) -> None:
    from dataclasses import asdict

    good = asdict(small())
    for config in ([], {}, good | {"width": 10**9}, good | {"width": "32"}, good | {"encoder": "os.system"}):
        with pytest.raises(WeightsError, match="its configuration must give"):
            load_alignment(rewritten(file, config=config))
    with pytest.raises(WeightsError, match="its configuration is impossible"):
        load_alignment(rewritten(file, config=good | {"heads": 5}))
    with pytest.raises(WeightsError, match=r"tensor 'alignment_neck\.coarse\.bias' must be"):
        load_alignment(rewritten(file, config=good | {"width": 64}))


def test_changed_weights_are_refused(file: Path) -> None:
    with pytest.raises(WeightsError, match="do not have the hash"):
        load_alignment(rewritten(file, sha256="0" * 64))
    with pytest.raises(WeightsError, match="it is absent"):
        load_alignment(rewritten(file, drop="parameters_head.betas.bias"))


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    network = AlignmentNetwork(small())
    with torch.no_grad():
        network.parameters_head.betas.bias.fill_(torch.nan)
    save_alignment(network, tmp_path / "w.safetensors", ORIGIN)
    with pytest.raises(WeightsError, match="must be finite"):
        load_alignment(tmp_path / "w.safetensors")
