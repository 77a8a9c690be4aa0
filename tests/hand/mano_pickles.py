"""Pickles shaped like MANO's files, made from the open hand, and hostile ones."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from a2p.hand.hand_data import hand_data_from_arrays
from a2p.hand.hand_file import read_hand_data

Arrays = dict[str, npt.NDArray[np.generic]]


def open_hand_arrays() -> Arrays:
    """The right open hand's arrays under MANO's keys, in MANO's dtypes, with a mean pose that is not flat."""
    data = read_hand_data("open", side="right")
    parents = np.array([2**32 - 1, *data.parents[1:]], dtype=np.int64)
    return {
        "v_template": data.v_template.astype(np.float64),
        "shapedirs": data.shapedirs.astype(np.float64),
        "posedirs": data.posedirs.astype(np.float64),
        "J_regressor": data.J_regressor.astype(np.float64),
        "weights": data.weights.astype(np.float64),
        "kintree_table": np.stack([parents, np.arange(16)]),
        "f": data.faces.astype(np.uint32),
        "hands_mean": np.linspace(-0.2, 0.3, 45),
        "hands_components": np.linalg.qr(np.random.default_rng(0).normal(size=(45, 45)))[0],
    }


def front_of_hand_arrays() -> Arrays:
    """As many vertices as MANO has: those of the open hand nearest the fingertips, an open mesh like MANO's."""
    arrays = open_hand_arrays()
    kept = np.sort(np.argsort(arrays["v_template"][:, 0])[:778])
    joints = arrays["J_regressor"] @ arrays["v_template"]
    distance = np.linalg.norm(arrays["v_template"][None, kept] - joints[:, None], axis=-1)
    regressor = np.zeros((16, len(kept)))
    np.put_along_axis(regressor, np.argsort(distance, axis=1)[:, :4], 0.25, axis=1)
    faces = arrays["f"][np.isin(arrays["f"], kept).all(axis=1)]
    return {
        **arrays,
        **{key: arrays[key][kept] for key in ("v_template", "shapedirs", "posedirs", "weights")},
        "J_regressor": regressor,
        "f": np.searchsorted(kept, faces).astype(np.uint32),
    }


@contextmanager
def stand_ins() -> Iterator[types.SimpleNamespace]:
    """Classes under chumpy's and scipy's old names, importable only for as long as something is pickled."""
    modules = {
        name: types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering", "scipy.sparse.csc")
    }
    homes = {
        "Ch": "chumpy.ch",
        "add": "chumpy.ch",
        "Select": "chumpy.reordering",
        "Reshape": "chumpy.reordering",
        "transpose": "chumpy.reordering",
        "csc_matrix": "scipy.sparse.csc",
    }
    classes = types.SimpleNamespace()
    for name, home in homes.items():
        stand_in = type(name, (), {"__module__": home})
        setattr(modules[home], name, stand_in)
        setattr(classes, name, stand_in)
    saved = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield classes
    finally:
        for name, module in saved.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def instance(kind: type, **attributes: object) -> object:
    """An object of a stand-in class with these attributes, which is what its pickle restores."""
    made = kind()
    made.__dict__.update(attributes)
    return made


def sparse_columns(kind: type, dense: npt.NDArray[np.generic]) -> object:
    columns, rows = np.nonzero(dense.T)
    starts = np.searchsorted(columns, np.arange(dense.shape[1] + 1))
    return instance(
        kind,
        _shape=dense.shape,
        maxprint=50,
        data=dense.T[columns, rows],
        indices=rows.astype(np.int32),
        indptr=starts.astype(np.int32),
    )


def mano_pickle(arrays: Arrays, *, protocol: int = 2) -> bytes:
    """The arrays as MANO v1.2 pickles them: under Python 2, some as chumpy objects, the regressor sparse."""
    with stand_ins() as kinds:
        content: dict[str, object] = {**arrays, "bs_style": "lbs", "bs_type": "lrotmin"}
        node_state = {"_dirty_vars": {"x"}, "_itr": None, "_depends_on_deps": {}, "_make_dense": False}
        content["shapedirs"] = instance(kinds.Ch, x=arrays["shapedirs"], **node_state)
        flat = instance(kinds.Ch, x=arrays["v_template"].ravel(), **node_state)
        content["v_template"] = instance(
            kinds.Select,
            a=flat,
            idxs=np.arange(arrays["v_template"].size),
            preferred_shape=arrays["v_template"].shape,
            **node_state,
        )
        swapped = instance(kinds.Ch, x=np.ascontiguousarray(arrays["posedirs"].transpose(2, 0, 1)))
        content["posedirs"] = instance(kinds.transpose, a=swapped, axes=(1, 2, 0))
        content["hands_mean"] = instance(kinds.Reshape, a=instance(kinds.Ch, x=arrays["hands_mean"][None]), newshape=45)
        content["J_regressor"] = sparse_columns(kinds.csc_matrix, arrays["J_regressor"])
        # Records that no part of the model needs may be of any kind that chumpy's files hold.
        content["hands_coeffs"] = np.array(["unused"])
        data = pickle.dumps(content, protocol=protocol)
    return data.replace(b"numpy._core.", b"numpy.core.") if protocol < 4 else data


def mirrored_arrays(arrays: Arrays) -> Arrays:
    """The other hand's arrays: the mirror image at x = 0."""
    data = hand_data_from_arrays(arrays, "a test").mirrored()
    names = ("v_template", "shapedirs", "posedirs", "hands_mean", "hands_components")
    return {**arrays, **{name: getattr(data, name) for name in names}, "f": data.faces}


def save_npz(path: Path, arrays: Arrays) -> Path:
    np.savez_compressed(path, **cast("dict[str, Any]", arrays))
    return path


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
