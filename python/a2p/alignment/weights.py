"""The alignment network's weights in a file: safetensors with its configuration and origin, read strictly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from a2p.alignment.network import AlignmentConfig, AlignmentNetwork
from a2p.errors import WeightsError
from a2p.weights_file import read_weights

FORMAT = "a2p-alignment-1"
PACKAGED_WEIGHTS = Path(str(files("a2p.alignment") / "assets" / "alignment_compact.safetensors"))
_MAX_BYTES = 1024 * 2**20
_TEACHERS_ONLY = "projection."
_CHOICES = {
    "encoder": ("resnet50", "efficientnet_lite0", "hand_landmark"),
    "keypoint_head": ("volume", "heatmap"),
    "relative_head": ("volume", "pooled"),
}


@dataclass(frozen=True)
class AlignmentOrigin:
    """Where weights come from."""

    data: str
    """What they were trained on, with its seed."""
    recipe: str
    """The training configuration, JSON."""
    commit: str
    samples: int
    """Training pictures that were seen."""


def save_alignment(
    network: AlignmentNetwork, path: str | PathLike[str], origin: AlignmentOrigin, *, half: bool = False
) -> None:
    """Writes a network's weights as inference needs them, without the projection of teachers' features.

    `half` stores float16, which halves the file. The file is replaced at once or not at all.
    """
    tensors = {
        name: _stored(tensor, half=half)
        for name, tensor in network.state_dict().items()
        if not name.startswith(_TEACHERS_ONLY)
    }
    config = replace(network.config, keypoint_prior=0, segmentation_prior=0, depth_prior=0)
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(config), sort_keys=True),
        "sha256": _digest(tensors),
        **{key: str(value) for key, value in asdict(origin).items()},
    }
    partial = Path(path).with_suffix(".partial")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def load_alignment(path: str | PathLike[str], *, expected: AlignmentConfig | None = None) -> AlignmentNetwork:
    """Returns the network of a weights file, ready for inference.

    Nothing in the file runs: safetensors holds numbers. Names, shapes and the hash must be right to the last.

    Raises:
        WeightsError: The file is missing, truncated, of another configuration than `expected`, or not what it says.
    """
    source = Path(path)
    tensors, metadata = _read(source)
    config = _config(source, metadata)
    if expected is not None and config != expected:
        raise WeightsError(f"{source.name} must hold weights of {expected}; it holds {config}. Choose another file.")
    with torch.device("meta"):  # takes no memory, whatever size the file asks for
        state = AlignmentNetwork(config).state_dict()
    for name in sorted(state.keys() | tensors.keys()):
        wanted, found = _shape(state.get(name)), _shape(tensors.get(name))
        if wanted != found:
            raise WeightsError(
                f"{source.name}: tensor {name!r} must be {wanted} by the file's own configuration; it is {found}. "
                "Train again or fetch the file again."
            )
    if metadata.get("sha256") != _digest(tensors):
        raise WeightsError(f"{source.name}: the weights do not have the hash that the file names. Fetch it again.")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise WeightsError(f"{source.name}: every weight must be finite; some are not. Train again from a checkpoint.")
    network = AlignmentNetwork(config)
    network.load_state_dict(tensors)  # float16 becomes float32 here
    return network.eval().requires_grad_(False)


def read_origin(path: str | PathLike[str]) -> AlignmentOrigin:
    """Returns where the weights of a file come from."""
    source = Path(path)
    metadata = _read(source)[1]
    samples = metadata.get("samples", "")
    if not samples.isdecimal():
        raise WeightsError(f"{source.name}: its number of samples must be whole; got {samples!r}. Fetch it again.")
    return AlignmentOrigin(
        data=metadata.get("data", ""),
        recipe=metadata.get("recipe", ""),
        commit=metadata.get("commit", ""),
        samples=int(samples),
    )


def weights_hash(path: str | PathLike[str]) -> str:
    """Returns the hash of a file's weights that the file itself names."""
    return _read(Path(path))[1].get("sha256", "")


def _read(source: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    return read_weights(source, form=FORMAT, most_bytes=_MAX_BYTES, trained_by="a2p train alignment")


def _config(source: Path, metadata: dict[str, str]) -> AlignmentConfig:
    names = {field.name for field in fields(AlignmentConfig)}
    try:
        stored: Any = json.loads(metadata.get("config", ""))
    except json.JSONDecodeError as error:
        raise WeightsError(f"{source.name}: its configuration is no JSON: {error}. Fetch it again.") from error
    if (
        not isinstance(stored, dict)
        or stored.keys() != names
        or not all(_is_possible(name, value) for name, value in stored.items())
    ):
        raise WeightsError(
            f"{source.name}: its configuration must give {sorted(names)} in small whole numbers and known names; got "
            f"{stored}. It was written by another version."
        )
    try:
        return AlignmentConfig(**stored)
    except ValueError as error:
        raise WeightsError(f"{source.name}: its configuration is impossible: {error}") from error


def _is_possible(name: str, value: object) -> bool:
    if name in _CHOICES:
        return value in _CHOICES[name]
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2048


def _stored(tensor: Tensor, *, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if half and tensor.is_floating_point() else tensor


def _shape(tensor: Tensor | None) -> str:
    """Returns kind and shape; precisions of floating point numbers are one kind."""
    if tensor is None:
        return "absent"
    kind = "float" if tensor.dtype in (torch.float16, torch.float32) else str(tensor.dtype).removeprefix("torch.")
    return f"{kind} {tuple(tensor.shape)}"


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
