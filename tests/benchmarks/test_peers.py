"""The peers on two spheres, whose depths are known, and what is written of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from benchmarks.cases import Pairs
from benchmarks.peers.accuracy import errors_of, true_depths
from benchmarks.peers.comparisons import Comparison, overlaps_itself
from benchmarks.peers.measure import Effort, measure_peers
from benchmarks.peers.ours import NativeCall
from benchmarks.peers.peer import Absent, Depths, Peer, prepared
from benchmarks.peers.pytorch import VertexCriterion, squared_distances
from benchmarks.peers.registry import PEERS
from benchmarks.peers.report import Report, write_json, write_markdown

from a2p.bench.machine import Machine
from a2p.penetration.backends.reference import closest_point
from tests.penetration.meshes import sphere

QUICK = Effort(rounds=1, budget_s=0.0, vertex_count=1)


@pytest.fixture(scope="module")
def spheres() -> Pairs:
    """Two spheres of 5 cm radius, the second one's centre 9.4 cm off."""
    ball = sphere(0.05)
    other = ball.moved(0.055, 0.071, 0.028)
    return Pairs(ball.vertices.float()[None], other.vertices.float()[None], ball.topology, ball.topology)


class FarOff(NativeCall):
    """A peer that calls every vertex 1 mm deep."""

    name: ClassVar[str] = "far off"

    def evaluate(self, a: np.ndarray, b: np.ndarray) -> Depths:
        return np.full(len(a), 1e-3), np.full(len(b), 1e-3)


class NotThere(FarOff):
    name: ClassVar[str] = "not there"
    package: ClassVar[str] = "a2p-no-such-package"


@pytest.mark.filterwarnings("ignore")  # of libraries at their import
@pytest.mark.parametrize("kind", PEERS, ids=lambda kind: kind.name)
def test_a_peer_finds_the_depths_of_overlapping_spheres(kind: type[Peer], spheres: Pairs) -> None:
    ready, absent = prepared([kind], spheres)
    if absent:
        pytest.skip(f"{kind.package}: {absent[0].reason}")
    errors = errors_of(ready[0], spheres, true_depths(spheres), budget_s=0.0)
    assert errors.vertex_count == 2 * spheres.vertices_a.shape[1]
    if kind is VertexCriterion:  # it looks for vertices that are near, not for vertices inside
        assert any((depth > 0).any() for depth in ready[0].depths(*spheres.arrays(0)))
    else:
        assert errors.sign_error_count == 0
        assert errors.worst_depth_mm < 0.5


def test_errors_are_counted_against_the_reference(spheres: Pairs) -> None:
    truth = true_depths(spheres)
    errors = errors_of(FarOff(spheres), spheres, truth, budget_s=1.0)
    assert errors.sign_error_count == sum(int((depth <= 0).sum()) for depth in truth[0])
    assert errors.worst_depth_mm == pytest.approx(max(1e3 * depth.max() for depth in truth[0]) - 1)


def test_a_peer_that_is_not_installed_is_absent_and_not_left_out(spheres: Pairs) -> None:
    assert prepared([NotThere], spheres) == ([], [Absent(NotThere, "not installed")])
    ours, missing = measure_peers("spheres", spheres, (NativeCall, NotThere), QUICK)
    assert ours.ratio == 1
    assert missing.timing is None
    assert missing.absent == "not installed"


def test_squared_distances_are_those_of_the_closest_points(spheres: Pairs) -> None:
    points, vertices, faces = spheres.vertices_a[0][:40], spheres.vertices_b[0], spheres.topology_b.faces
    closest = closest_point(points, vertices, faces, spheres.topology_b.is_cap)
    nearest = (closest.weights[..., None] * vertices.double()[faces[closest.face]]).sum(dim=-2)
    expected = (points - nearest).square().sum(dim=-1)
    torch.testing.assert_close(squared_distances(points, vertices[faces]).amin(dim=1).double(), expected)


def test_a_mesh_that_overlaps_itself_is_told(spheres: Pairs) -> None:
    one, faces = spheres.arrays(0)[0], spheres.topology_a.faces
    two = np.concatenate([one, one + np.float32(0.03)])
    assert not overlaps_itself(one, faces)
    assert overlaps_itself(two, torch.cat([faces, faces + len(one)]))


@pytest.fixture(scope="module")
def report(spheres: Pairs) -> Report:
    rows = [
        row
        for hands in ("spheres", "the same spheres")
        for row in measure_peers(hands, spheres, (NativeCall, FarOff, NotThere), QUICK)
    ]
    comparisons = [Comparison("fused step", "spheres", "ours", "theirs", 2.0, 5.0), Comparison("x", "y", "z", "w", 1.0)]
    return Report("2026-01-01", "abc", Machine.here(), rows, comparisons)


def test_the_table_has_a_row_for_every_peer_present_or_not(report: Report, tmp_path: Path) -> None:
    lines = write_markdown(report, tmp_path / "peers.md", picture="peers.png").read_text().splitlines()
    first = [line for line in lines if line.startswith(("| what", "| a2p", "| far off", "| not there"))]
    assert [line.count("|") for line in first] == 4 * [11]
    assert "absent: not installed" in first[3]
    second = [line for line in lines if line.startswith(("| operation", "| fused step", "| x"))]
    assert [line.count("|") for line in second] == 3 * [9]
    assert "| 2.5 |" in second[1]


def test_the_json_holds_every_figure(report: Report, tmp_path: Path) -> None:
    content = json.loads(write_json(report, tmp_path / "peers.json").read_text())
    assert len(content["rows"]) == 6
    assert content["rows"][1]["errors"]["sign_error_count"] > 0
    assert content["rows"][2]["absent"] == "not installed"
    assert [entry["ratio"] for entry in content["comparisons"]] == [2.5, None]
    assert content["machine"]["cores"] >= 1


def test_the_plot_is_drawn_without_those_that_are_absent(report: Report, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from benchmarks.peers.plot import draw

    assert draw(report, tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")
