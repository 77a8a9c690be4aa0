"""The hands of a batch of pictures, before anyone looks at them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from a2p.data.duet import DuetPairs
from a2p.data.duet_images.draws import Draws
from a2p.data.duet_images.settings import PoseSettings
from a2p.hand import HandPair, HandParameters
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.gestures import sample_gestures
from a2p.hand.prior import PosePrior
from a2p.hand.rotations import rotvec_from_quat_wxyz

BLOCK = 128
"""Pictures that are planned together, always the same ones, so that rounding cannot tell one batch from another."""


@dataclass(frozen=True)
class HandBatch:
    """Right and left hands in a frame of their own (m), float32."""

    right: HandParameters
    left: HandParameters
    present: Bool[np.ndarray, "b 2"]
    """Right, left. A hand that is not there has parameters all the same."""
    is_contact: Bool[np.ndarray, " b"]


class PoseSource:
    """Draws hands: pairs in contact from those given, single hands and hands apart from prior and gestures."""

    def __init__(self, models: HandPair, settings: PoseSettings, *, pairs: DuetPairs | None, seed: int) -> None:
        self.models = models
        self.settings = settings
        self.pairs = pairs
        self.seed = seed
        self._anatomy = [HandAnatomy.from_rest_joints(model.J_template, side=model.side) for model in models]

    def __call__(self, draws: Draws, block: int) -> HandBatch:
        """Returns the hands of one block of pictures, for which the numbers are drawn."""
        pair = draws.chance("pose/contact", self.settings.contact) & (self.pairs is not None)
        share = self.settings.single / max(1.0 - self.settings.contact, 1e-9)
        single = ~pair & draws.chance("pose/single", min(share, 1.0))
        present = np.ones((draws.count, 2), dtype=bool)
        present[single, draws.choice("pose/single_side", (1, 1))[single]] = False
        hands = [self._alone(draws, block, side) for side in (0, 1)]
        if self.pairs is not None and pair.any():
            chosen = self.pairs[
                torch.from_numpy((draws.bits("pose/pair") % np.uint64(len(self.pairs))).astype(np.int64))
            ]
            hands = [choose_hands(pair, a, b) for a, b in zip((chosen.right, chosen.left), hands, strict=True)]
        return HandBatch(hands[0], hands[1], present, pair)

    def _alone(self, draws: Draws, block: int, side: int) -> HandParameters:
        """Returns hands that know nothing of the other but its shape; the left one aside from the right one."""
        name = f"pose/alone/{side}"
        is_gesture = draws.chance(f"{name}/is_gesture", self.settings.gesture)
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + block * 2 + side) % 2**62)
        anatomy, deviation = self._anatomy[side], self.settings.gesture_deviation_deg
        common = PosePrior(anatomy).sample(draws.count, generator=generator)
        gestures = sample_gestures(draws.count, anatomy, generator=generator, deviation_deg=deviation)
        where = torch.from_numpy(is_gesture)[:, None, None]
        poses = torch.where(where, anatomy.hand_pose(gestures), common).float()
        betas = torch.from_numpy(np.clip(draws.normals("pose/betas", 10), -2.5, 2.5)).float()
        betas = betas + 0.1 * torch.from_numpy(draws.normals(f"{name}/betas", 10)).float()
        model = self.models[side]
        rest = model.rest_joints(betas)
        orient, place = torch.zeros(draws.count, 3), torch.zeros(draws.count, 3)
        if side == 1:
            orient, place = self._aside(draws, rest)
        return HandParameters(orient, poses, betas, place - rest[:, 0])

    def _aside(self, draws: Draws, rest: Float32[Tensor, "b 16 3"]) -> tuple[Tensor, Tensor]:
        """Returns where a left hand apart from the right one is: mostly mirrored, beside it, turned a little."""
        del rest
        # Half a turn about y brings the left hand's fingers along -x like the right one's, its palm still down.
        quat = np.concatenate(
            [np.zeros((draws.count, 2)), np.ones((draws.count, 1)), np.zeros((draws.count, 1))], axis=1
        )
        quat = quat + draws.normals("pose/aside/turn", 4, 0.35)
        turned = torch.nn.functional.normalize(torch.from_numpy(quat), dim=1)
        turned = torch.where(turned[:, :1] < 0, -turned, turned)
        low, high = self.settings.apart_m
        away = draws.normals("pose/aside/away", 3, 0.35) + np.array([0.0, 0.0, 1.0])
        away = away / np.linalg.norm(away, axis=1, keepdims=True)
        place = away * draws.uniform("pose/aside/distance", low, high)[:, None]
        return rotvec_from_quat_wxyz(turned).float(), torch.from_numpy(place).float()


def choose_hands(mask: Bool[np.ndarray, " b"], chosen: HandParameters, other: HandParameters) -> HandParameters:
    """Returns the hands of `chosen` where the mask is set, of `other` elsewhere."""
    where = torch.from_numpy(mask)

    def pick(name: str) -> Tensor:
        a, b = getattr(chosen, name), getattr(other, name)
        return torch.where(where.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return HandParameters(pick("global_orient"), pick("hand_pose"), pick("betas"), pick("transl"))
