"""The detection network: a picture in; where right and left hands have their centres, their boxes, where they point.

Objects as points (Zhou et al., 2019, arXiv 1904.07850) with a map for each side, so that a right and a left hand may
share a place; boxes by the distances to their four edges (Tian et al., ICCV 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Float
from torch import Tensor, nn

from a2p.alignment.encoder import EfficientNetLite0

STRIDE = 8
SIDES = 2
"""Right, left: the order of maps."""
_LAST_BLOCK = 10
TAPS = (4, 10)
"""Blocks that the head sees: the last of strides 8 and 16."""
_PER_SIDE = 7
_RARE = -4.0
"""Logit of a centre before anything is learned."""


@dataclass(frozen=True)
class CentreMaps:
    """What the network says of every cell, for right and left hands. Lengths are in units of the picture's side."""

    logits: Float[Tensor, "b 2 h w"]
    """Of a hand's centre lying in the cell."""
    log_edges: Float[Tensor, "b 2 4 h w"]
    """Logarithm of the distances from the cell's centre to the box's left, upper, right and lower edge."""
    pointing: Float[Tensor, "b 2 2 h w"]
    """From the wrist to the middle finger's knuckle, in units of the box's larger side."""


class CentreNetwork(nn.Module):
    """EfficientNet-Lite0 down to stride 16, a wide look around there, and a head at stride 8."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        for number in range(_LAST_BLOCK + 1, len(self.encoder.blocks)):
            del self.encoder.blocks[str(number)]
        self.inner, self.lateral = nn.Conv2d(112, hidden, 1), nn.Conv2d(40, hidden, 1)
        self.around = nn.Sequential(_separable(hidden, 5), _separable(hidden, 5))
        self.smooth = nn.Sequential(_separable(hidden, 5), _separable(hidden, 3))
        self.head = nn.Conv2d(hidden, SIDES * _PER_SIDE, 1)
        with torch.no_grad():
            self.head.bias.view(SIDES, _PER_SIDE)[:, 0] = _RARE  # type: ignore[union-attr]
            self.head.bias.view(SIDES, _PER_SIDE)[:, 1:5] = -2.0  # type: ignore[union-attr]

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> CentreMaps:
        """Returns the maps of pictures in [0, 1], whose sides are multiples of 16."""
        nobody = pictures.new_zeros(len(pictures), 2, *pictures.shape[2:])
        outputs = self.encoder.block_outputs(pictures, nobody)
        return self.from_maps(*(outputs[tap] for tap in TAPS))

    def from_maps(self, finer: Float[Tensor, "b 40 h w"], coarser: Float[Tensor, "b 112 h2 w2"]) -> CentreMaps:
        """Returns the maps from what the encoder sees at strides 8 and 16."""
        inner = self.inner(coarser)
        inner = inner + self.around(inner)
        x = F.interpolate(inner, size=finer.shape[-2:], mode="nearest") + self.lateral(finer)
        said = self.head(self.smooth(x)).float()
        said = said.reshape(len(said), SIDES, _PER_SIDE, *said.shape[-2:])
        return CentreMaps(said[:, :, 0], said[:, :, 1:5].clamp(-6.0, 2.0), said[:, :, 5:])


def cell_centres(count: int, like: Tensor) -> Float[Tensor, " count"]:
    """Returns the cells' centres in units of the picture's side."""
    return (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) / count


def _separable(channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel, 1, kernel // 2, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
