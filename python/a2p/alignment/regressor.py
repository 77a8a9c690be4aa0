"""Heads that read a hand out of fused tokens: 2.5D keypoints, then rotations, shape and the wrist's place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Float
from torch import Tensor, nn

from a2p.alignment.crop_view import look_at, middle_rays, turned
from a2p.alignment.encoder import FeatureMaps
from a2p.initial_numbers import draw_normal

KEYPOINTS, ROTATIONS, BETAS = 21, 16, 10
DEPTH_RANGE_M = 0.3
"""Depth that heat maps span about the wrist, as InterWild's."""
TYPICAL_SIZE_M = 0.6
"""s of the camera: how much a crop may span at most, as InterWild's."""
_IDENTITY_ROT6D = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class KeypointReading:
    """Keypoints by soft-argmax, and the heat maps that they were read from."""

    keypoints_25d: Float[Tensor, "n 21 3"]
    """x and y in units of the crop's side, depth behind the wrist along the ray through the crop's middle in m."""
    spread: Float[Tensor, "n 21"]
    log_heatmaps: Float[Tensor, "n 21 h w"]


class VolumeKeypoints(nn.Module):
    """2.5D keypoints by soft-argmax over a coarse volume, 8 x 8 x 8 for 64 tokens: the paper's head."""

    def __init__(self, width: int, planes: int = 8) -> None:
        super().__init__()
        self.planes = planes
        self.logits = nn.Conv2d(width, KEYPOINTS * planes, 1)

    def forward(self, tokens: Float[Tensor, "n width h w"], _: FeatureMaps) -> KeypointReading:
        """Returns what the volume says."""
        logits: Tensor = self.logits(tokens).float().reshape(-1, KEYPOINTS, self.planes, *tokens.shape[-2:])
        log_volume = logits.flatten(2).log_softmax(-1).view_as(logits)
        along_depth = log_volume.exp().sum((-2, -1))
        depth = ((along_depth * cell_centres(self.planes, logits)).sum(-1) - 0.5) * DEPTH_RANGE_M
        return _reading(log_volume.logsumexp(2), depth)


class HeatmapKeypoints(nn.Module):
    """2.5D keypoints by soft-argmax over 2D heat maps at stride 4, with a depth map a keypoint beside each.

    A light feature pyramid over the image encoder's maps, which the transformer's tokens join at stride 16: keypoints
    can be found from the first steps on, before the transformer has learnt anything.
    """

    def __init__(self, width: int, channels: tuple[int, int, int, int], hidden: int) -> None:
        super().__init__()
        self.lateral_32, self.lateral_16 = _pointwise(channels[3], 2 * hidden), _pointwise(channels[2], 2 * hidden)
        self.lateral_8, self.lateral_4 = _pointwise(channels[1], 2 * hidden), _pointwise(channels[0], hidden)
        self.tokens = _pointwise(width, 2 * hidden)
        self.smooth_32, self.smooth_16 = (_separable(2 * hidden, 2 * hidden) for _ in range(2))
        self.smooth_8, self.smooth_4 = _separable(2 * hidden, hidden), _separable(hidden, hidden)
        self.logits, self.depth = nn.Conv2d(hidden, KEYPOINTS, 1), nn.Conv2d(hidden, KEYPOINTS, 1)

    def forward(self, tokens: Float[Tensor, "n width h w"], maps: FeatureMaps) -> KeypointReading:
        """Returns what the heat maps say."""
        x = self.smooth_32(self.lateral_32(maps.stride_32))
        x = _enlarged(x, maps.stride_16) + self.lateral_16(maps.stride_16)
        x = self.smooth_16(x + _enlarged(self.tokens(tokens), maps.stride_16))
        x = self.smooth_8(_enlarged(x, maps.stride_8) + self.lateral_8(maps.stride_8))
        x = self.smooth_4(_enlarged(x, maps.stride_4) + self.lateral_4(maps.stride_4))
        log_heatmaps = self.logits(x).float().flatten(2).log_softmax(-1)
        depth = (log_heatmaps.exp() * self.depth(x).float().flatten(2)).sum(-1) * DEPTH_RANGE_M
        return _reading(log_heatmaps.reshape(*log_heatmaps.shape[:2], *x.shape[-2:]), depth)


def cell_centres(count: int, like: Tensor) -> Float[Tensor, " count"]:
    """Returns the centres of as many cells as span [0, 1], in the dtype and on the device of `like`."""
    return (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) / count


def _reading(log_heatmaps: Float[Tensor, "n 21 h w"], depth: Float[Tensor, "n 21"]) -> KeypointReading:
    share = log_heatmaps.exp()
    across, down = cell_centres(share.shape[-1], share), cell_centres(share.shape[-2], share)
    columns, rows = share.sum(-2), share.sum(-1)
    x, y = (columns * across).sum(-1), (rows * down).sum(-1)
    variance = (columns * (across - x[..., None]).square()).sum(-1) + (rows * (down - y[..., None]).square()).sum(-1)
    keypoints = torch.stack([x, y, depth - depth[:, :1]], dim=-1)
    return KeypointReading(keypoints, variance.clamp(min=1e-12).sqrt(), log_heatmaps)


@dataclass(frozen=True)
class ParameterReading:
    """Rotations, shape and place of a hand."""

    rot6d: Float[Tensor, "n 16 6"]
    betas: Float[Tensor, "n 10"]
    wrist: Float[Tensor, "n 3"]


class ParameterHead(nn.Module):
    """Reads rotations out of the features at the keypoints, and betas and the wrist's place out of their mean.

    The wrist's rotation is read in the axes of the crop's view and turned into the camera's (`crop_view`).
    The keypoints say where to look and are themselves input; no gradient passes through them here. `hidden` = 0 is
    the paper's single linear layer, otherwise there is a hidden layer before it.
    """

    def __init__(self, width: int, sampled: int, hidden: int) -> None:
        super().__init__()
        self.sampled = nn.Sequential(nn.Conv2d(width, sampled, 1, bias=False), nn.BatchNorm2d(sampled), nn.ReLU())
        gathered = KEYPOINTS * (sampled + 3)
        self.hidden: nn.Module = nn.Identity()
        if hidden > 0:
            self.hidden = nn.Sequential(nn.Linear(gathered, hidden), nn.GELU())
        read = hidden or gathered
        self.root, self.pose = nn.Linear(read, 6), nn.Linear(read, 6 * (ROTATIONS - 1))
        self.betas, self.camera = nn.Linear(width, BETAS), nn.Linear(width, 3)
        for layer in (self.root, self.pose):
            draw_normal(layer.weight, 1e-3)
            with torch.no_grad():
                layer.bias.copy_(torch.tensor(_IDENTITY_ROT6D * (layer.out_features // 6)))
        for layer in (self.betas, self.camera):
            draw_normal(layer.weight, 1e-3)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        tokens: Float[Tensor, "n width h w"],
        keypoints_25d: Float[Tensor, "n 21 3"],
        intrinsics: Float[Tensor, "n 4"],
    ) -> ParameterReading:
        """Returns the hand; intrinsics in units of the crop's side."""
        places = keypoints_25d.detach()
        at_keypoints = sample_at(self.sampled(tokens), places[..., :2]).float()
        offset = places * places.new_tensor([1.0, 1.0, 1.0 / DEPTH_RANGE_M])
        read = self.hidden(torch.cat([at_keypoints, offset], dim=-1).flatten(1))
        pooled = tokens.mean((-2, -1))
        view = look_at(middle_rays(intrinsics))
        root = turned(view[:, None], self.root(read).float().unflatten(1, (2, 3))).flatten(1)
        rot6d = torch.cat([root, self.pose(read).float()], dim=1)
        wrist = wrist_from_camera(self.camera(pooled).float(), intrinsics)
        return ParameterReading(rot6d.reshape(-1, ROTATIONS, 6), self.betas(pooled).float(), wrist)


def wrist_from_camera(camera: Float[Tensor, "n 3"], intrinsics: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3"]:
    """Returns the wrist's place (m) from what InterWild calls the camera: t_x, t_y and gamma.

    t_z = k sigmoid(gamma) with k = sqrt(fx fy s^2 / (h w)), the depth where the crop spans s; h = w = 1 in these
    intrinsics. t_x and t_y are measured from the ray through the crop's centre, which in InterWild's virtual camera
    is the axis.
    """
    nearest = TYPICAL_SIZE_M * intrinsics[:, :2].prod(dim=1, keepdim=True).sqrt()
    depth = nearest * camera[:, 2:].sigmoid()
    aside = camera[:, :2] + middle_rays(intrinsics) * depth
    return torch.cat([aside, depth], dim=1)


def sample_at(features: Float[Tensor, "n c h w"], places: Float[Tensor, "n k 2"]) -> Float[Tensor, "n k c"]:
    """Returns features at places in units of the crop's side, bilinear; zero outside the crop."""
    grid = (2.0 * places - 1.0)[:, :, None].to(features.dtype)
    sampled = F.grid_sample(features, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return sampled[..., 0].mT


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    """Returns a map at the size of another one."""
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")


def _pointwise(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 5, padding=2, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
