"""HO-3D v2 and v3 (Hampali et al., CVPR 2020): right hands that hold objects, 640 x 480 px.

`{split}/{sequence}/meta/{id}.pkl` has MANO parameters (`flat_hand_mean=True`) and joints (MANO's order, then the tips
from thumb to pinky) in OpenGL's camera axes: y up, z towards the viewer. Of the evaluation split only the wrist and a
box are public with the pictures; `evaluation_xyz.json` and `evaluation_verts.json`, where they are there, add the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from a2p.camera import Camera
from a2p.data.broken_entries import raise_if_broken, write_numbers
from a2p.data.columns import ColumnWriter
from a2p.data.fields import numbers
from a2p.data.index import IndexRecipe, open_index
from a2p.data.joint_orders import MANO_WITH_TIPS
from a2p.data.json_stream import located, stream_json
from a2p.data.pickles import Field, read_pickled_fields
from a2p.data.placement import ManoFit, RigidTransform, checked_models, placed, posed_vertices
from a2p.data.sample import Box, HandLabels, Sample, all_keypoints, box_around, no_keypoints, unknown_keypoints
from a2p.errors import DataError
from a2p.hand import HandPair, HandParameters

Split: TypeAlias = Literal["train", "evaluation"]
COUNTS = {("train", 2): 66_034, ("evaluation", 2): 11_524, ("train", 3): 83_325, ("evaluation", 3): 20_137}
OPENGL_TO_CAMERA: npt.NDArray[np.float64] = np.diag([1.0, -1.0, -1.0])
_SIZE_PX = (640, 480)
_TRUTH_SHAPES: dict[str, tuple[int, ...]] = {"xyz": (21, 3), "verts": (-1, 3)}
_VERSION = 2


class Ho3d:
    """One split of HO-3D, v2 (png) or v3 (jpg); the pictures tell which."""

    name = "ho3d"
    license = "academic research only, no redistribution (Graz University of Technology)"

    def __init__(
        self, root: Path, *, split: Split = "train", models: HandPair | None = None, index_folder: Path | None = None
    ) -> None:
        """Opens the split; `models` are MANO's hands (`flat_hand_mean=True`), without which samples have no fits."""
        self.split: str = split
        self.root = root
        self.models = checked_models(models)
        self._list = root / f"{split}.txt"
        truth = {part: root / f"evaluation_{part}.json" for part in _TRUTH_SHAPES} if split == "evaluation" else {}
        self._truth = {part: path for part, path in truth.items() if path.is_file()}
        sources = (self._list, *self._truth.values())
        self._columns = open_index(IndexRecipe("ho3d", _VERSION, sources, self._build), folder=index_folder)

    def __len__(self) -> int:
        return len(self._columns["name.ends"])

    def __getitem__(self, index: int) -> Sample:
        """Returns one frame."""
        for part in self._truth:
            raise_if_broken(self._columns, part, index)
        name = self._columns.text("name", index)
        sequence, frame = name.split("/")
        folder = self.root / self.split / sequence
        path = folder / "meta" / f"{frame}.pkl"
        fields = read_pickled_fields(path)
        intrinsics = _required(fields, "camMat", (3, 3), path)
        camera = Camera(*np.diag(intrinsics)[:2].tolist(), *(intrinsics[:2, 2] + 0.5).tolist())
        pictures = [folder / "rgb" / f"{frame}{suffix}" for suffix in (".jpg", ".png")]
        return Sample(
            dataset=self.name,
            split=self.split,
            id=name,
            source_frame=f"sequence {sequence}, frame {frame}",
            image=pictures[0] if pictures[0].is_file() else pictures[1],
            size_px=_SIZE_PX,
            camera=camera,
            hand_type="right",
            right=self._labels(fields, index, path, camera),
            left=None,
            convention="skinning",
        )

    def _labels(self, fields: dict[str, Field], index: int, path: Path, camera: Camera) -> HandLabels:
        points, known = self._keypoints(fields, index, path)
        pixels = camera.project(points.nan_to_num(1.0)).masked_fill(~known[:, None], torch.nan)
        parameters = self._parameters(fields, path) if self.split == "train" else None
        vertices = None
        if parameters is not None and self.models is not None:
            vertices = posed_vertices(self.models.right, parameters)
        if "verts" in self._columns:
            vertices = _turned(self._columns["verts"][index])
        box = box_around(pixels, known, _SIZE_PX)
        if fields.get("handBoundingBox") is not None:
            x0, y0, x1, y1 = _required(fields, "handBoundingBox", (4,), path).tolist()
            box = _clipped((x0, y0, x1, y1))
        return HandLabels(
            keypoints_3d=points,
            keypoints_3d_valid=known,
            keypoints_2d=pixels,
            keypoints_2d_valid=known,
            box_xyxy_px=box,
            parameters=parameters,
            vertices=vertices,
        )

    def _keypoints(self, fields: dict[str, Field], index: int, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the keypoints in the camera frame and which are known: all, or the wrist alone."""
        if "xyz" in self._columns:
            return _turned(self._columns["xyz"][index])[list(MANO_WITH_TIPS)], all_keypoints()
        if self.split == "train":
            joints = _required(fields, "handJoints3D", (21, 3), path)
            return _turned(joints)[list(MANO_WITH_TIPS)], all_keypoints()
        points, known = unknown_keypoints(3), no_keypoints()
        points[0], known[0] = _turned(_required(fields, "handJoints3D", (3,), path)), True
        return points, known

    def _parameters(self, fields: dict[str, Field], path: Path) -> HandParameters | None:
        if self.models is None:
            return None
        sizes = {"handPose": 48, "handBeta": 10, "handTrans": 3}
        fit = ManoFit(*(_required(fields, key, (size,), path) for key, size in sizes.items()))
        to_camera = RigidTransform(OPENGL_TO_CAMERA, np.zeros(3))
        return placed(fit, self.models.right, to_camera, flat_hand_mean=True)

    def _build(self, out: ColumnWriter) -> None:
        names = self._list.read_text().split()
        for name in names:
            if name.count("/") != 1:
                raise DataError(f"{self._list} must name frames as sequence/id; got {name!r}. Download it anew.")
            out.append_text("name", name)
        for part, path in self._truth.items():
            count = write_numbers(out, part, stream_json(path, depth=1), _TRUTH_SHAPES[part], path=path)
            if count != len(names):
                raise DataError(
                    f"{path} must have as many entries as {self._list}, {len(names)}; it has {count}. They are of "
                    "different versions."
                )


def _required(fields: dict[str, Field], key: str, shape: tuple[int, ...], path: Path) -> npt.NDArray[np.float64]:
    if fields.get(key) is None:
        raise DataError(f"{located(path, (key,))} is missing or null: the frame has no hand. Skip the sample.")
    return numbers(fields[key], shape, path=path, keys=(key,))


def _turned(points: npt.NDArray[np.floating]) -> torch.Tensor:
    """Returns points of OpenGL's camera axes in ours."""
    return torch.from_numpy(np.array(points, dtype=np.float64) @ OPENGL_TO_CAMERA).float()


def _clipped(box: Box) -> Box | None:
    x0, y0, x1, y1 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], 640.0), min(box[3], 480.0)
    return (x0, y0, x1, y1) if x1 > x0 + 2.0 and y1 > y0 + 2.0 else None
