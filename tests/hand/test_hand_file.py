from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from a2p.errors import HandModelError
from a2p.hand import HandModel
from a2p.hand.hand_data import REQUIRED_SHAPES, hand_data_from_arrays
from tests.hand.mano_pickles import open_hand_arrays, save_npz, write


@pytest.mark.parametrize("key", REQUIRED_SHAPES)
def test_a_file_without_a_needed_key_is_refused_by_its_name(key: str) -> None:
    arrays = open_hand_arrays()
    del arrays[key]
    with pytest.raises(HandModelError, match=rf"^hand\.npz: a hand model needs .*; missing: {key}\. Give MANO_RIGHT"):
        hand_data_from_arrays(arrays, "hand.npz")


@pytest.mark.parametrize("key", REQUIRED_SHAPES)
def test_an_array_of_another_shape_is_refused_by_its_key(key: str) -> None:
    arrays = open_hand_arrays()
    arrays[key] = arrays[key][..., :-1]
    with pytest.raises(HandModelError, match=rf"{key} must have shape"):
        hand_data_from_arrays(arrays, "hand.npz")


@pytest.mark.parametrize("key", ["v_template", "shapedirs", "posedirs", "J_regressor", "weights", "hands_mean"])
def test_an_array_with_nan_is_refused_by_its_key(key: str) -> None:
    arrays = open_hand_arrays()
    arrays[key] = arrays[key].copy()
    arrays[key].flat[3] = np.nan
    with pytest.raises(HandModelError, match=rf"{key} must be finite"):
        hand_data_from_arrays(arrays, "hand.npz")


BAD_ARRAYS: dict[str, tuple[str, npt.NDArray[np.generic]]] = {
    "f must hold integers; got float64": ("f", np.zeros((10, 3))),
    "weights must hold numbers; got <U1": ("weights", np.full((1630, 16), "x")),
    "every row of weights must sum to 1; one is off by 15": ("weights", np.ones((1630, 16))),
    "every row of J_regressor must sum to 1": ("J_regressor", np.zeros((16, 1630))),
    r"f must index the 1630 vertices; it holds 1630": ("f", np.full((10, 3), 1630)),
    "an earlier joint as every joint's parent": ("kintree_table", np.stack([np.arange(16), np.arange(16)])),
    r"v_template must have shape \(v, 3\); got \(\)": ("v_template", np.array(1.0)),
    r"is_cap must have shape \(3256\); got \(5,\)": ("is_cap", np.zeros(5, dtype=bool)),
    "is_cap must hold bools; got int64": ("is_cap", np.zeros(3256, dtype=np.int64)),
}


@pytest.mark.parametrize(("message", "bad"), BAD_ARRAYS.items(), ids=BAD_ARRAYS.keys())
def test_an_unusable_array_is_an_error_that_says_why(message: str, bad: tuple[str, npt.NDArray[np.generic]]) -> None:
    key, array = bad
    with pytest.raises(HandModelError, match=message):
        hand_data_from_arrays({**open_hand_arrays(), key: array}, "hand.npz")


def test_a_body_model_is_refused() -> None:
    """SMPL has the same keys in other sizes, and no hand pose space."""
    body = {"v_template": np.zeros((6890, 3)), "shapedirs": np.zeros((6890, 3, 10)), "f": np.zeros((13776, 3), int)}
    with pytest.raises(HandModelError, match="missing: posedirs, J_regressor, weights"):
        hand_data_from_arrays(body, "SMPL_NEUTRAL.pkl")


def test_an_npz_that_holds_pickled_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hand.npz"
    np.savez(path, **{**open_hand_arrays(), "weights": np.array([object], dtype=object)})
    with pytest.raises(
        HandModelError, match=r"is not a readable \.npz of plain arrays: Object arrays cannot be loaded"
    ):
        HandModel.load(path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"This is no archive."])
def test_a_damaged_npz_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(HandModelError, match=r"is not a readable \.npz"):
        HandModel.load(write(tmp_path / "hand.npz", data))


def test_a_truncated_npz_is_refused(tmp_path: Path) -> None:
    data = save_npz(tmp_path / "hand.npz", open_hand_arrays()).read_bytes()
    for length in range(1, len(data), len(data) // 10):
        with pytest.raises(HandModelError, match=r"is not a readable \.npz"):
            HandModel.load(write(tmp_path / "hand.npz", data[:length]))


def test_an_npz_with_flipped_bits_is_refused(tmp_path: Path) -> None:
    data = bytearray(save_npz(tmp_path / "hand.npz", open_hand_arrays()).read_bytes())
    for position in range(100, len(data) - 2000, len(data) // 10):
        damaged = data.copy()
        damaged[position] ^= 0xFF  # within the compressed data, which has a checksum
        with pytest.raises(HandModelError, match=r"is not a readable"):
            HandModel.load(write(tmp_path / "hand.npz", bytes(damaged)))


def test_an_npz_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "hand.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("weights.npy", "w") as file,
    ):
        for _ in range(300):
            file.write(bytes(2**20))
    assert path.stat().st_size < 2**21
    with pytest.raises(HandModelError, match="must unpack to 256 MiB at most; it claims 300"):
        HandModel.load(path)


def test_a_file_of_another_kind_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HandModelError, match=r'must be "open", a folder, or a file that ends in \.npz or \.pkl'):
        HandModel.load(write(tmp_path / "MANO_RIGHT.obj", b"v 0 0 0"))
    with pytest.raises(HandModelError, match=r"absent\.npz is not there"):
        HandModel.load(tmp_path / "absent.npz")
    with pytest.raises(HandModelError, match=r"must hold MANO_LEFT\.npz or MANO_LEFT\.pkl; it holds neither"):
        HandModel.load(tmp_path, side="left")


def test_a_plain_process_checks_shapes_and_types_and_needs_no_heavy_package() -> None:
    """In a process of its own: here jaxtyping would refuse the calls before a2p sees them, and tests import much."""
    script = """
import sys
import numpy as np, torch
from dataclasses import replace
from a2p.errors import HandModelError, MeshError, ShapeError
from a2p.hand import HandModel, HandParameters, Topology

def message(function, error):
    try:
        function()
    except error as raised:
        return str(raised)
    raise SystemExit(f"no {error.__name__}")

model, zeros = HandModel.load("open"), HandParameters.zeros(2)
for text, function, error in [
    ("hand_pose must have shape (2, 15, 3)", lambda: model(replace(zeros, hand_pose=torch.zeros(2, 45))), ShapeError),
    ("transl must have shape (2, 3)", lambda: model(replace(zeros, transl=torch.zeros(3))), ShapeError),
    ("betas must have shape (2, 10)", lambda: model(replace(zeros, betas=torch.zeros(2, 16))), ShapeError),
    ("must be torch.float32 on cpu", lambda: model(zeros.to(dtype=torch.float64)), ShapeError),
    ("transl must be torch.float32", lambda: model(replace(zeros, transl=zeros.transl.double())), ShapeError),
    ("on cpu, like the model; got torch.float32 on meta", lambda: model(zeros.to(device="meta")), ShapeError),
    ("faces must be integers of shape (f, 3)", lambda: Topology(torch.zeros(4, 3)), MeshError),
    ("faces must be integers of shape (f, 3)", lambda: Topology(np.zeros((4, 4), int)), MeshError),
    ("with f >= 1; got shape (0, 3)", lambda: Topology(np.zeros((0, 3), int)), MeshError),
    ("rest_vertices must have shape (v, 3)", lambda: Topology([[0, 1, 2]], np.zeros((1, 3, 3))), MeshError),
    ("one bool for each of the 1 faces", lambda: Topology([[0, 1, 2]], is_cap=np.zeros(2, bool)), MeshError),
    ("one bool for each of the 1 faces", lambda: Topology([[0, 1, 2]], is_cap=np.zeros(1)), MeshError),
    ("side must be 'left' or 'right'; got 'Right'", lambda: HandModel.load("open", side="Right"), HandModelError),
]:
    raised = message(function, error)
    if text not in raised:
        raise SystemExit(f"{text!r} is not in {raised!r}")
imported = {"scipy", "smplx", "chumpy", "trimesh"} & set(sys.modules)
if imported:
    raise SystemExit(f"loading a hand imported {imported}")
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
