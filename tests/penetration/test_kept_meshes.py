"""What backends keep from call to call belongs to the mesh that it was made for."""

from __future__ import annotations

import gc

import numpy as np
import torch

from a2p.hand.topology import Topology
from a2p.penetration import signed_distance
from tests.penetration.meshes import Solid, box, solid

POINTS = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.7], [0.4, 0.0, 0.0]])
DISTANCES = torch.tensor([-0.5, 0.2, -0.1])
"""From a cube with sides of 1."""


def cube_in_another_order(seed: int) -> Solid:
    """Returns the same cube with its vertices numbered at random."""
    cube = box(1, 1, 1)
    order = np.random.default_rng(seed).permutation(len(cube.vertices))
    return solid(cube.vertices.numpy()[order], np.argsort(order)[cube.topology.faces.numpy()])


def test_a_mesh_at_the_address_of_a_freed_one_gives_its_own_answer(backend: str) -> None:
    addresses = []
    for seed in range(40):
        cube = cube_in_another_order(seed)
        addresses.append((id(cube.topology.faces), cube.topology.faces.data_ptr()))
        found = signed_distance(POINTS.double(), cube.vertices, cube.topology, backend=backend)  # type: ignore[arg-type]
        torch.testing.assert_close(found.float(), DISTANCES, atol=1e-6, rtol=0)
        del cube
        gc.collect()
    assert len(set(addresses)) < len(addresses), "no address came again, so that nothing was tested"


def test_faces_written_to_are_taken_as_they_are_now(backend: str) -> None:
    cube = cube_in_another_order(0)
    topology = Topology(cube.topology.faces.clone(), cube.vertices)
    signed_distance(POINTS.double(), cube.vertices, topology, backend=backend)  # type: ignore[arg-type]
    renumbered = cube_in_another_order(1)
    topology.faces.copy_(renumbered.topology.faces)
    found = signed_distance(POINTS.double(), renumbered.vertices, topology, backend=backend)  # type: ignore[arg-type]
    torch.testing.assert_close(found.float(), DISTANCES, atol=1e-6, rtol=0)
