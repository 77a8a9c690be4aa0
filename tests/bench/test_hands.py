import torch

from a2p.bench.hands import reaching_hands
from a2p.penetration import penetration_depth
from a2p.penetration.volume import intersection_volume


def test_most_pairs_penetrate_and_their_vertices_are_those_of_their_parameters() -> None:
    hands = reaching_hands(8)
    topologies = [model.topology for model in hands.models]
    depth = penetration_depth(hands.vertices_right, hands.vertices_left, *topologies)
    assert ((depth.depth_a > 0).any(dim=1) | (depth.depth_b > 0).any(dim=1)).sum() >= 6
    assert torch.equal(hands.models.left(hands.left).vertices, hands.vertices_left)


def test_natural_hands_do_not_pass_through_themselves() -> None:
    hands = reaching_hands(4, natural=True)
    faces = hands.models.right.topology.faces
    for vertices in hands.vertices_right:
        a, b, c = (vertices - vertices.mean(dim=0)).double()[faces].unbind(dim=1)
        signed = float((a * torch.linalg.cross(b, c)).sum()) / 6
        assert float(intersection_volume(vertices, vertices, faces, faces)) > 0.99 * signed


def test_the_same_seed_gives_the_same_hands() -> None:
    assert torch.equal(reaching_hands(2, seed=3).vertices_left, reaching_hands(2, seed=3).vertices_left)
    assert not torch.equal(reaching_hands(2, seed=3).vertices_left, reaching_hands(2, seed=4).vertices_left)
