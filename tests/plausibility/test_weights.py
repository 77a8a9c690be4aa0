from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from a2p.errors import WeightsError
from a2p.plausibility.denoiser import Denoiser, DenoiserConfig, Normalisation
from a2p.plausibility.weights import FORMAT, WeightsOrigin, load_denoiser, read_origin, save_denoiser

SMALL = DenoiserConfig(width=16, layers=1, heads=2)
ORIGIN = WeightsOrigin(data="duet seed 3", recipe="{}", commit="abc", samples=12)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    statistics = torch.rand(215) + 0.5
    save_denoiser(Denoiser(SMALL, Normalisation(statistics, statistics, statistics, statistics)), path, ORIGIN)
    return path


def _rewritten(path: Path, *, tensors: dict[str, torch.Tensor] | None = None, **metadata: str) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        old = file.metadata()
    save_file(load_file(path) if tensors is None else tensors, path, {**old, **metadata})


def test_weights_come_back_to_the_bit_with_their_origin(written: Path) -> None:
    denoiser = load_denoiser(written, expected=SMALL)
    for name, tensor in load_file(written).items():
        assert torch.equal(denoiser.state_dict()[name], tensor)
    assert not any(p.requires_grad for p in denoiser.parameters())
    assert read_origin(written) == ORIGIN


def test_a_file_of_another_configuration_is_an_error(written: Path) -> None:
    with pytest.raises(WeightsError, match="must hold weights of DenoiserConfig"):
        load_denoiser(written, expected=DenoiserConfig())


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, 0.999])
def test_a_truncated_file_is_an_error(written: Path, kept: float) -> None:
    content = written.read_bytes()
    written.write_bytes(content[: int(kept * len(content)) if 0 < kept < 1 else int(kept)])
    with pytest.raises(WeightsError, match="no complete safetensors file"):
        load_denoiser(written)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights file at"):
        load_denoiser(tmp_path / "none.safetensors")


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "hostile.safetensors"
    torch.save({"x": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="no complete safetensors file"):
        load_denoiser(path)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "[]",
        "{}",
        json.dumps({"width": 16}),
        json.dumps({**vars(SMALL), "width": 10**9}),
        json.dumps({**vars(SMALL), "heads": True}),
    ],
)
def test_a_hostile_configuration_is_an_error(written: Path, config: str) -> None:
    _rewritten(written, config=config)
    with pytest.raises(WeightsError, match="its configuration"):
        load_denoiser(written)


def test_a_configuration_that_the_tensors_contradict_is_an_error(written: Path) -> None:
    _rewritten(written, config=json.dumps({**vars(SMALL), "layers": 900}))
    with pytest.raises(WeightsError, match=r"must be float32 .* it is absent"):
        load_denoiser(written)


def test_other_tensors_are_errors(written: Path) -> None:
    tensors = load_file(written)
    for name, changed, reason in (
        ("mean", tensors["mean"].half(), r"must be float32 \(215,\)"),
        ("mean", tensors["mean"][:10].clone(), r"it is float32 \(10,\)"),
        ("extra", torch.zeros(1), "must be absent"),
        ("mean", tensors["mean"] * torch.nan, "every weight must be finite"),
        ("mean", tensors["mean"] + 1, "hash"),
    ):
        _rewritten(written, tensors={**tensors, name: changed})
        with pytest.raises(WeightsError, match=reason):
            load_denoiser(written)


def test_a_file_of_another_network_is_an_error(written: Path) -> None:
    _rewritten(written, format="other")
    with pytest.raises(WeightsError, match=f"must be of format '{FORMAT}'"):
        load_denoiser(written)
