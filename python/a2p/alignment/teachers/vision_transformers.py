"""The encoders of Sapiens and Sapiens 2, as their checkpoints name their parameters.

Sapiens: Khirodkar et al., "Sapiens: Foundation for Human Vision Models", ECCV 2024: a plain ViT (Dosovitskiy et al.,
ICLR 2021) with learned places. Sapiens 2: a ViT with RMSNorm, SwiGLU, grouped queries, rotary places, storage tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Float
from torch import Tensor, nn

PATCH = 16


@dataclass(frozen=True)
class VitShape:
    """The sizes of an encoder."""

    width: int
    layers: int
    heads: int
    hidden: int
    """Numbers between the two layers of a feed-forward block."""


class _PatchEmbedding(nn.Module):
    def __init__(self, width: int, padding: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, width, PATCH, PATCH, padding)


class SapiensEncoder(nn.Module):
    """Sapiens' ViT without class token: normalised pictures in, a feature map of 1/16 their size out."""

    def __init__(self, shape: VitShape, place_count: int) -> None:
        super().__init__()
        self.patch_embed = _PatchEmbedding(shape.width, padding=2)
        self.pos_embed = nn.Parameter(torch.zeros(1, place_count, shape.width))
        self.layers = nn.ModuleList([_SapiensLayer(shape) for _ in range(shape.layers)])
        self.ln1 = nn.LayerNorm(shape.width, eps=1e-6)

    def forward(self, pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h16 w16"]:
        """Returns the features after the last norm."""
        patches = self.patch_embed.projection(pictures)
        tokens = patches.flatten(2).mT + self.pos_embed
        for layer in self.layers:
            tokens = layer(tokens)
        features: Tensor = self.ln1(tokens).mT.unflatten(2, patches.shape[-2:])
        return features


class _SapiensLayer(nn.Module):
    def __init__(self, shape: VitShape) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(shape.width, eps=1e-6), nn.LayerNorm(shape.width, eps=1e-6)
        self.attn = _SapiensAttention(shape.width, shape.heads)
        self.ffn = nn.Module()
        inward = nn.Sequential(nn.Linear(shape.width, shape.hidden), nn.GELU())
        self.ffn.layers = nn.Sequential(inward, nn.Linear(shape.hidden, shape.width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        step: Tensor = self.ffn.layers(self.ln2(x))  # type: ignore[operator]
        return x + step


class _SapiensAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).movedim((2, 3), (0, 2)).unbind(0)
        attended = F.scaled_dot_product_attention(query, key, value)
        read: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return read


class Sapiens2Encoder(nn.Module):
    """Sapiens 2's encoder: normalised pictures in, a feature map of 1/16 their size out."""

    def __init__(self, shape: VitShape, key_heads: tuple[int, ...], storage_tokens: int) -> None:
        super().__init__()
        self.shape = shape
        self.patch_embed = _PatchEmbedding(shape.width, padding=0)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.storage_tokens = nn.Parameter(torch.zeros(1, storage_tokens, shape.width))
        self.rope_embed = nn.Module()
        quarter = shape.width // shape.heads // 4
        self.rope_embed.register_buffer("periods", 100.0 ** (torch.arange(quarter) / (2 * quarter) * 2))
        self.blocks = nn.ModuleList([_Sapiens2Layer(shape, heads) for heads in key_heads])
        self.ln1 = nn.RMSNorm(shape.width, eps=1e-6)

    def forward(self, pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h16 w16"]:
        """Returns the features after the last norm."""
        patches = self.patch_embed.projection(pictures)
        extra = torch.cat([self.cls_token, self.storage_tokens], dim=1)
        tokens = torch.cat([extra.expand(len(patches), -1, -1), patches.flatten(2).mT], dim=1)
        turns = self._turns(*patches.shape[-2:])
        for block in self.blocks:
            tokens = block(tokens, turns)
        features: Tensor = self.ln1(tokens)[:, extra.shape[1] :].mT.unflatten(2, patches.shape[-2:])
        return features

    def _turns(self, height: int, width: int) -> Float[Tensor, "l d"]:
        """Returns the angles by which rotary embedding turns each patch's queries and keys."""
        periods: Tensor = self.rope_embed.periods  # type: ignore[assignment]
        down, across = (2.0 * (torch.arange(n, device=periods.device) + 0.5) / n - 1.0 for n in (height, width))
        places = torch.stack(torch.meshgrid(down, across, indexing="ij"), dim=-1).flatten(0, 1)
        angles = 2.0 * math.pi * places[:, :, None] / periods.float()
        return angles.flatten(1).tile(2)


class _Sapiens2Layer(nn.Module):
    def __init__(self, shape: VitShape, key_heads: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.RMSNorm(shape.width, eps=1e-6), nn.RMSNorm(shape.width, eps=1e-6)
        self.attn = _GroupedAttention(shape.width, shape.heads, key_heads)
        self.ffn = _GatedForward(shape.width, shape.hidden)

    def forward(self, x: Tensor, turns: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x), turns)
        step: Tensor = self.ffn(self.ln2(x))
        return x + step


class _GroupedAttention(nn.Module):
    def __init__(self, width: int, heads: int, key_heads: int) -> None:
        super().__init__()
        self.heads, self.key_heads, depth = heads, key_heads, width // heads
        self.wq = nn.Linear(width, width)
        self.wk, self.wv = nn.Linear(width, key_heads * depth), nn.Linear(width, key_heads * depth)
        self.q_norm, self.k_norm = nn.RMSNorm(depth, eps=1e-6), nn.RMSNorm(depth, eps=1e-6)
        self.proj = nn.Linear(width, width)
        self.gamma = nn.Module()
        self.gamma.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor, turns: Tensor) -> Tensor:
        query = self.q_norm(self.wq(x).unflatten(2, (self.heads, -1))).transpose(1, 2)
        key = self.k_norm(self.wk(x).unflatten(2, (self.key_heads, -1))).transpose(1, 2)
        value = self.wv(x).unflatten(2, (self.key_heads, -1)).transpose(1, 2)
        group = self.heads // self.key_heads
        query, key = _turned(query, turns), _turned(key, turns).repeat_interleave(group, dim=1)
        attended = F.scaled_dot_product_attention(query, key, value.repeat_interleave(group, dim=1))
        scale: Tensor = self.gamma.weight  # type: ignore[assignment]
        read: Tensor = self.proj(attended.transpose(1, 2).flatten(2)) * scale
        return read


def _turned(x: Float[Tensor, "n heads l d"], turns: Float[Tensor, "m d"]) -> Float[Tensor, "n heads l d"]:
    """Returns queries or keys after rotary embedding of the last m tokens; those before have no place."""
    extra = x.shape[2] - len(turns)
    first, second = x[:, :, extra:].chunk(2, dim=-1)
    placed = x[:, :, extra:] * turns.cos() + torch.cat([-second, first], dim=-1) * turns.sin()
    return torch.cat([x[:, :, :extra], placed.to(x.dtype)], dim=2)


class _GatedForward(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w12, self.w3 = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.w12(x).chunk(2, dim=-1)
        read: Tensor = self.w3(F.silu(gate) * value)
        return read
