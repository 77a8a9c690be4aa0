"""One hand's parameters over time with less jitter."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.errors import ConfigError
from a2p.hand import HandModel, HandParameters
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat
from a2p.tracking.one_euro import OneEuro, RotationFilter, VectorFilter


@dataclass(frozen=True, kw_only=True)
class SmoothingConfig:
    """How strongly each kind of parameter is smoothed."""

    rotations: OneEuro = field(default_factory=lambda: OneEuro(min_cutoff_hz=1.5, beta=1.5))
    """Of the hand and of its joints; speed in rad/s."""
    place: OneEuro = field(default_factory=lambda: OneEuro(min_cutoff_hz=2.0, beta=40.0))
    """Across the view; speed in wrist depths a second."""
    depth: OneEuro = field(default_factory=lambda: OneEuro(min_cutoff_hz=1.0, beta=5.0))
    """Speed of the depth's logarithm, 1/s."""
    shape_frames: int = 60
    """The shape is the mean over so many of the latest frames."""

    def __post_init__(self) -> None:
        if self.shape_frames < 1:
            raise ConfigError(f"shape_frames must be at least 1; got {self.shape_frames}. 1 takes each frame's shape.")


class HandSmoother:
    """The filter of one hand. Rotations are smoothed as rotations, the wrist by where it is seen and how far it is.

    A person's hand keeps its shape, so the shape is averaged; the distance follows, for the hand to keep its size in
    the image.
    """

    def __init__(self, model: HandModel, config: SmoothingConfig) -> None:
        self._model = model
        self._shape_frames = config.shape_frames
        self._rotations = RotationFilter(config.rotations)
        self._place = VectorFilter(config.place)
        self._depth = VectorFilter(config.depth)
        self._betas: Tensor | None = None
        self._count = 0

    def __call__(self, parameters: HandParameters, dt_s: float) -> HandParameters:
        """Returns the smoothed parameters of the next frame, `dt_s` after the last."""
        exact = parameters.to(dtype=torch.float64)
        wrist, length = self._at_rest(exact.betas)
        betas = self._average(exact.betas)
        mean_wrist, mean_length = self._at_rest(betas)
        x, y, z = (wrist + exact.transl).unbind()
        seen = self._place(torch.stack([x / z, y / z])[None], dt_s)[0]
        depth = self._depth((z * mean_length / length).log()[None, None], dt_s)[0].exp()
        rotvecs = torch.cat([exact.global_orient[None], exact.hand_pose])
        turned = rotvec_from_rotmat(self._rotations(rotmat_from_rotvec(rotvecs), dt_s))
        smoothed = HandParameters(
            global_orient=turned[0],
            hand_pose=turned[1:],
            betas=betas,
            transl=torch.cat([seen * depth, depth]) - mean_wrist,
        )
        return smoothed.to(dtype=parameters.transl.dtype)

    def _average(self, betas: Float[Tensor, 10]) -> Float[Tensor, 10]:
        self._count = min(self._count + 1, self._shape_frames)
        self._betas = betas if self._betas is None else self._betas + (betas - self._betas) / self._count
        return self._betas

    def _at_rest(self, betas: Float[Tensor, 10]) -> tuple[Float[Tensor, 3], Float[Tensor, ""]]:
        """Returns the rest wrist, m, and the palm's length: from the wrist to the middle finger's knuckle."""
        joints = self._model.rest_joints(betas.to(self._model.J_template.dtype)).double()
        return joints[0], (joints[4] - joints[0]).norm()
