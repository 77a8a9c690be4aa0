"""InterHand2.6M (Moon et al., ECCV 2020): studio pictures of single and interacting hands, 5 and 30 frames a second.

Annotations are in mm in a studio frame; a camera at `campos` turned by `camrot` sees `camrot @ (point - campos)`. MANO
fits are NeuralAnnot's: metres, studio frame, `flat_hand_mean=False`, the left hand's shapedirs corrected.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.arrays import Keypoints3D
from a2p.camera import Camera
from a2p.data.broken_entries import broken_keys, raise_broken, raise_if_broken
from a2p.data.columns import Columns, find_row
from a2p.data.index import open_index
from a2p.data.interhand_files import HAND_TYPES, InterHandFiles, Split, frame_key
from a2p.data.joint_orders import INTERHAND
from a2p.data.json_stream import located
from a2p.data.placement import ManoFit, RigidTransform, checked_models, model_of, placed, posed_vertices
from a2p.data.sample import SIDES, HandLabels, KeypointMask, Sample, box_around
from a2p.errors import ConfigError, DataError
from a2p.hand import HandPair, HandParameters
from a2p.hand.hand_data import Side

Subset: TypeAlias = Literal["all", "human", "machine"]
"""Annotated by people (H), by a machine (M), or both."""
_PARTS = tuple([start + joint for joint in INTERHAND] for start in (0, 21))
"""Where the right and the left hand's keypoints stand among the 42 joints, in MediaPipe's order."""


class InterHand26M:
    """One split of InterHand2.6M."""

    name = "interhand2.6m"
    license = "CC-BY-NC 4.0 (Meta Platforms): not for commercial use"

    def __init__(
        self,
        root: Path,
        *,
        split: Split = "test",
        fps: int = 5,
        subset: Subset = "all",
        models: HandPair | None = None,
        files: InterHandFiles | None = None,
        index_folder: Path | None = None,
    ) -> None:
        """Opens the split, building its index the first time (minutes for `train`).

        Args:
            root: The folder that holds `annotations` and `images`.
            split: train, val or test.
            fps: 5 or 30, where `root` holds both.
            subset: The paper's test set is `human`: the ids in `aid_human_annot_test.txt`.
            models: MANO's two hands, `flat_hand_mean=True`, to place and pose the fits; without them samples have none.
            files: The files, where they do not lie as published.
            index_folder: Where the index lives instead of the cache folder.
        """
        if subset not in get_args(Subset):
            raise ConfigError(f"subset must be one of {', '.join(get_args(Subset))}; got {subset!r}.")
        self.split: str = split
        self.files = InterHandFiles.find(root, split, fps) if files is None else files
        self.models = checked_models(models)
        self._columns = open_index(self.files.recipe(), folder=index_folder)
        self._cameras = {
            self._columns.text("camera.name", row): row for row in range(len(self._columns["camera.focal"]))
        }
        self._rows, self._broken = _selected(self._columns, self.files, subset)

    def __len__(self) -> int:
        return len(self._rows) + len(self._broken)

    def __getitem__(self, index: int) -> Sample:
        """Returns one annotation of one picture; broken annotations stand last, and are told."""
        if index >= len(self._rows):
            raise_broken(self._columns, "annotation", int(self._broken[index - len(self._rows)]))
        columns, row = self._columns, int(self._rows[index])
        image = int(columns["annotation.image"][row])
        capture, frame = int(columns["image.capture"][image]), int(columns["image.frame_idx"][image])
        camera_id = columns.text("image.camera", image)
        camera, to_camera = self._camera(capture, camera_id)
        size = (int(columns["image.width"][image]), int(columns["image.height"][image]))
        joints, known = self._joints(capture, frame, to_camera)
        shown = torch.from_numpy(np.array(columns["annotation.joint_valid"][row])) & known
        fits = self._fits(capture, frame, to_camera)
        hands = [
            self._hand(side, joints[part], known[part], shown[part], camera, size, fits[side])
            for side, part in zip(SIDES, _PARTS, strict=True)
        ]
        hand_type = HAND_TYPES[int(columns["annotation.hand_type"][row])]
        sequence = columns.text("image.seq_name", image)
        return Sample(
            dataset=self.name,
            split=self.split,
            id=str(int(columns["annotation.id"][row])),
            source_frame=f"capture {capture}, {sequence}, camera {camera_id}, frame {frame}",
            image=self.files.images / columns.text("image.file_name", image),
            size_px=size,
            camera=camera,
            hand_type=hand_type,
            right=hands[0] if hand_type != "left" else None,
            left=hands[1] if hand_type != "right" else None,
            convention="interhand",
        )

    def published_box(self, index: int) -> npt.NDArray[np.float64]:
        """Returns the annotation's own box (x0, y0, x1, y1) of all hands, px; centres of pixels at halves."""
        x, y, width, height = self._columns["annotation.bbox"][int(self._rows[index])].astype(np.float64)
        return np.array([x, y, x + width, y + height]) + 0.5

    def _hand(
        self,
        side: Side,
        joints: Keypoints3D,
        known: KeypointMask,
        shown: KeypointMask,
        camera: Camera,
        size: tuple[int, int],
        fit: HandParameters | None,
    ) -> HandLabels:
        pixels = camera.project(joints.nan_to_num(1.0)).masked_fill(~known[:, None], torch.nan)
        return HandLabels(
            keypoints_3d=joints,
            keypoints_3d_valid=known,
            keypoints_2d=pixels,
            keypoints_2d_valid=shown,
            box_xyxy_px=box_around(pixels, shown, size),
            parameters=fit,
            vertices=None if fit is None or self.models is None else posed_vertices(model_of(self.models, side), fit),
        )

    def _camera(self, capture: int, name: str) -> tuple[Camera, RigidTransform]:
        row = self._cameras.get(f"{capture}/{name}")
        if row is None:
            place = located(self.files.camera, (str(capture), "campos", name))
            raise DataError(f"{place} is missing. Download the file anew.")
        columns = self._columns
        fx, fy = columns["camera.focal"][row]
        cx, cy = columns["camera.princpt"][row] + 0.5  # published for pixels whose centres are whole numbers
        rotation = np.array(columns["camera.camrot"][row])
        position = 1e-3 * np.array(columns["camera.campos"][row])
        return Camera(float(fx), float(fy), float(cx), float(cy)), RigidTransform(rotation, -rotation @ position)

    def _joints(
        self, capture: int, frame: int, to_camera: RigidTransform
    ) -> tuple[Float[Tensor, "42 3"], Bool[Tensor, " 42"]]:
        """Returns both hands' joints in the camera frame (42, 3), NaN where unknown, and which are known."""
        place = (str(capture), str(frame))
        raise_if_broken(self._columns, "frame", frame_key(capture, frame))
        row = find_row(self._columns["frame.key"], frame_key(capture, frame))
        if row is None:
            raise DataError(f"{located(self.files.joint_3d, place)} is missing. Download the file anew.")
        known = np.array(self._columns["frame.joint_valid"][row])
        joints = 1e-3 * self._columns["frame.joints_mm"][row].astype(np.float64)
        broken = known & ~np.isfinite(joints).all(axis=1)
        if broken.any():
            keys = (*place, "world_coord", int(np.flatnonzero(broken)[0]))
            raise DataError(f"{located(self.files.joint_3d, keys)} is marked valid and is not finite. Skip the sample.")
        moved = np.where(known[:, None], to_camera(np.where(known[:, None], joints, 0.0)), np.nan)
        return torch.from_numpy(moved).float(), torch.from_numpy(known)

    def _fits(self, capture: int, frame: int, to_camera: RigidTransform) -> dict[Side, HandParameters | None]:
        fits: dict[Side, HandParameters | None] = {"right": None, "left": None}
        if self.models is None or "fit.key" not in self._columns:
            return fits
        raise_if_broken(self._columns, "fit", frame_key(capture, frame))
        row = find_row(self._columns["fit.key"], frame_key(capture, frame))
        if row is None:
            return fits
        for side, values in zip(SIDES, self._columns["fit.values"][row].astype(np.float64), strict=True):
            if np.isfinite(values).all():
                fit = ManoFit(values[:48], values[48:58], values[58:])
                fits[side] = placed(fit, model_of(self.models, side), to_camera, flat_hand_mean=False)
        return fits


def _selected(
    columns: Columns, files: InterHandFiles, subset: Subset
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the rows of the annotations of a subset that show a hand with its wrist, and its broken annotations."""
    is_usable = np.array(columns["annotation.is_usable"])
    broken = broken_keys(columns, "annotation")
    if subset == "all":
        return np.flatnonzero(is_usable), np.arange(len(broken))
    if files.human_ids is None:
        raise DataError(
            f"subset {subset!r} needs aid_human_annot_*.txt beside {files.data}. It comes with InterHand2.6M's and "
            "InterWild's code."
        )
    ids = np.array(columns["annotation.id"])
    wanted = _read_ids(files.human_ids)
    lost = wanted[~np.isin(wanted, np.concatenate([ids, broken]))]
    if len(lost):
        raise DataError(
            f"{files.human_ids} names annotation {lost[0]}, which {files.data} lacks. They are of different versions."
        )
    chosen, chosen_broken = (np.isin(known, wanted, invert=subset == "machine") for known in (ids, broken))
    return np.flatnonzero(chosen & is_usable), np.flatnonzero(chosen_broken)


def _read_ids(path: Path) -> npt.NDArray[np.int64]:
    try:
        return np.array(path.read_text().split(), dtype=np.int64)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} must hold one annotation id a line: {error}. Download it anew.") from error
