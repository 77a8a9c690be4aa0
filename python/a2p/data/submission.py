"""The JSON files that FreiHAND's and HO-3D's servers take: joints and vertices of every sample of the evaluation split.

Both are `[joints, vertices]`, lists of 21 x 3 and 778 x 3 in metres. FreiHAND wants the camera frame and keypoints from
the wrist over thumb to pinky; HO-3D wants OpenGL's axes (y up, z towards the viewer) and MANO's joints before the tips.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from a2p.arrays import Keypoints3D
from a2p.data.freihand import EVALUATION_COUNT
from a2p.data.hic import MANO_VERTEX_COUNT
from a2p.data.ho3d import COUNTS, OPENGL_TO_CAMERA
from a2p.data.joint_orders import MANO_WITH_TIPS
from a2p.errors import ConfigError, DataError, ShapeError
from a2p.render.export import write_atomically

Server: TypeAlias = Literal["freihand", "ho3d_v2", "ho3d_v3"]
SAMPLE_COUNTS: dict[Server, int] = {
    "freihand": EVALUATION_COUNT,
    "ho3d_v2": COUNTS["evaluation", 2],
    "ho3d_v3": COUNTS["evaluation", 3],
}


@dataclass(frozen=True)
class SubmittedHand:
    """One sample's prediction in the camera frame, m."""

    keypoints_3d: Keypoints3D
    """Convention `skinning`: both sets' truth is MANO's joints and fingertip vertices."""
    vertices: Float[Tensor, "v 3"]
    """MANO's 778."""


def write_submission(path: Path, hands: Sequence[SubmittedHand], *, server: Server) -> Path:
    """Writes the predictions of a whole evaluation split, in its order, as .json or as the .zip that is uploaded."""
    check_submission_name(path)
    wanted = SAMPLE_COUNTS[server]
    if len(hands) != wanted:
        raise DataError(
            f"{server}'s evaluation split has {wanted} samples; got {len(hands)} predictions. Predict every sample, a "
            "guess where no hand is seen."
        )
    checked = [_checked(index, hand) for index, hand in enumerate(hands)]
    joints = [_joints(hand, server).tolist() for hand in checked]
    vertices = [_turned(hand.vertices, server).tolist() for hand in checked]
    text = json.dumps([joints, vertices]).encode()
    write_atomically(path, text if path.suffix == ".json" else _zipped(text))
    return path


def check_submission_name(path: Path) -> None:
    """Raises ConfigError for a file name that no server takes."""
    if path.suffix not in (".json", ".zip"):
        raise ConfigError(f"a submission's name must end in .json or .zip; got {path.name!r}. Servers take the .zip.")


def _checked(index: int, hand: SubmittedHand) -> SubmittedHand:
    if len(hand.vertices) != MANO_VERTEX_COUNT:
        raise ShapeError(
            f"servers want MANO's {MANO_VERTEX_COUNT} vertices; prediction {index} has {len(hand.vertices)}. Predict "
            "with MANO's hand model."
        )
    if not bool(torch.isfinite(hand.keypoints_3d).all() & torch.isfinite(hand.vertices).all()):
        raise ShapeError(f"predictions must be finite; prediction {index} is not. Give a guess instead.")
    return hand


def _joints(hand: SubmittedHand, server: Server) -> npt.NDArray[np.float64]:
    points = _turned(hand.keypoints_3d, server)
    if server == "freihand":
        return points
    joints = np.zeros_like(points)
    joints[list(MANO_WITH_TIPS)] = points
    return joints


def _turned(points: Tensor, server: Server) -> npt.NDArray[np.float64]:
    """Returns points in the server's axes, rounded to a micrometre."""
    array = points.detach().double().numpy()
    turned: npt.NDArray[np.float64] = np.round(array if server == "freihand" else array @ OPENGL_TO_CAMERA, 6)
    return turned


def _zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pred.json", content)
    return buffer.getvalue()
