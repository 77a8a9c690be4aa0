"""Metrics from records, their weights and their intervals, against closed forms."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2p.data import InterHand26M
from a2p.evaluation.accuracy import Protocol
from a2p.evaluation.bootstrap import confidence_interval
from a2p.evaluation.metrics import Totals, metrics_of
from a2p.evaluation.plots import error_curves
from a2p.evaluation.report import html_report
from a2p.evaluation.results_file import RunInfo, RunResults
from a2p.evaluation.scoring import MEASURES, RECORD
from a2p.evaluation.tables import paper_table
from tests.data.interhand_folder import write_interhand
from tests.data.scenes import models, true_hand


def records(count: int) -> np.ndarray:
    made = np.zeros(count, dtype=RECORD)
    for name in RECORD.names or ():
        if made[name].dtype.kind == "f":
            made[name] = np.nan
    return made


def two_samples() -> np.ndarray:
    """A pair (first) and a right hand of which every figure is known."""
    made = records(2)
    made["is_interacting"] = [True, False]
    rows = {measure: row for row, measure in enumerate(MEASURES)}
    for scale, axes in ((1.0, "xyz"), (0.5, "xy"), (0.25, "z")):
        row = rows["interwild", axes]  # type: ignore[index]
        made["joints_mm"][0, row], made["joints_mm"][1, row, 0] = 6.0 * scale, 2.0 * scale
        made["vertices_mm"][0, row], made["vertices_mm"][1, row, 0] = 8.0 * scale, 5.0 * scale
    made["relative_root_mm"][0, 0], made["relative_vertices_mm"][0, 0] = 12.0, 9.0
    made["is_wanted"], made["is_found"] = [[True, True], [True, False]], [[True, True], [False, True]]
    for name, value in (("volume_cm3", 0.3), ("mean_depth_cm", 0.2), ("max_depth_mm", 4.0), ("touches", 1.0)):
        made[name][0] = value
    made["contacts"][0], made["contacts_kept"][0] = 8, 2
    made["seconds"], made["stage_seconds"] = [0.1, 0.3], [[0.06, 0.03, 0.01], [0.2, 0.1, 0.0]]
    made["teachers"] = [0, 3]
    return made


EXPECTED = {
    "MRRPE": 12.0,
    "RRVE": 9.0,
    "MPJPE": (21 * 4.0 + 21 * 6.0) / 42,  # right joints have two samples, left ones the pair's alone
    "MPVPE": (8.0 + 8.0 + 5.0) / 3,
    "IH MPJPE": 6.0,
    "IH MPVPE": 8.0,
    "SH MPJPE": 2.0,
    "SH MPVPE": 5.0,
    "MPJPE-XY": 2.5,
    "MPVPE-XY": 3.5,
    "MPJPE-Z": 1.25,
    "MPVPE-Z": 1.75,
    "PenVol": 0.3,
    "PenDist": 0.2,
    "ProxRatio": 1.0,
    "MaxPen": 4.0,
    "PenRate": 1.0,
    "ContactKept": 0.25,
    "frames a second": 2 / 0.4,
    "ms perception": 130.0,
    "ms alignment": 65.0,
    "ms plausibility": 5.0,
    "ms a picture": 200.0,
    "teachers loaded": 1.5,
    "hands found": 2 / 3,
}


def test_every_figure_has_its_closed_form() -> None:
    found = {name: metric(two_samples()) for name, metric in metrics_of("interwild").items()}
    assert found == pytest.approx(EXPECTED, rel=1e-6)


@pytest.mark.parametrize("protocol", ["intaghand", "procrustes"])
def test_a_protocol_changes_the_joint_and_vertex_errors_alone(protocol: Protocol) -> None:
    made = two_samples()
    row = MEASURES.index((protocol, "xyz"))
    made["joints_mm"][:, row], made["vertices_mm"][:, row] = 1.0, 0.5
    found = {name: metric(made) for name, metric in metrics_of(protocol).items()}
    other = {f"{kind}{name}" for kind in ("", "IH ", "SH ") for name in ("MPJPE", "MPVPE")}
    assert {name for name, figure in found.items() if figure != pytest.approx(EXPECTED[name], rel=1e-6)} == other
    assert {found[name] for name in other} == {1.0, 0.5}


def test_mpjpe_averages_each_joint_over_its_samples_first() -> None:
    made = records(3)
    made["joints_mm"][:, 0, 0, 4] = [2.0, 4.0, 6.0]
    made["joints_mm"][0, 0, 1, 7] = 10.0
    assert metrics_of("interwild")["MPJPE"](made) == pytest.approx((4.0 + 10.0) / 2)


def test_mpvpe_pools_the_hands_of_all_samples() -> None:
    made = records(2)
    made["vertices_mm"][:, 0] = [[1.0, 2.0], [6.0, np.nan]]
    made["is_interacting"] = [True, False]
    metrics = metrics_of("interwild")
    assert metrics["MPVPE"](made) == pytest.approx(3.0)
    assert metrics["IH MPVPE"](made) == pytest.approx(1.5)
    assert metrics["SH MPVPE"](made) == pytest.approx(6.0)


def test_contacts_kept_and_rates_are_shares_of_what_there_is() -> None:
    made = records(3)
    made["contacts"], made["contacts_kept"] = [10, 30, np.nan], [10, 0, np.nan]
    made["max_depth_mm"] = [0.5, 3.0, np.nan]
    metrics = metrics_of("interwild")
    assert metrics["ContactKept"](made) == pytest.approx(0.25)
    assert metrics["PenRate"](made) == pytest.approx(0.5)
    assert np.isnan(metrics["MRRPE"](made))


def test_a_sample_drawn_twice_counts_twice() -> None:
    totals = Totals.of(np.array([[1.0], [4.0], [np.nan]]), pooled=True)
    assert totals.mean(np.array([[1.0, 1.0, 5.0], [2.0, 1.0, 0.0], [0.0, 0.0, 3.0]])) == pytest.approx(
        [2.5, 2.0, np.nan], nan_ok=True
    )


def test_the_interval_of_a_mean_is_that_of_statistics() -> None:
    made = records(400)
    made["relative_root_mm"][:, 0] = np.random.default_rng(1).normal(20.0, 8.0, size=400)
    interval = confidence_interval(metrics_of("interwild")["MRRPE"], made, draws=2000)
    spread = 1.96 * np.std(made["relative_root_mm"][:, 0].astype(float)) / 20.0
    assert interval.value - interval.low == pytest.approx(spread, rel=0.1)
    assert interval.high - interval.value == pytest.approx(spread, rel=0.1)


def test_curves_rise_to_the_share_of_small_errors() -> None:
    made = records(4)
    made["joints_mm"][:, 0, 0, 1] = [5.0, 15.0, 25.0, 100.0]
    found = RunResults(RunInfo("a", "b", "<c>", "open", "", "", 4), ("1", "2", "3", "4"), (0, 1, 2, 3), made, ())
    svg = error_curves([found], limit_mm=50.0)
    line = svg.split('points="')[1].split('"')[0].split()
    assert line[-1] == f"460.0,{30 + 0.25 * 290:.1f}", "three of four errors are below 50 mm"
    assert "mean 36.25 mm" in svg
    assert "&lt;c&gt;" in svg


def test_a_page_shows_best_worst_and_deepest_samples_of_both_variants(tmp_path: Path) -> None:
    dataset = InterHand26M(write_interhand(tmp_path / "ih"), models=models(), index_folder=tmp_path / "index")
    made = records(4)
    for row, error in enumerate([7.0, 3.0, 5.0, 9.0]):
        made["joints_mm"][row, 0, 0] = error
    made["max_depth_mm"] = [4.25, np.nan, np.nan, 0.0]
    hand = true_hand("right").parameters
    parts = (hand.global_orient, hand.hand_pose.flatten(), hand.betas, hand.transl)
    made["parameters"][:, 0] = np.concatenate([part.numpy() for part in parts])
    info = RunInfo("interhand2.6m", "test", "aligned", "open", "0" * 64, "0", 4)
    ids = tuple(dataset[index].id for index in range(4))
    runs = [
        RunResults(replace(info, method=name, title=title), ids, (0, 1, 2, 3), made, ())
        for name, title in (("aligned", "stage 1"), ("full", "both stages"))
    ]
    page = html_report(dataset, runs, [paper_table(number, runs) for number in (1, 5)], models(), each=1)
    captions = re.findall(r"<figcaption><b>([^<]*)</b>([^<]*)", page)
    assert [title for title, _ in captions] == ["truth", "stage 1", "both stages"] * 4
    assert [text for title, text in captions if title == "both stages"] == [
        "error 3.0 mm",
        "error 5.0 mm",
        "error 9.0 mm, depth 0.0 mm",
        "error 7.0 mm, depth 4.2 mm",
    ]
    assert page.count("<img ") == 4 * 3 * 2, "truth and each variant from two views"
    assert page.count("samples skipped as broken") == 2, "what is told of a run is told once"
    assert 'name="viewport"' in page
    tile = Image.open(io.BytesIO(base64.b64decode(re.findall(r"base64,([^\"]+)", page)[2])))
    red, _, blue = np.asarray(tile).astype(int).reshape(-1, 3).T
    assert (red > blue + 40).mean() > 0.05, "the right hand, posed again, is drawn over its picture"
    assert page.count("<tr") == (1 + 6 + 2) + (1 + 2 + 2), "headings, the paper's rows and ours"
