"""Where the left hand is relative to the right one, read out of both hands' 2.5D keypoints.

Each hand's crop tells its own mirrored or unmirrored story, so the question is put twice, once from each hand's side:
where is the other wrist from mine? The two answers, turned into the camera's axes, are averaged. Mirroring the
picture, which swaps the hands, then mirrors the result exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from a2p.alignment.batch import by_hand
from a2p.alignment.crop_view import look_at, turned
from a2p.alignment.encoder import residual_stage
from a2p.alignment.regressor import DEPTH_RANGE_M, KEYPOINTS, cell_centres, sample_at
from a2p.initial_numbers import draw_normal

UNION_SCALE = 1.2
"""How much the box around both hands is enlarged."""
_CELLS, _SIGMA = 64, 2.5


@dataclass(frozen=True)
class UnionView:
    """Both hands' keypoints in the square around them, from one hand's side: its own first."""

    keypoints: Float[Tensor, "n 42 3"]
    """x and y in the square, in [0, 1]; depth behind its own hand's wrist in units of the depth range, 0.5 there."""
    log_side: Float[Tensor, "n 1"]
    """Logarithm of the square's side as a tangent of an angle: how large the hands appear."""
    rotmats: Float[Tensor, "n 3 3"]
    """From the axes of a view along the ray through the square's middle to the camera's (mirrored for the left)."""


def union_view(keypoints_25d: Float[Tensor, "b 2 21 3"], intrinsics: Float[Tensor, "b 2 4"]) -> UnionView:
    """Returns the two views of each picture, from the right hand's side and from the left's (n = 2 b)."""
    rays = (keypoints_25d[..., :2] - intrinsics[:, :, None, 2:]) / intrinsics[:, :, None, :2]
    mirror = rays.new_tensor([-1.0, 1.0])
    both = torch.cat([rays, rays.flip(1) * mirror], dim=2)  # own, then the other hand's in the own frame
    low, high = both.amin(dim=2, keepdim=True), both.amax(dim=2, keepdim=True)
    side = UNION_SCALE * (high - low).amax(dim=-1, keepdim=True).clamp(min=1e-4)
    placed = (both - 0.5 * (low + high)) / side + 0.5
    depth = torch.cat([keypoints_25d[..., 2:], keypoints_25d.flip(1)[..., 2:]], dim=2) / DEPTH_RANGE_M + 0.5
    return UnionView(
        torch.cat([placed, depth], dim=-1).flatten(0, 1),
        side.log().flatten(0, 1)[:, 0],
        look_at(0.5 * (low + high)[:, :, 0]).flatten(0, 1),
    )


class VolumeRelative(nn.Module):
    """The paper's head: Gaussians of both hands' keypoints in a volume of 64^3 cells, a ResNet-18's late stages,
    features at the two wrists, one linear layer.

    The first layer is a 1 x 1 convolution over keypoints times depth cells. Gaussians are separable, so that it is
    computed from 42 planes and 42 profiles, exactly, without a volume.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.empty(64, 2 * KEYPOINTS, _CELLS))
        draw_normal(self.mix, 0.05)
        self.norm = nn.BatchNorm2d(64)
        self.late = nn.Sequential(residual_stage(64, 128), residual_stage(128, 256), residual_stage(256, 512))
        self.read = nn.Linear(2 * 512 + 1, 3)

    def forward(self, view: UnionView, _: Float[Tensor, "n pooled"]) -> Float[Tensor, "n 3"]:
        """Returns the other wrist from the own one (m) in the own hand's view."""
        centres = cell_centres(_CELLS, view.keypoints)
        bells = torch.exp(-0.5 * ((view.keypoints[..., None] - centres) * (_CELLS / _SIGMA)).square())
        across, down, deep = bells.unbind(2)
        mixed = torch.einsum("okd,nkd->nok", self.mix, deep)
        features: Tensor = torch.relu(self.norm(torch.einsum("nok,nky,nkx->noyx", mixed, down, across)))
        features = self.late(features)
        wrists = sample_at(features, view.keypoints[:, [0, KEYPOINTS], :2]).flatten(1).float()
        read: Tensor = self.read(torch.cat([wrists, view.log_side], dim=1))
        return read.float()


class PooledRelative(nn.Module):
    """A light head: an MLP over both hands' keypoints in the square around them and both hands' mean tokens."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * KEYPOINTS * 3 + 1 + 2 * width, hidden),
            *(nn.GELU(), nn.Linear(hidden, hidden)),
            *(nn.GELU(), nn.Linear(hidden, 3)),
        )

    def forward(self, view: UnionView, pooled: Float[Tensor, "n pooled"]) -> Float[Tensor, "n 3"]:
        """Returns the other wrist from the own one (m) in the own hand's view."""
        numbers = torch.cat([view.keypoints.flatten(1) - 0.5, view.log_side, pooled.float()], dim=1)
        read: Tensor = 0.1 * self.layers(numbers)
        return read.float()


def both_sides(answers: Float[Tensor, "n 3"], view: UnionView) -> Float[Tensor, "b 3"]:
    """Returns left wrist minus right wrist in the camera's axes out of both hands' answers in their view's.

    Right and left alternate.
    """
    of_right, of_left = by_hand(turned(view.rotmats, answers)).unbind(1)
    return 0.5 * (of_right - of_left * of_left.new_tensor([-1.0, 1.0, 1.0]))
