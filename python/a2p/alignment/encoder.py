"""Image encoders in plain PyTorch: crops in, feature maps at strides 4, 8, 16 and 32 out.

Both take the two channels that say which hand is meant through a convolution of their own beside the stem, which is
zero at first, so that weights trained on photos alone start as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Float, Int
from torch import Tensor, nn

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

EncoderKind: TypeAlias = Literal["resnet50", "efficientnet_lite0", "hand_landmark"]


@dataclass(frozen=True)
class FeatureMaps:
    """Feature maps at strides 4, 8, 16 and 32."""

    stride_4: Float[Tensor, "n c4 h4 w4"]
    stride_8: Float[Tensor, "n c8 h8 w8"]
    stride_16: Float[Tensor, "n c16 h16 w16"]
    stride_32: Float[Tensor, "n c32 h32 w32"]

    def placed(self, rows: Int[Tensor, " n"], count: int) -> FeatureMaps:
        """Returns the maps as those rows of `count`, and zeros in all others."""
        maps = (self.stride_4, self.stride_8, self.stride_16, self.stride_32)
        return FeatureMaps(*(m.new_zeros((count, *m.shape[1:])).index_copy(0, rows, m) for m in maps))


class ResNet50(nn.Module):
    """ResNet-50 without its classifier (He et al., CVPR 2016), stride in the 3 x 3 convolutions as everyone has it.

    Parameters have torchvision's names, so that its state dict loads; images are normalised as it asks.
    """

    channels = (256, 512, 1024, 2048)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.target_stem = _target_stem(64)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, 3, 1)
        self.layer2 = _stage(256, 128, 4, 2)
        self.layer3 = _stage(512, 256, 6, 2)
        self.layer4 = _stage(1024, 512, 3, 2)

    def forward(self, crops: Float[Tensor, "n 3 s s"], target: Float[Tensor, "n 2 s s"]) -> FeatureMaps:
        """Returns the feature maps of crops in [0, 1]."""
        mean, deviation = (crops.new_tensor(value).view(3, 1, 1) for value in (_MEAN, _DEVIATION))
        x = self.conv1((crops - mean) / deviation) + self.target_stem(target)
        x = F.max_pool2d(F.relu(self.bn1(x)), 3, 2, 1)
        stride_4 = self.layer1(x)
        stride_8 = self.layer2(stride_4)
        stride_16 = self.layer3(stride_8)
        return FeatureMaps(stride_4, stride_8, stride_16, self.layer4(stride_16))


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def _stage(inputs: int, width: int, count: int, stride: int) -> nn.Sequential:
    blocks = [_Bottleneck(inputs, width, stride)]
    return nn.Sequential(*blocks, *(_Bottleneck(4 * width, width, 1) for _ in range(count - 1)))


@dataclass(frozen=True)
class _BlockShape:
    kernel: int
    stride: int
    expansion: int
    outputs: int


_LITE0 = (
    _BlockShape(3, 1, 1, 16),
    *(_BlockShape(3, 2, 6, 24), _BlockShape(3, 1, 6, 24)),
    *(_BlockShape(5, 2, 6, 40), _BlockShape(5, 1, 6, 40)),
    *(_BlockShape(3, 2, 6, 80), *[_BlockShape(3, 1, 6, 80)] * 2),
    *[_BlockShape(5, 1, 6, 112)] * 3,
    *(_BlockShape(5, 2, 6, 192), *[_BlockShape(5, 1, 6, 192)] * 3),
    _BlockShape(3, 1, 6, 320),
)
"""Blocks of EfficientNet-Lite0, in order."""
_HAND_LANDMARK = (_LITE0[0], _BlockShape(3, 2, 4, 24), *_LITE0[2:15])
"""Those of MediaPipe's hand landmark model down to stride 32."""
MOST_SHARED_BLOCKS = 11
"""Blocks that a second encoder may share: those down to stride 16."""


class MobileEncoder(nn.Module):
    """Inverted residuals with ReLU6 and no squeeze-and-excitation, whose padding at stride 2 is TensorFlow's.

    An encoder with `first_block` > 0 has no stem: it goes on from another one's blocks.
    """

    channels: tuple[int, int, int, int]
    shapes: tuple[_BlockShape, ...]
    stem_width: int
    taps: tuple[int, int, int, int]
    """The last block of each stride."""
    is_normalised: bool
    """Whether convolutions have batch normalisation behind them; else they have biases."""
    darkest: float
    """What black is to the published weights; white is 1."""

    def __init__(self, first_block: int = 0) -> None:
        super().__init__()
        self.first_block = first_block
        if first_block == 0:
            self.conv_stem = nn.Conv2d(3, self.stem_width, 3, 2, bias=not self.is_normalised)
            self.target_stem = _target_stem(self.stem_width)
            self.bn0 = _batch_norm(self.stem_width) if self.is_normalised else nn.Identity()
        widths = [self.stem_width, *(shape.outputs for shape in self.shapes)]
        self.blocks = nn.ModuleDict(
            {
                str(i): InvertedResidual(widths[i], self.shapes[i], is_normalised=self.is_normalised)
                for i in range(first_block, len(self.shapes))
            }
        )

    def forward(self, crops: Float[Tensor, "n 3 s s"], target: Float[Tensor, "n 2 s s"]) -> FeatureMaps:
        """Returns the feature maps of crops in [0, 1]."""
        return self.maps(self.block_outputs(crops, target))

    def block_outputs(self, crops: Float[Tensor, "n 3 s s"], target: Float[Tensor, "n 2 s s"]) -> list[Tensor]:
        """Returns what every block yields."""
        return self._through(self.stem(crops, target), [])

    def stem(self, crops: Float[Tensor, "n 3 s s"], target: Float[Tensor, "n 2 s s"]) -> Float[Tensor, "n c h w"]:
        """Returns what the first block is given, at stride 2."""
        scaled = (1.0 - self.darkest) * crops + self.darkest
        x = self.conv_stem(F.pad(scaled, (0, 1, 0, 1))) + self.target_stem(target)
        return F.relu6(self.bn0(x))

    def go_on(self, shared: list[Tensor]) -> FeatureMaps:
        """Returns the feature maps after another encoder's first blocks."""
        before = shared[: self.first_block]
        return self.maps(self._through(before[-1], before))

    def maps(self, outputs: list[Tensor]) -> FeatureMaps:
        """Returns the last block of each stride."""
        return FeatureMaps(*(outputs[tap] for tap in self.taps))

    def _through(self, x: Tensor, before: list[Tensor]) -> list[Tensor]:
        outputs = list(before)
        for block in self.blocks.values():
            x = block(x)
            outputs.append(x)
        return outputs


class EfficientNetLite0(MobileEncoder):
    """EfficientNet-Lite0 without its head (Tan and Le, ICML 2019; the Lite variant is TensorFlow's)."""

    channels = (24, 40, 112, 320)
    shapes, stem_width, taps, is_normalised = _LITE0, 32, (2, 4, 10, 15), True
    darkest = -1.0


class HandLandmarkEncoder(MobileEncoder):
    """MediaPipe's hand landmark model (full) without its last block and its heads, normalisation folded into weights.

    Zhang et al., "MediaPipe Hands", 2020.
    """

    channels = (24, 40, 112, 192)
    shapes, stem_width, taps, is_normalised = _HAND_LANDMARK, 24, (2, 4, 10, 14), False
    darkest = 0.0


class InvertedResidual(nn.Module):
    """One block: expand, filter each channel, project; the input is added where it has the same shape."""

    def __init__(self, inputs: int, shape: _BlockShape, *, is_normalised: bool = True) -> None:
        super().__init__()
        width, bias = inputs * shape.expansion, not is_normalised
        norm = _batch_norm if is_normalised else _no_norm
        self.expand_conv: nn.Conv2d | None = None
        if shape.expansion > 1:
            self.expand_conv, self.bn0 = nn.Conv2d(inputs, width, 1, bias=bias), norm(width)
        self.depthwise_conv = nn.Conv2d(width, width, shape.kernel, shape.stride, groups=width, bias=bias)
        self.bn1 = norm(width)
        self.project_conv, self.bn2 = nn.Conv2d(width, shape.outputs, 1, bias=bias), norm(shape.outputs)
        self.has_skip = shape.stride == 1 and inputs == shape.outputs
        total = shape.kernel - shape.stride
        self.padding = (total // 2, total - total // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        """Returns what the block says."""
        y = x if self.expand_conv is None else F.relu6(self.bn0(self.expand_conv(x)))
        y = F.relu6(self.bn1(self.depthwise_conv(F.pad(y, self.padding))))
        projected: Tensor = self.bn2(self.project_conv(y))
        return x + projected if self.has_skip else projected


def _no_norm(_: int) -> nn.Module:
    return nn.Identity()


def _batch_norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)


def _target_stem(outputs: int) -> nn.Conv2d:
    convolution = nn.Conv2d(2, outputs, 3, 2, 1, bias=False)
    nn.init.zeros_(convolution.weight)
    return convolution


Encoder: TypeAlias = ResNet50 | EfficientNetLite0 | HandLandmarkEncoder


def residual_stage(inputs: int, outputs: int) -> nn.Sequential:
    """Returns one of a ResNet-18's late stages: two basic blocks, the first of which halves the resolution."""
    return nn.Sequential(_BasicBlock(inputs, outputs, 2), _BasicBlock(outputs, outputs, 1))


class _BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.downsample(x))
