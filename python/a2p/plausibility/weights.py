"""The denoiser's weights in a file: safetensors with its configuration and origin, read strictly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from a2p.errors import WeightsError
from a2p.plausibility.denoiser import Denoiser, DenoiserConfig, Normalisation
from a2p.weights_file import read_weights

FORMAT = "a2p-plausibility-1"
DEFAULT_WEIGHTS = Path(__file__).parent / "assets" / "plausibility_compact.safetensors"
_MAX_BYTES = 512 * 2**20


@dataclass(frozen=True)
class WeightsOrigin:
    """Where weights come from."""

    data: str
    """What they were trained on, with its seed."""
    recipe: str
    """The training configuration, JSON."""
    commit: str
    samples: int
    """Training samples that were seen."""


def save_denoiser(denoiser: Denoiser, path: str | PathLike[str], origin: WeightsOrigin) -> None:
    """Writes a denoiser's weights and normalisation with its configuration, origin and their hash; replaces a file."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in denoiser.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(denoiser.config), sort_keys=True),
        "sha256": _digest(tensors),
        **{key: str(value) for key, value in asdict(origin).items()},
    }
    partial = Path(path).with_suffix(".partial")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def load_denoiser(path: str | PathLike[str] | None = None, *, expected: DenoiserConfig | None = None) -> Denoiser:
    """Returns the denoiser of a weights file, by default the packaged one, ready to predict.

    Nothing in the file runs: safetensors holds numbers. Names, shapes, dtypes and the hash must be right to the last.

    Raises:
        WeightsError: The file is missing, truncated, of another configuration than `expected`, or not what it says.
    """
    source = DEFAULT_WEIGHTS if path is None else Path(path)
    tensors, metadata = _read(source)
    config = _config(source, metadata)
    if expected is not None and config != expected:
        raise WeightsError(f"{source.name} must hold weights of {expected}; it holds {config}. Choose another file.")
    with torch.device("meta"):  # takes no memory, whatever size the file asks for
        state = Denoiser(config, _blank_normalisation()).state_dict()
    for name in sorted(state.keys() | tensors.keys()):
        wanted, found = _kind(state.get(name)), _kind(tensors.get(name))
        if wanted != found:
            raise WeightsError(
                f"{source.name}: tensor {name!r} must be {wanted} by the file's own configuration; it is {found}. "
                "Train again or fetch the file again."
            )
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise WeightsError(f"{source.name}: every weight must be finite; some are not. Train again from a checkpoint.")
    if metadata.get("sha256") != _digest(tensors):
        raise WeightsError(f"{source.name}: the weights do not have the hash that the file names. Fetch it again.")
    denoiser = Denoiser(config, _blank_normalisation())
    denoiser.load_state_dict(tensors)
    return denoiser.eval().requires_grad_(False)


def read_origin(path: str | PathLike[str] | None = None) -> WeightsOrigin:
    """Returns where the weights of a file come from."""
    source = DEFAULT_WEIGHTS if path is None else Path(path)
    metadata = _read(source)[1]
    return WeightsOrigin(
        data=metadata.get("data", ""),
        recipe=metadata.get("recipe", ""),
        commit=metadata.get("commit", ""),
        samples=int(metadata.get("samples", "0")),
    )


def _read(source: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    return read_weights(source, form=FORMAT, most_bytes=_MAX_BYTES, trained_by="a2p train plausibility")


def _config(source: Path, metadata: dict[str, str]) -> DenoiserConfig:
    names = {field.name for field in fields(DenoiserConfig)}
    try:
        stored: Any = json.loads(metadata.get("config", ""))
    except json.JSONDecodeError as error:
        raise WeightsError(f"{source.name}: its configuration is no JSON: {error}. Fetch it again.") from error
    if not isinstance(stored, dict) or stored.keys() != names or not all(_is_size(v) for v in stored.values()):
        raise WeightsError(
            f"{source.name}: its configuration must have small whole numbers for {sorted(names)}; got {stored}. "
            "It was written by another version."
        )
    try:
        return DenoiserConfig(**stored)
    except ValueError as error:
        raise WeightsError(f"{source.name}: its configuration is impossible: {error}") from error


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 2048


def _blank_normalisation() -> Normalisation:
    zeros = torch.zeros(215)
    return Normalisation(zeros, zeros, zeros, zeros)


def _kind(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {_kind(tensors[name])}".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
