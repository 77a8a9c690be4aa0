"""Named cases: pairs of posed hands that reach into each other, the same for tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from a2p.hand.anatomy import HandAnatomy
from a2p.hand.model import HandModel
from a2p.hand.parameters import HandParameters
from a2p.hand.rotations import rotmat_from_rotvec
from a2p.hand.topology import Topology


@dataclass(frozen=True)
class Pairs:
    """Posed meshes, one pair a row, float32."""

    vertices_a: Tensor
    vertices_b: Tensor
    topology_a: Topology
    topology_b: Topology

    def first(self, count: int) -> Pairs:
        """The first pairs, over again where there are fewer."""
        rows = torch.arange(count) % len(self.vertices_a)
        return Pairs(self.vertices_a[rows], self.vertices_b[rows], self.topology_a, self.topology_b)


def open_hand_pairs(count: int, seed: int = 0) -> Pairs:
    """A right and a left open hand in random poses, a random spot of the one near a random spot of the other."""
    generator = torch.Generator().manual_seed(seed)
    models = HandModel.load_pair("open")
    right, left = (_random_hands(model, count, generator) for model in (models.right, models.left))
    turn = rotmat_from_rotvec(torch.randn(count, 3, generator=generator))
    spots = [torch.randint(hand.shape[1], (count,), generator=generator) for hand in (right, left)]
    rows = torch.arange(count)
    near = right[rows, spots[0]] + 0.006 * torch.randn(count, 3, generator=generator)
    left = (left - left[rows, spots[1]][:, None]) @ turn.mT + near[:, None]
    return Pairs(right.contiguous(), left.contiguous(), models.right.topology, models.left.topology)


def _random_hands(model: HandModel, count: int, generator: torch.Generator) -> Tensor:
    """Vertices of hands whose joints lie anywhere in their active range."""
    anatomy = HandAnatomy.from_rest_joints(model.J_template, side=model.side)
    share = torch.rand(count, len(anatomy.lower), generator=generator)
    angles = anatomy.lower + share * (anatomy.upper - anatomy.lower)
    parameters = HandParameters(
        global_orient=torch.zeros(count, 3),
        hand_pose=anatomy.hand_pose(angles),
        betas=torch.randn(count, 10, generator=generator).clamp(-2, 2),
        transl=torch.zeros(count, 3),
    )
    with torch.no_grad():
        vertices: Tensor = model(parameters).vertices
    return vertices


def stored_pairs(folder: Path) -> Pairs:
    """The pairs of 778-vertex hands that lie in `folder` (pairs.npz), whose wrists are capped."""
    stored = np.load(folder / "pairs.npz")
    cap_count = int(stored["ncap"])
    topologies = []
    for name in ("FA", "FB"):
        faces = stored[name].astype(np.int64)
        topologies.append(Topology(faces, is_cap=np.arange(len(faces)) >= len(faces) - cap_count))
    return Pairs(torch.from_numpy(stored["A"]), torch.from_numpy(stored["B"]), *topologies)
