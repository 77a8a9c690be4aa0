"""What the native bindings do with arguments that make no sense: an error that names the argument, never a crash."""

from __future__ import annotations

import resource
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from a2p.native import core

trimesh = pytest.importorskip("trimesh", reason="needs trimesh")
BOX = trimesh.creation.box((0.1, 0.1, 0.1))
FACES = np.ascontiguousarray(BOX.faces, dtype=np.int64)
NO_CAP = np.zeros(len(FACES), dtype=bool)
VERTICES = np.ascontiguousarray(BOX.vertices, dtype=np.float32)
TOPOLOGY = core.MeshTopology(FACES, NO_CAP, VERTICES)
PAIR = core.PenetrationPair(TOPOLOGY, TOPOLOGY)
FIELD = core.DistanceField(TOPOLOGY)
GOOD = VERTICES[None]


def holding(value: float) -> np.ndarray:
    array = GOOD.copy()
    array[0, 3, 1] = value
    return array


BAD_VERTICES = {
    "NaN": (holding(np.nan), "finite"),
    "infinity": (holding(np.inf), "finite"),
    "no batch axis": (VERTICES, "shape"),
    "too few vertices": (np.ascontiguousarray(GOOD[:, :7]), "shape"),
    "homogeneous": (np.zeros((1, 8, 4), dtype=np.float32), "shape"),
    "float64": (GOOD.astype(np.float64), "float32"),
    "integers": (GOOD.astype(np.int32), "float32"),
    "strided": (np.zeros((1, 8, 6), dtype=np.float32)[:, :, ::2], "contiguous"),
    "Fortran order": (np.asfortranarray(np.zeros((2, 8, 3), dtype=np.float32)), "contiguous"),
    "another batch": (np.zeros((2, 8, 3), dtype=np.float32), "as long"),
    "a list": ([[1.0]], "numpy"),
    "nothing": (None, "numpy"),
}


@pytest.mark.parametrize("kind", BAD_VERTICES)
def test_unusable_vertices_are_an_error_that_names_them(kind: str) -> None:
    bad, reason = BAD_VERTICES[kind]
    with pytest.raises(ValueError, match=f"vertices_b .*{reason}"):
        PAIR(GOOD, bad)
    with pytest.raises(ValueError, match=f"vertices .*{reason}"):
        FIELD(GOOD, bad)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"faces": FACES - 1}, "faces must be indices"),
        ({"faces": FACES + 1}, "faces must be indices"),
        ({"faces": FACES.astype(np.int32)}, "faces must be int64"),
        ({"faces": FACES.reshape(-1)}, "faces must have shape"),
        ({"faces": np.asfortranarray(FACES)}, "faces must be C-contiguous"),
        ({"is_cap": NO_CAP[:-1]}, "is_cap must be as long"),
        ({"is_cap": NO_CAP.astype(np.uint8)}, "is_cap must be bool"),
        ({"rest_vertices": holding(np.nan)[0]}, "rest_vertices must be finite"),
        ({"rest_vertices": VERTICES[:0]}, "faces must be indices"),
    ],
)
def test_an_unusable_topology_is_an_error_that_names_it(changes: dict[str, Any], message: str) -> None:
    arguments = {"faces": FACES, "is_cap": NO_CAP, "rest_vertices": VERTICES} | changes
    with pytest.raises(ValueError, match=message):
        core.MeshTopology(**arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "cubic"}, "cubic"),
        ({"scale": 0.0}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"threads": -1}, "threads"),
    ],
)
def test_options_without_sense_are_an_error_that_names_them(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PAIR(GOOD, GOOD, **options)


def test_empty_input_gives_empty_output() -> None:
    none = np.zeros((0, 8, 3), dtype=np.float32)
    assert [part.shape for part in PAIR(none, none)] == [(0,), (0, 8), (0, 8), (0, 8, 3), (0, 8, 3)]
    assert FIELD(np.zeros((2, 0, 3), dtype=np.float32), np.concatenate([GOOD, GOOD]))[0].shape == (2, 0)


def test_a_mesh_of_caps_alone_has_no_surface() -> None:
    caps = core.MeshTopology(FACES, ~NO_CAP, VERTICES)
    distance, face, weights = core.DistanceField(caps)(GOOD, GOOD)
    assert np.isposinf(distance).all()
    assert (face == -1).all()
    assert (weights == 0).all()
    assert core.PenetrationPair(caps, TOPOLOGY)(GOOD, 0.5 * GOOD)[0] == 0


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([np.float32, np.float64, np.int64, np.float16]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, max_side=9))
    )
)
def test_any_array_is_answered_or_refused(array: np.ndarray) -> None:
    for call in (lambda: PAIR(array, array), lambda: FIELD(array, GOOD), lambda: FIELD(GOOD, array)):
        try:
            result = call()
        except ValueError:
            continue
        assert all(part.shape[0] == len(array) for part in result)


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(np.int64, st.tuples(st.integers(0, 40), st.just(3)), elements=st.integers(0, 7)),
    hnp.arrays(np.float32, (1, 8, 3), elements=st.floats(-1e3, 1e3, width=32)),
)
def test_any_faces_and_positions_give_finite_distances(faces: np.ndarray, vertices: np.ndarray) -> None:
    topology = core.MeshTopology(faces, np.zeros(len(faces), dtype=bool), vertices[0])
    distance, _, weights = core.DistanceField(topology)(GOOD, vertices)
    assert np.isfinite(distance).all() or len(faces) == 0
    assert np.isfinite(weights).all()
    assert all(np.isfinite(part).all() for part in core.PenetrationPair(topology, TOPOLOGY)(vertices, GOOD))


def test_memory_does_not_grow_with_calls() -> None:
    moved = GOOD + np.float32(0.01)
    for _ in range(2_000):
        PAIR(GOOD, moved, threads=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(100_000):
        PAIR(GOOD, moved, threads=1)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 4_096
