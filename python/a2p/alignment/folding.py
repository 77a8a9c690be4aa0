"""Networks as inference wants them: batch norms folded into the convolutions before them, blocks in matrix products."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Float
from torch import Tensor, nn

from a2p.alignment.encoder import EfficientNetLite0, InvertedResidual

_PAIRS = {"expand_conv": "bn0", "depthwise_conv": "bn1", "project_conv": "bn2"}


@torch.no_grad()
def fold_batch_norms(network: nn.Module) -> None:
    """Folds, in place, the batch norms of every EfficientNet-Lite0 and of every row of layers inside a network.

    What the network says in evaluation stays the same up to rounding; it can no longer be trained or saved. On one
    thread PyTorch (2.13) computes small 1 x 1 convolutions slowly: blocks do them as matrix products.
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
    for name, block in encoder.blocks.items():
        if isinstance(block, InvertedResidual):
            encoder.blocks[name] = _FoldedBlock(block)


class _FoldedBlock(nn.Module):
    """An inverted residual for inference: 1 x 1 convolutions are matrix products over channels, which lie last."""

    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        for convolution, norm in _PAIRS.items():
            before, after = getattr(block, convolution, None), getattr(block, norm, None)
            if isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                before.bias = nn.Parameter(_fold(before, after), requires_grad=False)
        self.expand = None if block.expand_conv is None else _Pointwise(block.expand_conv)
        self.depthwise, self.project = block.depthwise_conv, _Pointwise(block.project_conv)
        self.has_skip, self.padding = block.has_skip, block.padding

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h2 w2"]:
        """Returns what the block says."""
        y = x if self.expand is None else self.expand(x).clamp_(0.0, 6.0)
        left, right, up, down = self.padding
        if left == right and up == down:
            y = F.conv2d(
                y,
                self.depthwise.weight,
                self.depthwise.bias,
                self.depthwise.stride,
                (up, left),
                1,
                len(self.depthwise.weight),
            )
        else:
            y = self.depthwise(F.pad(y, self.padding))
        projected: Tensor = self.project(y.clamp_(0.0, 6.0))
        return projected.add_(x) if self.has_skip else projected


class _Pointwise(nn.Module):
    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(convolution.weight.flatten(1).contiguous(), requires_grad=False)
        self.bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


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
