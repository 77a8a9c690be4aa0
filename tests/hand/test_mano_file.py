from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from a2p.errors import HandModelError, OutputError, UnsafeFileError
from a2p.hand.hand_data import REQUIRED_SHAPES
from a2p.hand.mano_file import convert_mano, read_mano_arrays
from tests.hand.mano_pickles import Arrays, instance, mano_pickle, open_hand_arrays, sparse_columns, stand_ins, write


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return open_hand_arrays()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_array_of_a_mano_pickle_is_read_exactly(tmp_path: Path, arrays: Arrays, protocol: int) -> None:
    read = read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", mano_pickle(arrays, protocol=protocol)))
    assert set(read) == set(REQUIRED_SHAPES)
    for key, array in arrays.items():
        np.testing.assert_array_equal(read[key], array, err_msg=key)


def test_fortran_order_and_big_endian_arrays_are_read_exactly(tmp_path: Path, arrays: Arrays) -> None:
    foreign = {
        **arrays,
        "shapedirs": np.asfortranarray(arrays["shapedirs"]),
        "weights": arrays["weights"].astype(">f4"),
        "f": arrays["f"].astype(">i8"),
    }
    read = read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", pickle.dumps(foreign)))
    for key, array in foreign.items():
        np.testing.assert_array_equal(read[key], array, err_msg=key)


class RunsCode:
    """Unpickles to whatever `function(*arguments)` returns."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def nested(payload: object) -> object:
    return [{"deep": ({"deeper": payload},)}]


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("wrap", [lambda payload: payload, nested], ids=["plain", "nested"])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("exit 1",), "system"),
        (eval, ("open('pwned', 'w')",), "eval"),
        (exec, ("open('pwned', 'w')",), "exec"),
        (getattr, (np.ndarray, "tofile"), "getattr"),
        (__import__, ("os",), "__import__"),
        (open, ("pwned", "w"), "open"),
        (np.load, ("pwned",), "load"),
        (pickle.loads, (b"cos\nsystem\n",), "loads"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_pickle_that_asks_to_run_code_is_refused_by_name_and_nothing_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: Callable[..., object],
    arguments: tuple[object, ...],
    name: str,
    wrap: Callable[[object], object],
    protocol: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"v_template": wrap(RunsCode(function, *arguments))}
    path = write(tmp_path / "MANO_RIGHT.pkl", pickle.dumps(content, protocol=protocol))
    with pytest.raises(UnsafeFileError, match=rf"asks for [\w.]+\.{name}, .*nothing in it ran"):
        read_mano_arrays(path)
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8c\tchumpy.ch\x8c\x0bCh.__init__\x93.",  # an attribute reached through an allowed name
        b"\x80\x04\x8c\x08builtins\x8c\x10object.__class__\x93.",
        b"cchumpy.ch\neval\n.",
        b"cchumpy\nCh\n.",
        b"cnumpy\nndarray.tofile\n.",
        b"(S'x'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'x'\no.",  # OBJ
    ],
)
def test_names_near_the_allowed_ones_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnsafeFileError, match="asks for"):
        read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", data))


def test_a_chumpy_expression_that_is_no_stored_array_is_refused_by_name(tmp_path: Path, arrays: Arrays) -> None:
    with stand_ins() as kinds:
        data = pickle.dumps({**arrays, "v_template": instance(kinds.add, a=1.0, b=2.0)}, protocol=2)
    with pytest.raises(UnsafeFileError, match=r"chumpy\.ch\.add"):
        read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", data))


MALFORMED = {
    "empty": b"",
    "no pickle": b"This is not a pickle.",
    "a zip archive": b"PK\x03\x04" + bytes(100),
    "bytes announced beyond the end": b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b".",
    "a memo of 16 GiB": b"\x80\x02Nr" + (2**31 - 1).to_bytes(4, "little") + b".",
    "a memo of 16 GiB, as text": b"Np2147483647\n.",
    "a persistent id": b"Pobject\n.",
    "an extension code": b"\x80\x02\x82\x01.",
    "an unhashable key": b"\x80\x02}]Ns.",
    "an empty stack": b"\x80\x02.",
    "attributes set on an allowed class": b"\x80\x02cchumpy.ch\nCh\nN}X\x04\x00\x00\x00nameX\x01\x00\x00\x00xs\x86b.",
    "attributes set on numpy.ndarray": b"\x80\x02cnumpy\nndarray\n}X\x04\x00\x00\x00nameX\x01\x00\x00\x00xsb.",
    "an item set on an allowed class": b"\x80\x02cchumpy.ch\nCh\nX\x01\x00\x00\x00aNs.",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_pickle_is_an_error_that_says_so(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(HandModelError, match="is not a readable pickle"):
        read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", data))


def test_an_instruction_flood_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HandModelError, match="more than 1000000 instructions"):
        read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", b"\x80\x02" + b"N0" * 600_000 + b"N."))


def test_a_pickle_cut_anywhere_is_an_error(tmp_path: Path, arrays: Arrays) -> None:
    data = mano_pickle(arrays)
    for length in np.linspace(1, len(data) - 1, 40).astype(int):
        with pytest.raises(HandModelError, match="is not a readable pickle"):
            read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", data[:length]))


def test_a_file_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "MANO_RIGHT.pkl"
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: takes no space
    with pytest.raises(HandModelError, match="must have 64 MiB at most"):
        read_mano_arrays(path)


def malformed_arrays() -> dict[str, bytes]:
    """Pickles whose v_template is no array, by what is wrong with it."""
    array = np.arange(6.0).reshape(2, 3)
    with stand_ins() as kinds:
        cyclic = instance(kinds.Select, idxs=np.arange(2))
        cyclic.__dict__["a"] = cyclic
        sparse = {"indices": np.array([0, 1]), "indptr": np.array([0, 1, 2]), "data": np.ones(2), "_shape": (2, 2)}
        values = {
            "text": "hello",
            "objects": np.array([None, "x"], dtype=object),
            "complex numbers": np.array([1j]),
            "chumpy without content": instance(kinds.Ch),
            "chumpy without state": kinds.Ch(),
            "a selection of itself": cyclic,
            "a selection out of range": instance(kinds.Select, a=array, idxs=np.array([6])),
            "a selection by floats": instance(kinds.Select, a=array, idxs=np.array([0.0])),
            "a selection of another size": instance(kinds.Select, a=array, idxs=np.arange(6), preferred_shape=(4, 2)),
            "a transposition of other axes": instance(kinds.transpose, a=array, axes=(0, 0)),
            "a shape of floats": instance(kinds.Reshape, a=array, newshape=(6.0,)),
            "a huge shape": instance(kinds.Reshape, a=array, newshape=(2**62, 2**62, 0)),
            "a sparse memory bomb": instance(kinds.csc_matrix, **{**sparse, "_shape": (10**9, 10**9)}),
            "sparse without a shape": instance(kinds.csc_matrix, indices=np.arange(1)),
            "sparse rows out of range": instance(kinds.csc_matrix, **{**sparse, "indices": np.array([0, 2])}),
            "sparse negative rows": instance(kinds.csc_matrix, **{**sparse, "indices": np.array([0, -1])}),
            "sparse columns that run back": instance(kinds.csc_matrix, **{**sparse, "indptr": np.array([0, 3, 2])}),
            "too few sparse columns": instance(kinds.csc_matrix, **{**sparse, "indptr": np.array([0, 2])}),
        }
        return {kind: pickle.dumps({"v_template": value}, protocol=2) for kind, value in values.items()}


MALFORMED_ARRAYS = malformed_arrays()


@pytest.mark.parametrize("data", MALFORMED_ARRAYS.values(), ids=MALFORMED_ARRAYS.keys())
def test_a_malformed_array_is_an_error_that_names_its_key(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(HandModelError, match="v_template is no readable array"):
        read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", data))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\x02K\x03\x86", b"K\x02K\x7f\x86"),  # more elements than bytes: reading on would leak memory
        (b"K\x02K\x03\x86", b"K\x02J\xff\xff\xff\xff\x86"),  # a negative size
        (b"f8", b"O8"),  # objects, whose bytes numpy would take for addresses
        (b"f8", b"V8"),
    ],
)
def test_an_array_whose_description_does_not_fit_its_bytes_is_an_error(tmp_path: Path, old: bytes, new: bytes) -> None:
    data = pickle.dumps({"v_template": np.arange(6.0).reshape(2, 3)}, protocol=2)
    assert old in data
    with pytest.raises(HandModelError, match="v_template is no readable array"):
        read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", data.replace(old, new)))


def test_calls_of_allowed_names_with_bad_arguments_are_errors(tmp_path: Path) -> None:
    for call in (b"cnumpy.core.multiarray\n_reconstruct\n(tR", b"c_codecs\nencode\n(S'rot13'\nS'rot13'\ntR"):
        data = b"\x80\x02}X\x0a\x00\x00\x00v_template" + call + b"s."
        with pytest.raises(HandModelError, match="v_template is no readable array"):
            read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", data))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_with_random_damage_is_read_or_refused_but_never_anything_else(tmp_path: Path, protocol: int) -> None:
    generator = np.random.default_rng(protocol)
    array = np.arange(6.0).reshape(2, 3)
    with stand_ins() as kinds:
        selection = instance(kinds.Select, a=instance(kinds.Ch, x=array), idxs=np.arange(6), preferred_shape=(3, 2))
        content = {"v_template": selection, "weights": array, "J_regressor": sparse_columns(kinds.csc_matrix, array)}
        whole = pickle.dumps(content, protocol=protocol)
    outcomes = set()
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[generator.integers(len(whole))] = generator.integers(256)
        try:
            read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", bytes(damaged)))
            outcomes.add("read")
        except (HandModelError, UnsafeFileError):
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_a_pickle_of_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HandModelError, match="must hold a dictionary of arrays; it holds a list"):
        read_mano_arrays(write(tmp_path / "MANO_RIGHT.pkl", pickle.dumps([1, 2])))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HandModelError, match=r"MANO_RIGHT\.pkl cannot be read"):
        read_mano_arrays(tmp_path / "MANO_RIGHT.pkl")


def test_conversion_writes_the_same_arrays_without_pickled_objects(tmp_path: Path, arrays: Arrays) -> None:
    source = write(tmp_path / "MANO_RIGHT.pkl", mano_pickle(arrays))
    target = convert_mano(source)
    assert target == tmp_path / "MANO_RIGHT.npz"
    with np.load(target, allow_pickle=False) as file:
        assert set(file) == set(arrays)
        for key, array in arrays.items():
            np.testing.assert_array_equal(file[key], array, err_msg=key)


def test_conversion_gives_the_same_bytes_every_time(tmp_path: Path, arrays: Arrays) -> None:
    source = write(tmp_path / "MANO_RIGHT.pkl", mano_pickle(arrays))
    first, second = (convert_mano(source, tmp_path / name).read_bytes() for name in ("first.npz", "second.npz"))
    assert first == second


def test_conversion_of_a_wrong_file_writes_nothing(tmp_path: Path, arrays: Arrays) -> None:
    del arrays["hands_mean"]
    source = write(tmp_path / "MANO_RIGHT.pkl", pickle.dumps(arrays))
    arrays["hands_mean"] = np.zeros(45)
    with pytest.raises(HandModelError, match="missing: hands_mean"):
        convert_mano(source)
    assert not source.with_suffix(".npz").exists()


def test_conversion_needs_a_place_to_write_to(tmp_path: Path, arrays: Arrays) -> None:
    source = write(tmp_path / "MANO_RIGHT.pkl", mano_pickle(arrays))
    with pytest.raises(OutputError, match=r"must end in \.npz"):
        convert_mano(source, tmp_path / "MANO_RIGHT.pickle")
    with pytest.raises(OutputError, match="cannot be written"):
        convert_mano(source, tmp_path / "absent" / "MANO_RIGHT.npz")
