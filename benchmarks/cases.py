"""Named cases: pairs of posed hands that reach into each other, the same for tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from a2p.bench.hands import ReachingHands, reach, reaching_hands
from a2p.hand.hand_data import HandData
from a2p.hand.model import HandModel, HandPair
from a2p.hand.parameters import HandParameters
from a2p.hand.topology import Topology
from a2p.native import core
from a2p.penetration.backends.contract import Surface


@dataclass(frozen=True)
class Pairs:
    """Posed meshes, one pair a row, float32."""

    vertices_a: Tensor
    vertices_b: Tensor
    topology_a: Topology
    topology_b: Topology

    def closed(self) -> Pairs:
        """The same meshes with caps that count as surface."""
        topologies = (Topology(topology.faces) for topology in (self.topology_a, self.topology_b))
        return Pairs(self.vertices_a, self.vertices_b, *topologies)

    def surfaces(self) -> tuple[Surface, Surface]:
        """Both topologies as backends want them."""
        a, b = (Surface(topology.faces, topology.is_cap) for topology in (self.topology_a, self.topology_b))
        return a, b

    def arrays(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One pair's vertices, (v, 3) each; counted round and round."""
        row = index % len(self.vertices_a)
        return self.vertices_a[row].numpy(), self.vertices_b[row].numpy()

    def native_topologies(self) -> list[core.MeshTopology]:
        """Both topologies as native code wants them, neighbours told by the rest pose, or the first without one."""

        def native(topology: Topology, first_pose: Tensor) -> core.MeshTopology:
            at_rest = first_pose if topology.rest_vertices is None else topology.rest_vertices.float()
            return core.MeshTopology(topology.faces.numpy(), topology.is_cap.numpy(), at_rest.numpy())

        return [native(self.topology_a, self.vertices_a[0]), native(self.topology_b, self.vertices_b[0])]

    def first(self, count: int) -> Pairs:
        """The first pairs, over again where there are fewer."""
        rows = torch.arange(count) % len(self.vertices_a)
        return Pairs(self.vertices_a[rows], self.vertices_b[rows], self.topology_a, self.topology_b)


def open_hand_pairs(count: int, seed: int = 0, *, natural: bool = False) -> Pairs:
    """Right and left open hands in random poses, a random spot of the one near a random spot of the other."""
    hands = reaching_hands(count, seed=seed, natural=natural)
    topologies = (model.topology for model in hands.models)
    return Pairs(hands.vertices_right, hands.vertices_left, *topologies)


def stored_folder() -> Path | None:
    """The folder of stored hands beside the repository; None where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "prototypes" / "penetration"
    return folder if (folder / "pairs.npz").is_file() else None


def stored_pairs(folder: Path) -> Pairs:
    """The pairs of 778-vertex hands that lie in `folder` (pairs.npz), whose wrists are capped."""
    stored = np.load(folder / "pairs.npz")
    cap_count = int(stored["ncap"])
    topologies = []
    for name in ("FA", "FB"):
        faces = stored[name].astype(np.int64)
        topologies.append(Topology(faces, is_cap=np.arange(len(faces)) >= len(faces) - cap_count))
    return Pairs(torch.from_numpy(stored["A"]), torch.from_numpy(stored["B"]), *topologies)


def stored_reaching_hands(folder: Path, count: int, seed: int = 0) -> ReachingHands:
    """Poses of the 778-vertex hand that lies in `folder` (hand.npz), with blend shapes as dense as MANO's."""
    stored = np.load(folder / "hand.npz")
    template, joints = stored["V"], stored["J"]
    noise = np.random.default_rng(seed)
    to_joints = np.linalg.lstsq(np.c_[template, np.ones(len(template))].T, np.c_[joints, np.ones(16)].T, rcond=None)[0]
    right = HandData(
        v_template=template.astype(np.float32),
        shapedirs=noise.normal(scale=1e-3, size=(len(template), 3, 10)).astype(np.float32),
        posedirs=noise.normal(scale=1e-4, size=(len(template), 3, 135)).astype(np.float32),
        J_regressor=to_joints.T.astype(np.float32),
        weights=stored["W"].astype(np.float32),
        parents=tuple(int(parent) for parent in stored["parent"]),
        faces=stored["F"].astype(np.int64),
        hands_mean=np.zeros(45, np.float32),
        hands_components=np.eye(45, dtype=np.float32),
        is_cap=np.arange(len(stored["F"])) >= len(stored["F"]) - int(stored["ncap"]),
    )
    models = HandPair(HandModel(right), HandModel(right.mirrored()))
    generator = torch.Generator().manual_seed(seed)
    poses = [0.3 * torch.randn(count, 15, 3, generator=generator) for _ in models]
    hands = [replace(HandParameters.zeros(count), hand_pose=pose) for pose in poses]
    return reach(models, hands[0], hands[1], generator)
