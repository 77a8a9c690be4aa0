from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from a2p.errors import MeshError
from a2p.hand import HandModel, Topology
from a2p.hand.capping import boundary_loops, triangulate_loop
from a2p.hand.topology import rest_vertices_of
from tests.tolerances import CAP_AREA_RELATIVE

TETRAHEDRON = torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
TETRAHEDRON_VERTICES = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])


def is_closed(faces: Tensor) -> bool:
    """Whether every directed edge occurs once, and its reverse once."""
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()
    unique = {(a, b) for a, b in edges}
    return len(unique) == len(edges) and all((b, a) in unique for a, b in unique)


def volume(faces: Tensor, vertices: Tensor) -> float:
    a, b, c = vertices.double()[faces].unbind(1)
    return float((a * torch.linalg.cross(b, c)).sum() / 6)


def tube(around: int, along: int) -> tuple[Tensor, Tensor]:
    """A cylinder of radius 1 and length `along`, open at both ends: faces and vertices."""
    ring = torch.arange(around)
    faces = []
    for level in range(along):
        a, b = level * around + ring, level * around + (ring + 1) % around
        faces += [torch.stack([a, b, b + around], dim=1), torch.stack([a, b + around, a + around], dim=1)]
    angle = 2 * torch.pi * ring / around
    rings = [torch.stack([angle.cos(), angle.sin(), torch.full((around,), float(z))], 1) for z in range(along + 1)]
    return torch.cat(faces), torch.cat(rings)


def test_a_closed_mesh_stays_as_it_is() -> None:
    topology = Topology(TETRAHEDRON, rest_vertices=TETRAHEDRON_VERTICES)
    assert torch.equal(topology.faces, TETRAHEDRON)
    assert not topology.is_cap.any()
    assert topology.vertex_count == 4


@pytest.mark.parametrize("missing", range(4))
def test_a_missing_face_is_put_back_as_a_cap(missing: int) -> None:
    kept = TETRAHEDRON[[face for face in range(4) if face != missing]]
    topology = Topology(kept)
    assert topology.is_cap.tolist() == [False, False, False, True]
    assert set(topology.faces[3].tolist()) == set(TETRAHEDRON[missing].tolist())
    assert is_closed(topology.faces)


@pytest.mark.parametrize("with_vertices", [True, False])
@pytest.mark.parametrize("around", [3, 4, 16, 20])
def test_a_tube_gets_two_caps_without_a_new_vertex(around: int, with_vertices: bool) -> None:
    faces, vertices = tube(around, 3)
    topology = Topology(faces, rest_vertices=vertices if with_vertices else None)
    assert is_closed(topology.faces)
    assert topology.vertex_count == len(vertices)
    assert torch.equal(topology.faces[: len(faces)], faces)
    assert int(topology.is_cap.sum()) == 2 * (around - 2)
    disc = 0.5 * around * np.sin(2 * np.pi / around)
    assert volume(topology.faces, vertices) == pytest.approx(3 * disc, rel=1e-6)


def test_manos_wrist_of_16_vertices_takes_14_faces() -> None:
    """MANO closes from 1,538 faces to 1,552 over the same 778 vertices; any loop of n vertices takes n - 2."""
    faces, vertices = tube(16, 2)
    assert len(Topology(faces, rest_vertices=vertices).faces) - len(faces) == 2 * 14


def test_a_cap_of_a_round_loop_has_no_sliver_fan() -> None:
    """A fan from one corner of a regular 16-gon reaches 11 degrees in every triangle; balance keeps most above that."""
    faces, vertices = tube(16, 1)
    topology = Topology(faces, rest_vertices=vertices)
    corners = vertices[topology.faces[topology.is_cap]]
    widest = (corners - corners.roll(1, dims=1)).norm(dim=-1).amax(dim=1)
    assert float(widest.median()) < 1.0, "most cap triangles must be shorter than the radius"


def concave_loops() -> st.SearchStrategy[np.ndarray]:
    """Star-shaped polygons with reflex corners, slightly out of plane."""
    radius = st.lists(st.floats(0.3, 1.0), min_size=4, max_size=24)
    return radius.map(star)


def star(radii: list[float]) -> np.ndarray:
    angle = 2 * np.pi * np.arange(len(radii)) / len(radii)
    return np.stack([radii * np.cos(angle), radii * np.sin(angle), np.zeros(len(radii))], axis=1)


@given(points=concave_loops())
@settings(max_examples=100, deadline=None)
def test_a_planar_loop_is_covered_without_overlap(points: np.ndarray) -> None:
    """The triangles' absolute areas add up to the polygon's area only if none lies outside or over another."""
    faces = triangulate_loop(list(range(len(points))), points, set())
    corners = points[faces]
    areas = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    following = np.roll(points, -1, axis=0)
    polygon = 0.5 * np.sum(points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0])
    assert len(faces) == len(points) - 2
    assert np.abs(areas).sum() == pytest.approx(polygon, rel=CAP_AREA_RELATIVE)


def test_a_c_shaped_loop_is_not_closed_across_its_mouth() -> None:
    points = np.array([[0, 0], [3, 0], [3, 1.4], [1, 1.4], [1, 1.6], [3, 1.6], [3, 3], [0, 3]], dtype=np.float64)
    points = np.concatenate([points, np.zeros((8, 1))], axis=1)
    faces = triangulate_loop(list(range(8)), points, set())
    corners = points[faces]
    areas = 0.5 * np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2])
    assert areas.sum() == pytest.approx(9 - 2 * 0.2)


def test_a_cap_repeats_no_edge_of_the_mesh() -> None:
    """Two triangles of a square share a diagonal; the other side must use the other one."""
    topology = Topology(torch.tensor([[0, 1, 2], [0, 2, 3]]))
    assert is_closed(topology.faces)
    assert {frozenset(face) for face in topology.faces[2:].tolist()} == {frozenset((0, 1, 3)), frozenset((1, 2, 3))}


@given(count=st.integers(3, 12))
@settings(max_examples=10, deadline=None)
def test_a_fan_of_faces_without_inner_vertices_closes_into_a_manifold(count: int) -> None:
    fan = torch.tensor([[0, i, i + 1] for i in range(1, count - 1)])
    assert is_closed(Topology(fan).faces)


def test_loops_that_touch_in_a_vertex_are_capped_apart() -> None:
    """Two tetrahedra without a face each, joined at vertex 0, which both openings contain."""
    first = TETRAHEDRON[1:]
    second = torch.where(first == 0, 0, first + 3)
    topology = Topology(torch.cat([first, second]))
    assert int(topology.is_cap.sum()) == 2
    assert is_closed(topology.faces)


def test_loops_come_out_in_order_from_their_lowest_vertex() -> None:
    boundary = [(7, 5), (5, 6), (6, 7), (2, 3), (3, 1), (1, 2)]
    assert boundary_loops(boundary) == [[1, 2, 3], [5, 6, 7]]


def test_a_cap_of_the_input_stays_marked() -> None:
    topology = Topology(TETRAHEDRON, is_cap=torch.tensor([True, False, False, False]))
    assert topology.is_cap.tolist() == [True, False, False, False]


def test_numpy_arrays_of_any_integer_type_are_accepted() -> None:
    topology = Topology(TETRAHEDRON.numpy().astype(np.uint32), rest_vertices=TETRAHEDRON_VERTICES.numpy())
    assert topology.faces.dtype == torch.int64
    assert torch.equal(topology.faces, TETRAHEDRON)


def test_a_topology_describes_itself() -> None:
    assert repr(Topology(TETRAHEDRON[1:])) == "Topology(4 vertices, 4 faces, 1 of them cap)"


def test_vertices_without_a_face_count() -> None:
    vertices = torch.cat([TETRAHEDRON_VERTICES, torch.ones(2, 3)])
    assert Topology(TETRAHEDRON, rest_vertices=vertices).vertex_count == 6


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_open_hand_is_closed_and_its_wrist_is_the_cap(side: str) -> None:
    topology = HandModel.load("open", side=side).topology
    assert is_closed(topology.faces)
    assert (len(topology.faces), int(topology.is_cap.sum())) == (3256, 20)
    assert topology.vertex_count + len(topology.faces) - len(topology.faces) * 3 // 2 == 2, "Euler's number of a sphere"


def test_the_open_hand_without_its_cap_closes_again_with_18_faces() -> None:
    model = HandModel.load("open")
    skin = model.topology.faces[~model.topology.is_cap]
    topology = Topology(skin, rest_vertices=model.v_template)
    assert is_closed(topology.faces)
    assert int(topology.is_cap.sum()) == 18
    assert volume(topology.faces, model.v_template) == pytest.approx(
        volume(model.topology.faces, model.v_template), rel=2e-3
    )


BAD_MESHES = {
    "faces must index 4 vertices; face 1 has index 4": torch.tensor([[0, 1, 2], [0, 2, 4]]),
    "face 1 has index -1": torch.tensor([[0, 1, 2], [0, 2, -1]]),
    r"three different corners; face 1 is \[1, 1, 3\]": torch.tensor([[0, 1, 2], [1, 1, 3]]),
    r"edge 0-1 belongs to faces \[0, 1, 2\]": torch.tensor([[0, 1, 2], [1, 0, 3], [0, 1, 3]]),
    "faces 0 and 1 both run from vertex 0 to 1": torch.tensor([[0, 1, 2], [0, 1, 3]]),
}


@pytest.mark.parametrize(("message", "faces"), BAD_MESHES.items(), ids=BAD_MESHES.keys())
def test_a_bad_mesh_is_an_error_that_names_the_place(message: str, faces: Tensor) -> None:
    with pytest.raises(MeshError, match=message):
        Topology(faces, rest_vertices=TETRAHEDRON_VERTICES)


def test_a_flipped_face_is_found_in_a_whole_hand() -> None:
    model = HandModel.load("open")
    faces = model.topology.faces.clone()
    faces[100] = faces[100].flip(0)
    with pytest.raises(MeshError, match=r"both run from vertex .* Reverse one of them"):
        Topology(faces, rest_vertices=model.v_template)


def test_a_mirrored_mesh_whose_faces_were_not_reversed_is_found() -> None:
    model = HandModel.load("open")
    mirrored = model.v_template * torch.tensor([-1.0, 1.0, 1.0])
    with pytest.raises(MeshError, match=r"counter-clockwise seen from outside; the closed mesh encloses -0\.0003"):
        Topology(model.topology.faces, rest_vertices=mirrored)


def test_a_flat_mesh_has_no_outside_to_be_wrong_about() -> None:
    square = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    assert is_closed(Topology(torch.tensor([[0, 2, 1], [0, 3, 2]]), rest_vertices=square).faces)


@pytest.mark.parametrize(
    "vertices",
    [torch.full((4, 3), torch.nan), torch.tensor([[0.0, 0, 0]] * 3 + [[0, 0, torch.inf]])],
    ids=["nan", "inf"],
)
def test_rest_vertices_must_be_finite(vertices: Tensor) -> None:
    with pytest.raises(MeshError, match="rest_vertices must be finite"):
        Topology(TETRAHEDRON, rest_vertices=vertices)


def test_a_topology_keeps_its_rest_pose_through_a_pickle_and_its_faces_tell_it() -> None:
    known = Topology(TETRAHEDRON, TETRAHEDRON_VERTICES)
    for topology in (known, pickle.loads(pickle.dumps(known)), copy.deepcopy(known)):
        assert torch.equal(topology.rest_vertices, TETRAHEDRON_VERTICES.double())
        assert rest_vertices_of(topology.faces) is topology.rest_vertices
    unknown = Topology(TETRAHEDRON)
    assert unknown.rest_vertices is None
    assert rest_vertices_of(unknown.faces) is None
