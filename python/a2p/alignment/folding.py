"""Networks as inference wants them: batch norms folded into the convolutions before them."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from a2p.alignment.encoder import EfficientNetLite0

_PAIRS = {"expand_conv": "bn0", "depthwise_conv": "bn1", "project_conv": "bn2"}


@torch.no_grad()
def fold_batch_norms(network: nn.Module) -> None:
    """Folds, in place, the batch norms of every EfficientNet-Lite0 and of every row of layers inside a network.

    What the network says in evaluation stays the same up to rounding; it can no longer be trained or saved.
    """
    for module in list(network.modules()):
        if isinstance(module, EfficientNetLite0):
            _fold_encoder(module)
        elif isinstance(module, nn.Sequential):
            for (_, before), (name, after) in itertools.pairwise(module.named_children()):
                if isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                    before.bias = nn.Parameter(_fold(before, after), requires_grad=False)
                    setattr(module, name, nn.Identity())


def _fold_encoder(encoder: EfficientNetLite0) -> None:
    if encoder.first_block == 0 and isinstance(encoder.bn0, nn.BatchNorm2d):
        scale, _ = _scale_and_shift(encoder.bn0)
        encoder.target_stem.weight.mul_(scale[:, None, None, None])
        encoder.conv_stem.bias = nn.Parameter(_fold(encoder.conv_stem, encoder.bn0), requires_grad=False)
        encoder.add_module("bn0", nn.Identity())
    for block in encoder.blocks.values():
        for convolution, norm in _PAIRS.items():
            before, after = getattr(block, convolution, None), getattr(block, norm, None)
            if isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                before.bias = nn.Parameter(_fold(before, after), requires_grad=False)
                block.add_module(norm, nn.Identity())


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    """Scales a convolution's weights in place and returns its new bias."""
    scale, shift = _scale_and_shift(norm)
    convolution.weight.mul_(scale[:, None, None, None])
    return shift if convolution.bias is None else shift + scale * convolution.bias


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None  # always kept here
    assert variance is not None
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    return scale, norm.bias - scale * mean
