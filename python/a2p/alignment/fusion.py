"""The fusion alignment encoder's side: what teachers see, told by the image alone, mixed into the image's tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Bool, Float
from torch import Tensor, nn

from a2p.alignment.batch import by_hand
from a2p.alignment.encoder import FeatureMaps
from a2p.errors import ConfigError, ShapeError
from a2p.initial_numbers import draw_normal

Prior: TypeAlias = Literal["keypoints", "segmentation", "depth"]
PRIORS: tuple[Prior, ...] = get_args(Prior)


@dataclass(frozen=True)
class PriorFeatures:
    """F_k, F_m and F_d: what the teachers see in each crop. None is a prior that is left out."""

    keypoints: Float[Tensor, "b 2 ck hk wk"] | None = None
    segmentation: Float[Tensor, "b 2 cm hm wm"] | None = None
    depth: Float[Tensor, "b 2 cd hd wd"] | None = None


class Neck(nn.Module):
    """Turns an encoder's maps into tokens of one width, at stride 32 as in the paper, or at 16."""

    def __init__(self, channels: tuple[int, int, int, int], width: int, stride: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(channels[3], width, 1)
        self.fine = nn.Conv2d(channels[2], width, 1) if stride == 16 else None

    def forward(self, maps: FeatureMaps) -> Float[Tensor, "n width h w"]:
        """Returns the tokens as a map."""
        coarse: Tensor = self.coarse(maps.stride_32)
        if self.fine is None:
            return coarse
        fine: Tensor = self.fine(maps.stride_16)
        return fine + F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear")


class PriorProjection(nn.Module):
    """F_p = Proj(F_k, F_m, F_d): eq. 1 of the paper.

    Each prior is resized to the tokens' grid, passes a linear layer and GELU, and a second linear layer reads their
    sum, which is the same as reading their concatenation. Each channel is standardised over the batch's places, as it
    comes in and as it goes out: what says little, like a heat map that is zero nearly everywhere, counts as much as
    what says much, and what is the same everywhere counts for nothing; L_prior would be small for it alone. A layer
    norm fixes the scale at each place, as the fusion alignment encoder's own does.
    """

    def __init__(self, channels: Mapping[Prior, int], width: int) -> None:
        super().__init__()
        if not channels or not set(channels) <= set(PRIORS):
            raise ConfigError(f"priors must be some of {', '.join(PRIORS)}; got {list(channels)}.")
        self.standard = nn.ModuleDict({prior: _standardised(channels[prior]) for prior in channels})
        self.inward = nn.ModuleDict({prior: nn.Conv2d(channels[prior], width, 1) for prior in channels})
        self.outward = nn.Sequential(nn.Conv2d(width, width, 1), _standardised(width))
        self.norm = ChannelNorm(width)

    def forward(self, priors: PriorFeatures, grid: tuple[int, int]) -> Float[Tensor, "n width h w"]:
        """Returns F_p on a grid; every prior that the projection was made for must be there, others are ignored."""
        total: Tensor | None = None
        for prior, layer in self.inward.items():
            features: Tensor | None = getattr(priors, prior)
            if features is None or features.shape[2] != layer.in_channels:
                found = "nothing" if features is None else f"{features.shape[2]} channels"
                raise ShapeError(
                    f"the teacher's prior {prior!r} must have {layer.in_channels} channels; got {found}. "
                    "Use the teacher that the network was made for."
                )
            resized = F.adaptive_avg_pool2d(features.flatten(0, 1), grid)
            hidden = F.gelu(layer(self.standard[prior](resized)))
            total = hidden if total is None else total + hidden
        if total is None:
            raise ShapeError("a projection needs at least one prior.")
        projected: Tensor = self.norm(self.outward(total))
        return projected


def _standardised(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, affine=False)


class ChannelNorm(nn.Module):
    """A layer norm over the channels of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Returns the map with zero mean and unit variance at each place, then scaled."""
        normed: Tensor = self.norm(x.movedim(1, -1)).movedim(-1, 1)
        return normed


class FusionTransformer(nn.Module):
    """F = TransEnc(<F_i, F_p>)[0 : l]: eq. 2 of the paper. Then, if asked, each hand looks at the other one.

    Pre-norm layers. The second part is a cross attention with the same weights for both hands, so that swapping the
    hands swaps the output; a hand that is absent is not looked at.

    A token of F_i and the token of F_p at the same place begin with the same sines and cosines of that place, and keys
    begin as queries: attention looks at the same place first, so that F_p is of use from the first steps on.
    """

    def __init__(self, *, width: int, heads: int, layers: int, cross_layers: int, token_count: int) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.empty(2, token_count, width))
        draw_normal(self.place, 0.02)
        if not self.place.is_meta:
            with torch.no_grad():
                self.place.add_(_sines(token_count, width))
        self.layers = nn.ModuleList([AttentionLayer(width, heads) for _ in range(layers)])
        self.cross_layers = nn.ModuleList([AttentionLayer(width, heads, crosses=True) for _ in range(cross_layers)])
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        image: Float[Tensor, "n width h w"],
        prior: Float[Tensor, "n width h w"],
        present: Bool[Tensor, "b 2"],
    ) -> Float[Tensor, "n width h w"]:
        """Returns the first l tokens, as a map; n is both hands of b pictures."""
        count = image.shape[-2] * image.shape[-1]
        if count != self.place.shape[1]:
            raise ShapeError(
                f"the network was made for {self.place.shape[1]} tokens a crop; got {count}. Use crops of its size."
            )
        tokens = torch.cat([image.flatten(2).mT + self.place[0], prior.flatten(2).mT + self.place[1]], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        kept = tokens[:, :count]
        both = present.all(dim=1).repeat_interleave(2)[:, None, None].to(kept.dtype)
        for layer in self.cross_layers:
            other = by_hand(kept).flip(1).flatten(0, 1)
            kept = kept + both * (layer(kept, other) - kept)
        mixed: Tensor = self.norm(kept).mT.reshape(image.shape)
        return mixed


class AttentionLayer(nn.Module):
    """A pre-norm transformer layer: attention, then two linear layers with GELU between them.

    One that crosses attends to other tokens than its own.
    """

    def __init__(self, width: int, heads: int, *, crosses: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.norm_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm_other: nn.Module = nn.LayerNorm(width) if crosses else nn.Identity()
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.forward_in, self.forward_out = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        draw_normal(self.query.weight, width**-0.5)
        with torch.no_grad():
            self.key_value.weight[:width] = self.query.weight
            self.key_value.bias[:width] = self.query.bias
        for last in (self.out, self.forward_out):
            draw_normal(last.weight, 0.5 * width**-0.5)
            nn.init.zeros_(last.bias)

    def forward(
        self, tokens: Float[Tensor, "n l width"], other: Float[Tensor, "n m width"] | None = None
    ) -> Float[Tensor, "n l width"]:
        """Returns the tokens after attending to themselves, or to `other`."""
        own = self.norm(tokens)
        seen = own if other is None else self.norm_other(other)
        key, value = self.key_value(seen).chunk(2, dim=-1)
        query, key, value = (self._split(x) for x in (self.query(own), key, value))
        attended = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.out(attended.transpose(1, 2).flatten(2))
        step: Tensor = self.forward_out(F.gelu(self.forward_in(self.norm_forward(tokens))))
        return tokens + step

    def _split(self, x: Float[Tensor, "n l width"]) -> Float[Tensor, "n heads l depth"]:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


def _sines(token_count: int, width: int) -> Float[Tensor, "l width"]:
    """Returns sines and cosines of a square grid's columns and rows."""
    side = math.isqrt(token_count)
    centres = (torch.arange(side) + 0.5) / side
    waves = torch.pi * centres[:, None] * torch.arange(1, -(-width // 4) + 1)
    along = torch.cat([waves.sin(), waves.cos()], dim=1)
    count = along.shape[1]
    both = torch.cat([along[None].expand(side, side, count), along[:, None].expand(side, side, count)], dim=-1)
    return both.reshape(token_count, -1)[:, :width]
