"""The file that holds the hand model: MANO's keys, and `is_cap`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tools.build_open_hand.arrays import Integers
from tools.build_open_hand.cut import Surface
from tools.build_open_hand.pose_space import PoseSpace
from tools.build_open_hand.shape_space import ShapeSpace
from tools.build_open_hand.skeleton import PARENTS

Arrays = Mapping[str, npt.NDArray[np.generic]]

_NO_PARENT = 2**32 - 1
"""How MANO's files mark the root in `kintree_table`."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def model_arrays(
    surface: Surface,
    shapes: ShapeSpace,
    posedirs: npt.NDArray[np.float64],
    regressor: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    poses: PoseSpace,
    order: Integers,
) -> Arrays:
    """Returns the file's arrays, vertices renumbered so that number k is the old `order[k]`.

    Offsets are in half precision, which moves a vertex by less than 0.01 mm and halves the file.
    """
    new_number = np.argsort(order)
    return {
        "v_template": shapes.mean[order].astype(np.float32),
        "shapedirs": shapes.directions[order].astype(np.float16),
        "posedirs": posedirs[order].astype(np.float16),
        "J_regressor": regressor[:, order].astype(np.float32),
        "weights": weights[order].astype(np.float32),
        "kintree_table": np.array([[_NO_PARENT, *PARENTS[1:]], range(16)], dtype=np.int64),
        "f": new_number[surface.faces].astype(np.uint16),
        "hands_mean": poses.mean.astype(np.float32),
        "hands_components": poses.components.astype(np.float32),
        "is_cap": surface.is_cap,
    }


def write_model(path: Path, arrays: Arrays) -> None:
    """Writes a compressed .npz whose bytes depend on the arrays alone: numpy's own would hold the time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, buffer.getvalue())
