"""One block of hand pairs: drawn together, brought into contact, kept or drawn again."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from a2p.data.duet.pairs import FAMILIES, DuetPairs
from a2p.hand import HandModel, HandParameters
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.prior import PosePrior
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat
from a2p.penetration import penetration_depth

BLOCK = 64
"""Pairs that are made together."""
MAX_BLOCKS = 1 << 20
MAX_SEEDS = 1 << 12
"""PyTorch's generator tells 2^32 seeds apart: so many blocks and seeds have one of their own."""


class BlockMaker:
    """Makes blocks of pairs of the open hand."""

    def __init__(self) -> None:
        self.models = HandModel.load_pair()
        self._priors = [
            PosePrior(HandAnatomy.from_rest_joints(model.J_template, side=model.side)) for model in self.models
        ]

    def __call__(self, seed: int, block: int) -> DuetPairs:
        """Returns the block's 64 pairs, always the same."""
        generator = torch.Generator().manual_seed(seed * MAX_BLOCKS + block)
        betas = torch.randn(BLOCK, 10, generator=generator)
        hands = []
        for prior in self._priors:
            pose = prior.sample(BLOCK, generator=generator).float()
            shape = betas + 0.1 * torch.randn(BLOCK, 10, generator=generator)
            hands.append(HandParameters(torch.zeros(BLOCK, 3), pose, shape, torch.zeros(BLOCK, 3)))
        right, left = hands
        turn = _rotation(torch.tensor([0.0, 0.0, torch.pi]) + 0.5 * torch.randn(BLOCK, 3, generator=generator))
        right = HandParameters(
            right.global_orient, right.hand_pose, right.betas, -self.models.right.rest_joints(right.betas)[:, 0]
        )
        left = HandParameters(turn, left.hand_pose, left.betas, left.transl)
        right_vertices, left_vertices = self.models.right(right).vertices, self.models.left(left).vertices
        choice = torch.randint(right_vertices.shape[1], (2, BLOCK), generator=generator)
        rows = torch.arange(BLOCK)
        offset = right_vertices[rows, choice[0]] - left_vertices[rows, choice[1]]
        away = left_vertices.mean(1) + offset - right_vertices.mean(1)
        away = torch.nn.functional.normalize(away, dim=1)
        near, far = torch.zeros(BLOCK), torch.full((BLOCK,), 0.3)
        for _ in range(10):
            middle = (near + far) / 2
            shifted = left_vertices + (offset + away * middle[:, None])[:, None]
            depth = penetration_depth(right_vertices, shifted, self.models.right.topology, self.models.left.topology)
            apart = depth.depth_a.amax(1).maximum(depth.depth_b.amax(1)) < 3e-4
            near, far = torch.where(apart, near, middle), torch.where(apart, middle, far)
        left = HandParameters(left.global_orient, left.hand_pose, left.betas, offset + away * far[:, None])
        index = torch.arange(block * BLOCK, (block + 1) * BLOCK)
        family = torch.full((BLOCK,), FAMILIES.index("free"), dtype=torch.uint8)
        return DuetPairs(right, left, family, index, seed)


def _rotation(rotvec: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    return rotvec_from_rotmat(rotmat_from_rotvec(rotvec))
