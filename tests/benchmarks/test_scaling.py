"""Hands of more vertices on the same surface, and the time of each point."""

from __future__ import annotations

import torch
from benchmarks.cases import open_hand_pairs
from benchmarks.scaling import Point, measure, parts, split

from a2p.penetration import penetration_depth


def test_split_faces_keep_the_surface() -> None:
    pairs = open_hand_pairs(1).closed()
    fine = split(pairs)
    assert len(fine.topology_a.faces) == 4 * len(pairs.topology_a.faces)
    count = pairs.vertices_a.shape[1]
    assert torch.equal(fine.vertices_a[:, :count], pairs.vertices_a)
    coarse_depth = penetration_depth(pairs.vertices_a, fine.vertices_b, pairs.topology_a, fine.topology_b).depth_a
    fine_depth = penetration_depth(fine.vertices_a, fine.vertices_b, fine.topology_a, fine.topology_b).depth_a
    assert coarse_depth.any()
    assert torch.equal(fine_depth[:, :count], coarse_depth)


def test_every_point_gets_its_time_a_pair() -> None:
    pairs = open_hand_pairs(2)
    points = [Point(1630, batch, threads) for batch in (1, 4) for threads in (1, 2)]
    measured = measure([(point, pairs) for point in points], budget_s=0.0)
    assert [(point.batch, point.threads) for point in measured] == [(1, 1), (1, 2), (4, 1), (4, 2)]
    assert all(point.ms_a_pair is not None and point.ms_a_pair > 0 for point in measured)


def test_batches_of_any_size_hold_the_same_pairs() -> None:
    pairs = open_hand_pairs(4)
    assert [len(a) for a, _ in parts(pairs, 2)] == [2, 2]
    assert (parts(pairs, 2)[1][0] == pairs.vertices_a[2:].numpy()).all()
    ((a, b),) = parts(pairs, 6)
    assert len(a) == len(b) == 6
    assert (a[4:] == a[:2]).all()
