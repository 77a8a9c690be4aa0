"""Sapiens as a teacher: a checkpoint that the user has, in any of the forms in which Meta publishes them.

Version 1 (CC-BY-NC-4.0) as TorchScript (`*_torchscript.pt2`) or as a training checkpoint (`.pth`); Sapiens 2 (a licence
of its own) as safetensors. Only the encoder is used; its last feature map is the prior of the task that it was trained
on.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from a2p.alignment.batch import AlignmentBatch, by_hand
from a2p.alignment.fusion import Prior, PriorFeatures
from a2p.alignment.teachers.vision_transformers import Sapiens2Encoder, SapiensEncoder, VitShape
from a2p.errors import WeightsError

INPUT_PX = (1024, 768)
"""Height and width of what Sapiens looks at."""
_MEAN, _DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_HEADS = {1024: 16, 1280: 16, 1536: 24, 1920: 32}
"""Attention heads of version 1 by width: 0.3B, 0.6B, 1B, 2B. A checkpoint does not say."""
_PREFIX = "backbone."


class SapiensTeacher:
    """Gives one prior out of one checkpoint; `TogetherTeacher` joins those of the three tasks.

    A crop is stretched to the picture that Sapiens expects, as its segmentation and depth tasks do. TorchScript models
    of a task return their head's maps, which then are the features. `heads` is needed for a version 1 checkpoint whose
    width is none of the published ones.
    """

    def __init__(
        self,
        checkpoint: Path,
        prior: Prior,
        *,
        heads: int | None = None,
        input_px: tuple[int, int] = INPUT_PX,
        device: torch.device | str = "cpu",
        crops_at_once: int = 8,
    ) -> None:
        self.prior: Prior = prior
        self.input_px = input_px
        self.device = torch.device(device)
        self.crops_at_once = crops_at_once
        self._encoder = _loaded(checkpoint, heads).to(self.device).eval()
        for parameter in self._encoder.parameters():  # a script module has no requires_grad_ of its own
            parameter.requires_grad_(False)
        blank = torch.zeros(1, 3, 1, 1, device=self.device)
        with torch.no_grad():
            self.channels: Mapping[Prior, int] = {prior: self._features(blank).shape[1]}

    @torch.no_grad()
    def __call__(self, batch: AlignmentBatch) -> PriorFeatures:
        """Returns the features of every crop."""
        crops = batch.given.crops.flatten(0, 1)
        parts = [self._features(part.to(self.device)) for part in torch.split(crops, self.crops_at_once)]
        features = by_hand(torch.cat(parts).float().to(crops.device))
        return PriorFeatures(**{self.prior: features})

    def _features(self, crops: Float[Tensor, "n 3 _ _"]) -> Float[Tensor, "n c h w"]:
        pictures = F.interpolate(crops, size=self.input_px, mode="bilinear")
        mean, deviation = (pictures.new_tensor(value).view(3, 1, 1) for value in (_MEAN, _DEVIATION))
        found: Any = self._encoder((255.0 * pictures - mean) / deviation)
        if isinstance(found, (tuple, list)):
            found = found[0]
        if not isinstance(found, Tensor) or found.ndim != 4:
            raise WeightsError(
                "a Sapiens checkpoint must return maps (b, c, h, w), alone or first in a tuple; got "
                f"{type(found).__name__} {tuple(getattr(found, 'shape', ()))}. Export the model alone."
            )
        return found


def _loaded(checkpoint: Path, heads: int | None) -> nn.Module:
    if not checkpoint.is_file():
        raise WeightsError(f"no Sapiens checkpoint at {checkpoint}. Download one and accept its licence.")
    try:
        if checkpoint.suffix == ".safetensors":
            return _sapiens2(load_file(checkpoint), checkpoint)
        if checkpoint.suffix == ".pth":
            return _sapiens(torch.load(checkpoint, map_location="cpu", weights_only=True), checkpoint, heads)
        if checkpoint.suffix in (".pt2", ".pt"):
            return _torchscript(checkpoint)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, EOFError) as error:
        raise WeightsError(
            f"{checkpoint.name} is damaged, or holds more than numbers: {error}. Download it again; a `.pth` with "
            "other objects inside must be saved anew as a state dict, for `*_bfloat16.pt2` take `*_torchscript.pt2`."
        ) from error
    raise WeightsError(f"a Sapiens checkpoint ends in .pt2, .pth or .safetensors; got {checkpoint.name}.")


def _torchscript(checkpoint: Path) -> nn.Module:
    with warnings.catch_warnings():  # deprecated since torch 2.10, yet the form in which Meta publishes version 1
        warnings.filterwarnings("ignore", r".*torch\.jit\.load.*", DeprecationWarning)
        model: nn.Module = torch.jit.load(str(checkpoint), map_location="cpu")  # type: ignore[no-untyped-call]
    return model


def _sapiens(stored: Any, checkpoint: Path, heads: int | None) -> SapiensEncoder:
    state = _backbone(stored.get("state_dict", stored) if isinstance(stored, dict) else None, checkpoint)
    width, hidden = _width(state, checkpoint), len(_entry(state, "layers.0.ffn.layers.0.0.bias", checkpoint))
    if heads is None and width not in _HEADS:
        raise WeightsError(
            f"{checkpoint.name}: the number of heads is known for widths {sorted(_HEADS)}; got {width}. Give `heads`."
        )
    shape = VitShape(width, _count(state, "layers."), heads or _HEADS[width], hidden)
    encoder = SapiensEncoder(shape, _entry(state, "pos_embed", checkpoint).shape[1])
    _fill(encoder, state, checkpoint)
    return encoder


def _sapiens2(stored: dict[str, Tensor], checkpoint: Path) -> Sapiens2Encoder:
    state = _backbone(stored, checkpoint)
    width = _width(state, checkpoint)
    depth = 4 * len(_entry(state, "rope_embed.periods", checkpoint))
    layers = _count(state, "blocks.")
    key_heads = tuple(len(_entry(state, f"blocks.{i}.attn.wk.bias", checkpoint)) // depth for i in range(layers))
    hidden = _entry(state, "blocks.0.ffn.w3.weight", checkpoint).shape[1]
    storage = _entry(state, "storage_tokens", checkpoint).shape[1]
    encoder = Sapiens2Encoder(VitShape(width, layers, width // depth, hidden), key_heads, storage)
    _fill(encoder, state, checkpoint)
    return encoder


def _backbone(stored: Any, checkpoint: Path) -> dict[str, Tensor]:
    """Returns the encoder's tensors; a task's checkpoint has them under a prefix, beside its head's."""
    if not isinstance(stored, dict) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise WeightsError(f"{checkpoint.name} must hold a state dict of tensors. Choose another file.")
    prefix = _PREFIX if any(name.startswith(_PREFIX) for name in stored) else ""
    return {name.removeprefix(prefix): value.float() for name, value in stored.items() if name.startswith(prefix)}


def _entry(state: dict[str, Tensor], name: str, checkpoint: Path) -> Tensor:
    if name not in state:
        raise WeightsError(f"{checkpoint.name} lacks {name!r}: it is no encoder of Sapiens. Choose another file.")
    return state[name]


def _width(state: dict[str, Tensor], checkpoint: Path) -> int:
    return len(_entry(state, "patch_embed.projection.weight", checkpoint))


def _count(state: dict[str, Tensor], start: str) -> int:
    return len({name.split(".")[1] for name in state if name.startswith(start)})


def _fill(encoder: nn.Module, state: dict[str, Tensor], checkpoint: Path) -> None:
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"{checkpoint.name} is no encoder of Sapiens that is known here: {error}") from error
