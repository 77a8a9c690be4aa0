"""The detection network's weights in a file: safetensors with their origin, read strictly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from a2p.detection.network import CentreNetwork
from a2p.errors import WeightsError
from a2p.weights_file import read_weights

FORMAT = "a2p-detection-1"
_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class DetectionOrigin:
    """Where weights come from."""

    data: str
    """What they were trained on, with its seed."""
    recipe: str
    """The training configuration, JSON."""
    commit: str
    samples: int
    """Training pictures that were seen."""


def save_detection(network: CentreNetwork, path: str | PathLike[str], origin: DetectionOrigin) -> None:
    """Writes a network's weights in half precision; the file is replaced at once or not at all."""
    tensors = {
        name: tensor.detach().cpu().half().contiguous() if tensor.is_floating_point() else tensor.cpu()
        for name, tensor in network.state_dict().items()
    }
    metadata = {"format": FORMAT, **{key: str(value) for key, value in asdict(origin).items()}}
    partial = Path(path).with_suffix(".partial")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def load_detection(path: str | PathLike[str]) -> CentreNetwork:
    """Returns the network of a weights file, ready for inference.

    Nothing in the file runs: safetensors holds numbers. Names and shapes must be right to the last.

    Raises:
        WeightsError: The file is missing, truncated, or of another network.
    """
    source = Path(path)
    tensors = _read(source)
    network = CentreNetwork()
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        first = min(set(wanted.items()) ^ set(found.items()))[0]
        raise WeightsError(
            f"{source.name}: tensor {first!r} must be {wanted.get(first, 'absent')}; it is "
            f"{found.get(first, 'absent')}. Train again or fetch the file again."
        )
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise WeightsError(f"{source.name}: every weight must be finite; some are not. Train again.")
    network.load_state_dict(tensors)
    return network.eval().requires_grad_(False)


def _read(source: Path) -> dict[str, Tensor]:
    return read_weights(source, form=FORMAT, most_bytes=_MAX_BYTES, trained_by="a2p train detection")[0]
