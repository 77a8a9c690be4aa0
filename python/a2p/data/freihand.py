"""FreiHAND (Zimmermann et al., ICCV 2019): single right hands, 224 x 224 px, MANO fits in the camera frame.

A training sample exists with four backgrounds: picture `index + 32560 * version`. `mano` is 48 pose (`flat_hand_mean=
False`), 10 shape, 2 root pixel and 1 scale values; the hand's place follows from the joints.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch

from a2p.camera import Camera
from a2p.data.broken_entries import raise_if_broken, write_numbers
from a2p.data.columns import Columns, ColumnWriter
from a2p.data.index import IndexRecipe, open_index
from a2p.data.json_stream import Keys, located, stream_json
from a2p.data.placement import ManoFit, RigidTransform, checked_models, placed
from a2p.data.sample import HandLabels, Sample, all_keypoints, box_around, no_keypoints, unknown_keypoints
from a2p.errors import ConfigError, DataError
from a2p.hand import HandPair, HandParameters

Split: TypeAlias = Literal["training", "evaluation"]
VERSIONS = ("gs", "hom", "sample", "auto")
"""Green screen, harmonised, and two ways of automatic colouring."""
TRAINING_COUNT = 32_560
EVALUATION_COUNT = 3_960
_SIZE_PX = (224, 224)
_ROOT_KEYPOINT, _ROOT_JOINT = 9, 4
"""The middle finger's base, as a keypoint and as a joint."""
_SHAPES: dict[str, tuple[int, ...]] = {"K": (3, 3), "mano": (61,), "xyz": (21, 3), "verts": (-1, 3)}
_REQUIRED: dict[str, tuple[str, ...]] = {"training": ("K", "mano", "xyz"), "evaluation": ("K",)}
_VERSION = 2


class FreiHand:
    """One split of FreiHAND. The evaluation split has joints and vertices where their files were downloaded."""

    name = "freihand"
    license = "research only, no commercial use (University of Freiburg)"

    def __init__(
        self,
        root: Path,
        *,
        split: Split = "training",
        versions: tuple[str, ...] = VERSIONS,
        models: HandPair | None = None,
        index_folder: Path | None = None,
    ) -> None:
        """Opens the split; `models` are MANO's hands (`flat_hand_mean=True`), without which samples have no fits."""
        if not versions or any(version not in VERSIONS for version in versions):
            raise ConfigError(f"versions must be some of {', '.join(VERSIONS)}; got {versions}.")
        self.split: str = split
        self.root = root
        self.models = checked_models(models)
        self.versions = versions if split == "training" else ("gs",)
        required = _REQUIRED[split]
        files = {part: root / f"{split}_{part}.json" for part in _SHAPES}
        self._files = {part: path for part, path in files.items() if part in required or path.is_file()}
        recipe = IndexRecipe("freihand", _VERSION, tuple(self._files.values()), self._build)
        self._columns: Columns = open_index(recipe, folder=index_folder)

    def __len__(self) -> int:
        return len(self.versions) * len(self._columns["K"])

    def __getitem__(self, index: int) -> Sample:
        """Returns one picture; all samples of the first version come first."""
        count = len(self._columns["K"])
        version, row = self.versions[index // count], index % count
        for part in self._files:
            raise_if_broken(self._columns, part, row)
        intrinsics = self._columns["K"][row]
        camera = Camera(
            float(intrinsics[0, 0]), float(intrinsics[1, 1]), *(intrinsics[:2, 2].astype(np.float64) + 0.5).tolist()
        )
        number = row + TRAINING_COUNT * VERSIONS.index(version)
        return Sample(
            dataset=self.name,
            split=self.split,
            id=f"{row:08d}-{version}",
            source_frame=f"sample {row}, version {version}",
            image=self.root / self.split / "rgb" / f"{number:08d}.jpg",
            size_px=_SIZE_PX,
            camera=camera,
            hand_type="right",
            right=self._labels(row, camera),
            left=None,
            convention="skinning",
        )

    def _labels(self, row: int, camera: Camera) -> HandLabels:
        if "xyz" not in self._columns:  # the evaluation split as it was first published
            return HandLabels(
                keypoints_3d=unknown_keypoints(3),
                keypoints_3d_valid=no_keypoints(),
                keypoints_2d=unknown_keypoints(2),
                keypoints_2d_valid=no_keypoints(),
                box_xyxy_px=(0.0, 0.0, float(_SIZE_PX[0]), float(_SIZE_PX[1])),
            )
        points = torch.from_numpy(np.array(self._columns["xyz"][row]))
        pixels = camera.project(points)
        vertices = torch.from_numpy(np.array(self._columns["verts"][row])) if "verts" in self._columns else None
        parameters = self._parameters(row, points[_ROOT_KEYPOINT])
        if vertices is None and parameters is not None and self.models is not None:
            vertices = self.models.right(parameters).vertices
        return HandLabels(
            keypoints_3d=points,
            keypoints_3d_valid=all_keypoints(),
            keypoints_2d=pixels,
            keypoints_2d_valid=all_keypoints(),
            box_xyxy_px=box_around(pixels, all_keypoints(), _SIZE_PX),
            parameters=parameters,
            vertices=vertices,
        )

    def _parameters(self, row: int, root: torch.Tensor) -> HandParameters | None:
        if self.models is None or "mano" not in self._columns:
            return None
        values = self._columns["mano"][row].astype(np.float64)
        fit = ManoFit(values[:48], values[48:58], np.zeros(3))
        at_origin = placed(fit, self.models.right, RigidTransform.identity(), flat_hand_mean=False)
        return replace(at_origin, transl=root - self.models.right(at_origin).joints[_ROOT_JOINT])

    def _build(self, out: ColumnWriter) -> None:
        for part, path in self._files.items():
            entries = stream_json(path, depth=1)
            write_numbers(out, part, entries, _SHAPES[part], path=path, dtype="f8" if part == "K" else "f4")
        _require_equal_lengths(out.read(), self._files)


def _require_equal_lengths(columns: Columns, files: dict[str, Path]) -> None:
    counts = {part: len(columns[part]) if part in columns else 0 for part in files}
    if len(set(counts.values())) > 1 or 0 in counts.values():
        place: Keys = ()
        raise DataError(
            f"{located(files['K'], place)} and the files beside it must have as many entries; got {counts}. "
            "They are of different versions."
        )
