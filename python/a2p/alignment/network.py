"""The alignment network: both hands' crops in, hands and their relative translation out (METHOD's stage 1).

The image encoder sees a crop, the fusion alignment encoder tells from the same crop what the teachers would see, and
a transformer mixes the two. Teachers are arguments of training alone: the network neither holds nor imports them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from a2p.alignment.batch import AlignmentInput, AlignmentOutput, by_hand
from a2p.alignment.encoder import (
    MOST_SHARED_BLOCKS,
    EfficientNetLite0,
    Encoder,
    EncoderKind,
    FeatureMaps,
    HandLandmarkEncoder,
    MobileEncoder,
    ResNet50,
)
from a2p.alignment.fusion import PRIORS, ChannelNorm, FusionTransformer, Neck, Prior, PriorFeatures, PriorProjection
from a2p.alignment.regressor import HeatmapKeypoints, KeypointReading, ParameterHead, VolumeKeypoints
from a2p.alignment.relative_translation import PooledRelative, VolumeRelative, both_sides, union_view
from a2p.errors import ConfigError, ShapeError

Encode: TypeAlias = Callable[[Tensor, Tensor], tuple[FeatureMaps, FeatureMaps]]
"""Crops (n, 3, s, s) and targets (n, 2, s, s) in, both encoders' maps out."""


@dataclass(frozen=True, kw_only=True)
class AlignmentConfig:
    """The sizes of an alignment network. `paper()` and `compact()` are the two that are meant to be used."""

    encoder: EncoderKind = "efficientnet_lite0"
    crop_px: int = 128
    """Side of a crop."""
    token_stride: int = 16
    """Pixels between tokens: 32 or 16."""
    width: int = 128
    """Numbers a token."""
    heads: int = 4
    layers: int = 2
    """Transformer layers over <F_i, F_p>."""
    cross_layers: int = 1
    """Layers in which each hand looks at the other one."""
    shared_blocks: int = 0
    """First blocks of a mobile encoder that the fusion alignment encoder shares with the image encoder."""
    keypoint_head: Literal["volume", "heatmap"] = "heatmap"
    keypoint_hidden: int = 64
    """Channels of the pyramid below the heat maps."""
    sampled: int = 64
    """Channels that are sampled at the keypoints."""
    parameter_hidden: int = 256
    """Hidden layer before the rotations; 0 for none."""
    relative_head: Literal["volume", "pooled"] = "pooled"
    relative_hidden: int = 192
    keypoint_prior: int = 0
    """Channels of the teacher's F_k; 0 leaves the prior out."""
    segmentation_prior: int = 0
    """Channels of F_m."""
    depth_prior: int = 0
    """Channels of F_d."""

    def __post_init__(self) -> None:
        sizes = (self.crop_px, self.width, self.heads, self.sampled, self.keypoint_hidden, self.relative_hidden)
        if min(sizes) < 1 or self.crop_px % 32 or self.width % self.heads:
            raise ConfigError(
                "crop_px must be a multiple of 32, width one of heads, and sizes positive; got crop_px "
                f"{self.crop_px}, width {self.width}, heads {self.heads}, sampled {self.sampled}, keypoint_hidden "
                f"{self.keypoint_hidden}, relative_hidden {self.relative_hidden}."
            )
        counts = (self.layers, self.cross_layers, self.parameter_hidden, *self.prior_channels.values())
        if self.token_stride not in (16, 32) or min(counts) < 0:
            raise ConfigError(
                f"token_stride must be 16 or 32 and no number below 0; got {self.token_stride} and {min(counts)}."
            )
        most = 0 if self.encoder == "resnet50" else MOST_SHARED_BLOCKS
        if not 0 <= self.shared_blocks <= most:
            raise ConfigError(f"{self.encoder} can share 0 to {most} blocks; got {self.shared_blocks}.")

    @classmethod
    def paper(cls) -> AlignmentConfig:
        """Returns the paper's network: two ResNet-50, crops of 256 px, 8 x 8 x 8 volumes."""
        return cls(
            encoder="resnet50",
            crop_px=256,
            token_stride=32,
            width=512,
            heads=8,
            layers=2,
            cross_layers=0,
            keypoint_head="volume",
            sampled=512,
            parameter_hidden=0,
            relative_head="volume",
        )

    @classmethod
    def compact(cls) -> AlignmentConfig:
        """Returns the small network: EfficientNet-Lite0, crops of 128 px, heat maps of 32 x 32."""
        return cls(shared_blocks=MOST_SHARED_BLOCKS)

    def with_priors(self, channels: Mapping[Prior, int]) -> AlignmentConfig:
        """Returns the configuration for a teacher that gives these priors; others are left out."""
        return replace(
            self,
            keypoint_prior=channels.get("keypoints", 0),
            segmentation_prior=channels.get("segmentation", 0),
            depth_prior=channels.get("depth", 0),
        )

    @property
    def prior_channels(self) -> dict[Prior, int]:
        """Channels of each prior, 0 for one that is left out."""
        return dict(zip(PRIORS, (self.keypoint_prior, self.segmentation_prior, self.depth_prior), strict=True))

    @property
    def grid(self) -> int:
        """Tokens along a crop's side."""
        return self.crop_px // self.token_stride


class AlignmentNetwork(nn.Module):
    """Stage 1: `network(given)` returns both hands.

    In training, `priors` are what the teachers see. F_p then takes the place of F_fa in the share of pictures that
    `from_image` leaves to it, so that the transformer learns to live with either; at inference F_fa stands alone.
    """

    def __init__(self, config: AlignmentConfig) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = _encoder(config.encoder)
        self.alignment_encoder = _encoder(config.encoder, config.shared_blocks)
        channels = self.image_encoder.channels
        self.image_neck = Neck(channels, config.width, config.token_stride)
        self.alignment_neck = Neck(channels, config.width, config.token_stride)
        self.alignment_norm = ChannelNorm(config.width)
        wanted = {prior: count for prior, count in config.prior_channels.items() if count}
        self.projection = PriorProjection(wanted, config.width) if wanted else None
        self.transformer = FusionTransformer(
            width=config.width,
            heads=config.heads,
            layers=config.layers,
            cross_layers=config.cross_layers,
            token_count=config.grid**2,
        )
        self.keypoints: VolumeKeypoints | HeatmapKeypoints = (
            VolumeKeypoints(config.width)
            if config.keypoint_head == "volume"
            else HeatmapKeypoints(config.width, channels, config.keypoint_hidden)
        )
        self.parameters_head = ParameterHead(config.width, config.sampled, config.parameter_hidden)
        self.relative: VolumeRelative | PooledRelative = (
            VolumeRelative()
            if config.relative_head == "volume"
            else PooledRelative(config.width, config.relative_hidden)
        )

    def forward(
        self,
        given: AlignmentInput,
        priors: PriorFeatures | None = None,
        from_image: Float[Tensor, " b"] | None = None,
    ) -> AlignmentOutput:
        """Returns both hands.

        `from_image` is 1 for pictures where F_fa is mixed in although F_p is at hand, 0 for the others; by default 0.
        """
        return self.from_maps(given, *self.maps(given, self.encoded), priors, from_image)

    def from_maps(
        self,
        given: AlignmentInput,
        maps: FeatureMaps,
        alignment_maps: FeatureMaps,
        priors: PriorFeatures | None = None,
        from_image: Float[Tensor, " b"] | None = None,
    ) -> AlignmentOutput:
        """Returns both hands from the image encoder's and the fusion alignment encoder's maps of their crops."""
        image = self.image_neck(maps)
        aligned = self.alignment_norm(self.alignment_neck(alignment_maps))
        grid = (self.config.grid, self.config.grid)
        prior = None if priors is None or self.projection is None else self.projection(priors, grid)
        mixed = _chosen(aligned, prior, from_image)
        tokens = self.transformer(image, mixed, given.present)
        reading: KeypointReading = self.keypoints(tokens, maps)
        hand = self.parameters_head(tokens, reading.keypoints_25d, given.intrinsics.flatten(0, 1))
        pooled = by_hand(tokens.mean((-2, -1)))
        view = union_view(by_hand(reading.keypoints_25d), given.intrinsics)
        answers = self.relative(view, torch.cat([pooled, pooled.flip(1)], dim=2).flatten(0, 1))

        return AlignmentOutput(
            rot6d=by_hand(hand.rot6d),
            betas=by_hand(hand.betas),
            wrist=by_hand(hand.wrist),
            keypoints_25d=by_hand(reading.keypoints_25d),
            spread=by_hand(reading.spread),
            log_heatmaps=by_hand(reading.log_heatmaps),
            relative_translation=both_sides(answers, view),
            alignment_features=by_hand(aligned),
            prior_features=None if prior is None else by_hand(prior),
        )

    def parameter_count(self, *, at_inference: bool = True) -> int:
        """Returns the number of parameters; the projection of teachers' features is needed in training alone."""
        total = sum(parameter.numel() for parameter in self.parameters())
        if at_inference and self.projection is not None:
            total -= sum(parameter.numel() for parameter in self.projection.parameters())
        return total

    def maps(self, given: AlignmentInput, encode: Encode) -> tuple[FeatureMaps, FeatureMaps]:
        """Returns both encoders' maps as `encode` sees crops; those of absent hands are zero and cost nothing."""
        side = self.config.crop_px
        if given.crops.shape[-2:] != (side, side):
            raise ShapeError(
                f"crops must be {side} x {side} px for this network; got {tuple(given.crops.shape[-2:])}. Resample."
            )
        crops, target, present = given.crops.flatten(0, 1), given.target.flatten(0, 1), given.present.flatten()
        if present.all() or not present.any():
            return encode(crops, target)
        rows = present.nonzero()[:, 0]
        maps, alignment_maps = encode(crops[rows], target[rows])
        return maps.placed(rows, len(crops)), alignment_maps.placed(rows, len(crops))

    def encoded(
        self, crops: Float[Tensor, "n 3 s s"], target: Float[Tensor, "n 2 s s"]
    ) -> tuple[FeatureMaps, FeatureMaps]:
        """Returns the image encoder's and the fusion alignment encoder's maps of crops."""
        if isinstance(self.image_encoder, MobileEncoder) and isinstance(self.alignment_encoder, MobileEncoder):
            outputs = self.image_encoder.block_outputs(crops, target)
            if self.config.shared_blocks:
                return self.image_encoder.maps(outputs), self.alignment_encoder.go_on(outputs)
            return self.image_encoder.maps(outputs), self.alignment_encoder(crops, target)
        return self.image_encoder(crops, target), self.alignment_encoder(crops, target)


def _encoder(kind: EncoderKind, shared_blocks: int = 0) -> Encoder:
    if kind == "resnet50":
        return ResNet50()
    return EfficientNetLite0(shared_blocks) if kind == "efficientnet_lite0" else HandLandmarkEncoder(shared_blocks)


def _chosen(aligned: Tensor, prior: Tensor | None, from_image: Tensor | None) -> Tensor:
    """Returns F_p where there is one and the image alone is not asked for."""
    if prior is None:
        return aligned
    if from_image is None:
        return prior
    share = from_image.repeat_interleave(2)[:, None, None, None].to(prior.dtype)
    return prior + share * (aligned - prior)
