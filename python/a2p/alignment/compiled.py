"""Mobile encoders run by LiteRT: for a picture at a time two to three times faster than PyTorch on one core."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.encoder import FeatureMaps, InvertedResidual, MobileEncoder
from a2p.alignment.litert_graph import blocks_as_tflite
from a2p.alignment.network import AlignmentNetwork, Encode
from a2p.crew import Crew
from a2p.litert import LiteRtModel


class CompiledBlocks:
    """Inverted residuals without batch norms, fixed to maps of one size; every map of a batch goes to one core."""

    def __init__(
        self,
        trunk: Sequence[InvertedResidual],
        branches: Sequence[Sequence[InvertedResidual]] = (),
        *,
        taps: Sequence[int],
        shape: tuple[int, int, int],
        crew: Crew,
    ) -> None:
        """Takes the weights as they are now; `shape` is of a map: channels, rows, columns. See `blocks_as_tflite`."""
        content = blocks_as_tflite(trunk, branches, taps=taps, shape=shape)
        self._model = LiteRtModel(content, threads=1, members=crew.size)
        self._crew = crew

    def __call__(self, x: Float[Tensor, "n c h w"]) -> list[Tensor]:
        """Returns the maps at the taps: the trunk's, then each branch's."""
        outputs = self._crew.map(self._model, list(x.permute(0, 2, 3, 1).contiguous().numpy()))
        return [
            torch.stack([torch.from_numpy(one) for one in same]).permute(0, 3, 1, 2)
            for same in zip(*outputs, strict=True)
        ]


def compiled_encoders(network: AlignmentNetwork, crew: Crew) -> Encode:
    """Returns what stands for `network.encoded` at inference; batch norms must be folded."""
    image, alignment = network.image_encoder, network.alignment_encoder
    if not (isinstance(image, MobileEncoder) and isinstance(alignment, MobileEncoder)):
        return network.encoded
    taps, fork = image.taps, alignment.first_block
    shape = (image.stem_width, network.config.crop_px // 2, network.config.crop_px // 2)
    if fork == 0:
        apart = [
            CompiledBlocks(blocks_of(encoder), taps=taps, shape=shape, crew=crew) for encoder in (image, alignment)
        ]
        return lambda crops, target: (
            FeatureMaps(*apart[0](image.stem(crops, target))),
            FeatureMaps(*apart[1](alignment.stem(crops, target))),
        )
    branches = (blocks_of(image)[fork:], blocks_of(alignment))
    together = CompiledBlocks(blocks_of(image)[:fork], branches, taps=taps, shape=shape, crew=crew)
    shared = sum(tap < fork for tap in taps)

    def encode(crops: Tensor, target: Tensor) -> tuple[FeatureMaps, FeatureMaps]:
        maps = together(image.stem(crops, target))
        own = len(taps) - shared
        return FeatureMaps(*maps[: len(taps)]), FeatureMaps(*maps[:shared], *maps[-own:])

    return encode


def blocks_of(encoder: MobileEncoder) -> list[InvertedResidual]:
    """Returns an encoder's own blocks, in order."""
    return [block for block in encoder.blocks.values() if isinstance(block, InvertedResidual)]
