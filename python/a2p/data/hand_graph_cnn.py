"""The real-world test set of hand-graph-cnn (Ge et al., CVPR 2019): single left hands before a laptop's camera.

A folder of pictures with `joints.json`: per sample `file`, `fx_fy_cx_cy` (px) and `joints_camera_m` (21 x 3, m),
wrist first, then thumb to pinky, base to tip.
"""

from __future__ import annotations

from pathlib import Path

import torch

from a2p.camera import Camera
from a2p.data.fields import member, numbers
from a2p.data.json_stream import located, read_members
from a2p.data.sample import HandLabels, Sample, box_around
from a2p.errors import DataError

_FILE = "joints.json"
_SIZE_PX = (256, 256)


class HandGraphCnn:
    """The test set; a few hundred samples, so that it needs no index."""

    name = "hand_graph_cnn"
    license = "Snap Inc., non-commercial research and education only"

    def __init__(self, root: Path) -> None:
        """Reads the annotations of a folder."""
        self.split = "test"
        self.root = root
        self._path = root / _FILE
        self._samples = member(read_members(self._path), "samples", path=self._path)
        if not isinstance(self._samples, list) or not self._samples:
            raise DataError(f"{located(self._path, ('samples',))} is missing or empty. This is another file.")

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        """Returns one picture with its left hand."""
        keys = ("samples", index)
        entry = member(self._samples, index, path=self._path, keys=("samples",))
        name = str(member(entry, "file", path=self._path, keys=keys))
        intrinsics = member(entry, "fx_fy_cx_cy", path=self._path, keys=keys)
        joints = member(entry, "joints_camera_m", path=self._path, keys=keys)
        camera = Camera(*numbers(intrinsics, (4,), path=self._path, keys=(*keys, "fx_fy_cx_cy")).tolist())
        points = torch.from_numpy(numbers(joints, (21, 3), path=self._path, keys=(*keys, "joints_camera_m"))).float()
        pixels = camera.project(points)
        known = torch.ones(21, dtype=torch.bool)
        labels = HandLabels(
            keypoints_3d=points,
            keypoints_3d_valid=known,
            keypoints_2d=pixels,
            keypoints_2d_valid=known,
            box_xyxy_px=box_around(pixels, known, _SIZE_PX),
        )
        return Sample(
            dataset=self.name,
            split=self.split,
            id=Path(name).stem,
            source_frame=name,
            image=self.root / name,
            size_px=_SIZE_PX,
            camera=camera,
            hand_type="left",
            right=None,
            left=labels,
            convention="mediapipe",
        )
