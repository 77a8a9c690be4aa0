"""Penetration metrics on solids whose answers are known."""

from __future__ import annotations

import math

import pytest
import torch

from a2p.errors import ShapeError
from a2p.evaluation import PairMeshes, Plausibility, SamplePlausibility, sample_plausibility
from tests import tolerances
from tests.penetration.meshes import Solid, box, sphere


def pairs(*both: tuple[Solid, Solid]) -> PairMeshes:
    return PairMeshes(
        torch.stack([right.vertices for right, _ in both]).float(),
        torch.stack([left.vertices for _, left in both]).float(),
    )


def measured(meshes: PairMeshes, like: tuple[Solid, Solid], truth: PairMeshes | None = None) -> SamplePlausibility:
    return sample_plausibility(meshes, (like[0].topology, like[1].topology), truth)


def test_boxes_that_overlap_share_the_volume_of_their_overlap() -> None:
    a, b = box(0.04, 0.06, 0.08), box(0.02, 0.02, 0.02)
    figures = measured(pairs((a, b.moved(x=0.025)), (a, b.moved(x=0.06))), (a, b))
    assert float(figures.volume_cm3[0]) == pytest.approx(0.5 * 2.0 * 2.0, rel=tolerances.BOX_VOLUME_RELATIVE)
    assert float(figures.volume_cm3[1]) == 0.0


def test_depths_of_a_small_box_in_a_large_one_are_known() -> None:
    a, b = box(0.04, 0.06, 0.08), box(0.02, 0.02, 0.02)
    figures = measured(pairs((a, b.moved(x=0.025))), (a, b))
    # Four corners of the small box lie 5 mm inside the face x = 20 mm; no corner of the large box lies in the small.
    assert float(figures.max_depth_mm[0]) == pytest.approx(5.0, rel=1e-5)
    assert float(figures.mean_depth_cm[0]) == pytest.approx(0.5, rel=1e-5)


def test_spheres_apart_near_and_crossing_are_told_apart() -> None:
    ball = sphere(0.02)
    gaps = (0.010, 0.0015, -0.006)
    figures = measured(pairs(*((ball, ball.moved(x=0.04 + gap)) for gap in gaps)), (ball, ball))
    assert figures.touches.tolist() == [0.0, 1.0, 1.0]
    summary = Plausibility.of(figures)
    assert summary.prox_ratio == pytest.approx(2 / 3)
    assert summary.pen_rate == pytest.approx(1 / 3)
    # Two spherical caps of height 3 mm: a little less, since the mesh lies inside the sphere.
    lens = 2 * math.pi * 0.3**2 * (3 * 2.0 - 0.3) / 3
    assert float(figures.volume_cm3[2]) == pytest.approx(lens, rel=0.05)
    assert summary.worst_pen_mm == pytest.approx(float(figures.max_depth_mm[2]))


def test_edges_that_come_near_count_as_touching_though_no_vertex_does() -> None:
    long, across = box(0.2, 0.01, 0.01), box(0.01, 0.2, 0.01)
    near, far = across.moved(z=0.0115), across.moved(z=0.0125)
    figures = measured(pairs((long, near), (long, far)), (long, across))
    assert figures.touches.tolist() == [1.0, 0.0]
    assert float(figures.max_depth_mm.max()) == 0.0


def test_contacts_are_kept_as_long_as_they_are_within_four_millimetres() -> None:
    a, b = box(0.04, 0.04, 0.04), box(0.02, 0.02, 0.02)
    touching = pairs((a, b.moved(x=0.031)))
    shares = []
    for x in (0.0335, 0.0345, 0.0271, 0.0251):
        figures = measured(pairs((a, b.moved(x=x))), (a, b), touching)
        assert figures.contacts.tolist() == [4]
        shares.append(Plausibility.of(figures).contact_kept)
    # 3.5 mm apart, 4.5 mm apart, 2.9 mm deep, 4.9 mm deep.
    assert shares == [1.0, 0.0, 1.0, 0.0]


def test_without_truth_no_contact_is_reported() -> None:
    ball = sphere(0.02, subdivisions=1)
    assert math.isnan(Plausibility.of(measured(pairs((ball, ball.moved(x=0.03))), (ball, ball))).contact_kept)


def test_chunks_do_not_change_a_figure() -> None:
    ball = sphere(0.02, subdivisions=2)
    meshes = pairs(*((ball, ball.moved(x=0.03 + 0.001 * i)) for i in range(7)))
    topologies = (ball.topology, ball.topology)
    whole, parts = (sample_plausibility(meshes, topologies, meshes, chunk=chunk) for chunk in (7, 3))
    for name in ("volume_cm3", "mean_depth_cm", "max_depth_mm", "touches", "contacts", "contacts_kept"):
        assert torch.equal(getattr(whole, name), getattr(parts, name)), name


def test_no_pairs_are_an_empty_table_row() -> None:
    ball = sphere(0.02, subdivisions=1)
    empty = PairMeshes(torch.zeros(0, 42, 3), torch.zeros(0, 42, 3))
    assert len(sample_plausibility(empty, (ball.topology, ball.topology)).volume_cm3) == 0
    assert math.isnan(Plausibility.of(sample_plausibility(empty, (ball.topology, ball.topology))).pen_vol_cm3)


def test_unequal_numbers_of_meshes_are_refused() -> None:
    ball = sphere(0.02, subdivisions=1)
    meshes = pairs((ball, ball), (ball, ball))
    with pytest.raises(ShapeError, match="as many meshes"):
        sample_plausibility(PairMeshes(meshes.right, meshes.left[:1]), (ball.topology, ball.topology))
