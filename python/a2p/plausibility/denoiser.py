"""The denoiser: a transformer that reads a noised pair of hands and its estimate, and predicts the clean pair.

Conditioned as in Tevet et al., "Human Motion Diffusion Model" (ICLR 2023): a timestep MLP, linear embeddings, and the
clean sample x_0 as output rather than the noise. The output is preconditioned as in Karras et al., "Elucidating the
Design Space of Diffusion-Based Generative Models" (NeurIPS 2022): what a Gaussian error of the estimate lets one say
without learning is said in closed form, and the network adds the rest in units of what is left unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from a2p.errors import ConfigError
from a2p.initial_numbers import draw_normal
from a2p.plausibility.pair_numbers import JOINT_FEATURES, PAIR_FEATURES, PairCondition, PairNumbers, PairParts
from a2p.plausibility.schedule import NOISING_STEPS, NoiseSchedule


@dataclass(frozen=True, kw_only=True)
class DenoiserConfig:
    """The size of a denoiser."""

    width: int = 128
    """Numbers a token."""
    layers: int = 5
    heads: int = 4
    widening: int = 4
    """Width of the hidden layer of each block over the width of a token."""
    joints_per_token: int = 3
    """3 gives a finger one token, 1 gives every joint one."""
    noising_steps: int = NOISING_STEPS

    def __post_init__(self) -> None:
        if self.joints_per_token not in (1, 3):
            raise ConfigError(f"joints_per_token must be 1 or 3; got {self.joints_per_token}.")
        if min(self.width, self.layers, self.heads, self.widening) < 1 or self.width % (2 * self.heads):
            raise ConfigError(
                f"width must be a multiple of twice the heads, and all sizes positive; got width {self.width}, "
                f"heads {self.heads}, layers {self.layers}, widening {self.widening}."
            )

    @classmethod
    def paper(cls) -> DenoiserConfig:
        """Returns a denoiser of about the paper's size, 22 million parameters, with a token a joint."""
        return cls(width=512, layers=7, heads=8, joints_per_token=1)


@dataclass(frozen=True)
class Normalisation:
    """Means and deviations of what the denoiser reads and writes."""

    mean: Float[Tensor, " 215"]
    """Of the clean numbers."""
    deviation: Float[Tensor, " 215"]
    error_mean: Float[Tensor, " 215"]
    """Of the clean numbers minus the estimate, in deviations of the clean numbers."""
    error_deviation: Float[Tensor, " 215"]

    @classmethod
    def of(cls, clean: PairNumbers, estimate: PairNumbers) -> Normalisation:
        """Returns the statistics of training pairs; a number that hardly varies counts for little."""
        deviation = clean.std(0).clamp(min=5e-2)
        error = (clean - estimate) / deviation
        return cls(clean.mean(0), deviation, error.mean(0), error.std(0).clamp(min=1e-3))


class Denoiser(nn.Module):
    """Predicts the clean pair from a noised one, the timestep and the estimate; all in normalised numbers."""

    mean: Tensor
    deviation: Tensor
    error_mean: Tensor
    error_deviation: Tensor
    alpha_bar: Tensor
    frequencies: Tensor

    def __init__(self, config: DenoiserConfig, normalisation: Normalisation) -> None:
        super().__init__()
        self.config = config
        for name in ("mean", "deviation", "error_mean", "error_deviation"):
            self.register_buffer(name, getattr(normalisation, name).float().clone())
        width, group = config.width, config.joints_per_token
        with torch.device("cpu"):  # computed even where the network is to have shapes alone
            alpha_bar = NoiseSchedule.cosine(config.noising_steps).alpha_bar.float()
            frequencies = _frequencies(width)
        self.register_buffer("alpha_bar", alpha_bar, persistent=False)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.embed_joints = nn.Linear(group * (12 + JOINT_FEATURES), width)
        self.embed_wrists = nn.Linear(12 + JOINT_FEATURES + 20, width)
        self.embed_pair = nn.Linear(6 + PAIR_FEATURES, width)
        tokens = 2 * (15 // group + 1) + 1
        self.places = nn.Parameter(torch.empty(tokens, width))
        draw_normal(self.places, 0.02)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.read_joints = nn.Linear(width, group * 6)
        self.read_wrists = nn.Linear(width, 16)
        self.read_pair = nn.Linear(width, 3)
        for head in (self.read_joints, self.read_wrists, self.read_pair):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def normalised(self, numbers: PairNumbers) -> PairNumbers:
        """Returns numbers as the diffusion sees them."""
        return (numbers - self.mean) / self.deviation

    def restored(self, numbers: PairNumbers) -> PairNumbers:
        """Returns the pair's numbers of normalised ones."""
        return numbers * self.deviation + self.mean

    def forward(
        self, x_t: Float[Tensor, "b 215"], t: Int[Tensor, " b"], condition: PairCondition
    ) -> Float[Tensor, "b 215"]:
        """Returns the estimate of x_0, normalised as x_t is."""
        estimate = self.normalised(condition.numbers)
        expected = estimate + self.error_mean
        alpha_bar = self.alpha_bar[t][:, None]
        variance = self.error_deviation.square()
        total = alpha_bar * variance + 1 - alpha_bar
        surprise = (x_t - alpha_bar.sqrt() * expected) / total.sqrt()
        known = expected + variance * (alpha_bar / total).sqrt() * surprise
        unknown = self.error_deviation * ((1 - alpha_bar) / total).sqrt()
        return known + unknown * self._rest(surprise, t, estimate, condition)

    def _rest(
        self, surprise: Float[Tensor, "b 215"], t: Int[Tensor, " b"], estimate: PairNumbers, condition: PairCondition
    ) -> Float[Tensor, "b 215"]:
        tokens = self._tokens(PairParts.of(surprise), PairParts.of(estimate), condition)
        phase = t[:, None].to(self.frequencies) * self.frequencies
        tokens = tokens + self.time(torch.cat([phase.cos(), phase.sin()], dim=1))[:, None] + self.places
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)
        batch, fingers = len(t), 15 // self.config.joints_per_token
        wrists = self.read_wrists(tokens[:, :2])
        joints = self.read_joints(tokens[:, 2:-1]).reshape(batch, 2, fingers * self.config.joints_per_token * 6)
        hands = torch.cat([wrists[..., :6], joints, wrists[..., 6:]], dim=-1)
        return torch.cat([hands.flatten(1), self.read_pair(tokens[:, -1])], dim=1)

    def _tokens(self, noised: PairParts, estimate: PairParts, condition: PairCondition) -> Float[Tensor, "b n width"]:
        joints = torch.cat([noised.rot6d, estimate.rot6d, condition.joints], dim=-1)
        wrists = torch.cat([joints[:, :, 0], noised.betas, estimate.betas], dim=-1)
        fingers = joints[:, :, 1:].flatten(1, 2)
        fingers = fingers.reshape(len(fingers), -1, self.embed_joints.in_features)
        pair = torch.cat([noised.relative, estimate.relative, condition.pair], dim=-1)
        return torch.cat([self.embed_wrists(wrists), self.embed_joints(fingers), self.embed_pair(pair)[:, None]], dim=1)


class _Block(nn.Module):
    """Attention among all tokens, then a hidden layer on each; both on normalised tokens, added to them."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norm_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.norm_hidden = nn.LayerNorm(width)
        self.widen = nn.Linear(width, config.widening * width)
        self.narrow = nn.Linear(config.widening * width, width)

    def forward(self, tokens: Float[Tensor, "b n width"]) -> Float[Tensor, "b n width"]:
        batch, count, width = tokens.shape
        heads = self.query_key_value(self.norm_attention(tokens))
        query, key, value = heads.reshape(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.mix(mixed.transpose(1, 2).reshape(batch, count, width))
        hidden: Tensor = self.narrow(functional.gelu(self.widen(self.norm_hidden(tokens)), approximate="tanh"))
        return tokens + hidden


def _frequencies(width: int) -> Float[Tensor, " half"]:
    """Angular frequencies a timestep, from one radian down to a ten-thousandth (Vaswani et al., 2017)."""
    half = width // 2
    return torch.exp(-math.log(10_000) * torch.arange(half) / half)
