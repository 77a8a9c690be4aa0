"""Re:InterHand (Moon et al., NeurIPS 2023): relighted renderings of two hands, from studio cameras and from a headset.

Joints (24 a hand) and camera translations are in mm, MANO fits (`flat_hand_mean=False`) in metres, both in the studio's
frame: a camera sees `R @ point + t`. The headset's fisheye lens has four coefficients `D`; its pictures are left bent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast

import numpy as np
import torch

from a2p.camera import Camera
from a2p.data.columns import ColumnWriter
from a2p.data.fields import member, numbers
from a2p.data.fisheye import Fisheye
from a2p.data.index import IndexRecipe, open_index
from a2p.data.joint_orders import REINTERHAND
from a2p.data.json_stream import Keys, read_json, read_members
from a2p.data.placement import ManoFit, RigidTransform, checked_models, model_of, placed, posed_vertices
from a2p.data.sample import SIDES, HandLabels, Sample, all_keypoints, box_around, picture_size
from a2p.errors import ConfigError, DataError
from a2p.hand import HandPair
from a2p.hand.hand_data import Side

Split: TypeAlias = Literal["train", "test"]
View: TypeAlias = Literal["third_person", "ego"]
TEST_CAPTURES = (
    "m--20221215--0949--RNS217--pilot--ProjectGoliathScript--Hands--two-hands",
    "m--20221216--0953--NKC880--pilot--ProjectGoliathScript--Hands--two-hands",
    "m--20230317--1130--QZX685--pilot--ProjectGoliath--Hands--two-hands",
)
MIN_IN_PICTURE = 0.2
"""A headset frame with a smaller share of joints in the picture (`truncation_ratio`) is left out, as by InterWild."""
_VERSION = 1


@dataclass(frozen=True)
class View3d:
    """How one picture sees the studio."""

    camera: Camera
    fisheye: Fisheye | None
    to_camera: RigidTransform


class ReInterHand:
    """One split of Re:InterHand, from one kind of camera."""

    name = "reinterhand"
    license = "CC-BY-NC 4.0 (Meta Platforms): not for commercial use"

    def __init__(
        self,
        root: Path,
        *,
        split: Split = "test",
        view: View = "third_person",
        envmap: str = "envmap_per_frame",
        models: HandPair | None = None,
        index_folder: Path | None = None,
    ) -> None:
        """Lists the pictures of the split the first time.

        Args:
            root: The folder that holds the captures (`m--...`).
            split: `test` is the three published captures, `train` all others.
            view: `third_person` (Mugsy_cameras) or `ego` (Ego_cameras).
            envmap: `envmap_per_frame` or `envmap_per_segment`: how the light changes.
            models: MANO's hands (`flat_hand_mean=True`), without which samples have no fits.
            index_folder: Where the index lives instead of the cache folder.
        """
        if view not in ("third_person", "ego"):
            raise ConfigError(f"view must be 'third_person' or 'ego'; got {view!r}.")
        self.split: str = split
        self.view: View = view
        self.root = root
        self.models = checked_models(models)
        self._envmap = envmap
        self._studio_cameras: dict[str, dict[str, object]] = {}
        found = sorted(path.name for path in root.glob("m--*") if path.is_dir())
        self._captures = [name for name in found if (name in TEST_CAPTURES) == (split == "test")]
        if not self._captures:
            raise DataError(f"{root} has no capture (m--*) of split {split!r}. `a2p data check` says how to get them.")
        recipe = IndexRecipe(f"reinterhand-{view}", _VERSION, tuple(self._sources()), self._build)
        self._columns = open_index(recipe, folder=index_folder)

    def __len__(self) -> int:
        return len(self._columns["frame"])

    def __getitem__(self, index: int) -> Sample:
        """Returns one picture of two hands."""
        columns = self._columns
        capture = columns.text("capture", index)
        camera_name, frame = columns.text("camera", index), int(columns["frame"][index])
        folder = self.root / capture
        image = self._pictures(capture) / camera_name / f"{frame:06d}.png"
        view = self._view3d(capture, camera_name, frame)
        size = picture_size(image)
        right, left = (self._hand(side, folder, frame, view, size) for side in SIDES)
        return Sample(
            dataset=self.name,
            split=self.split,
            id=f"{capture}/{camera_name or 'ego'}/{frame:06d}",
            source_frame=f"{capture}, {f'camera {camera_name}' if camera_name else 'headset'}, frame {frame}",
            image=image,
            size_px=size,
            camera=view.camera,
            fisheye=view.fisheye,
            hand_type="interacting",
            right=right,
            left=left,
            convention="interhand",
        )

    def _hand(self, side: Side, folder: Path, frame: int, view: View3d, size: tuple[int, int]) -> HandLabels:
        path = folder / "orig_fits" / side / "Keypoints" / f"keypoint-{frame:06d}.json"
        joints = 1e-3 * numbers(read_json(path), (24, 3), path=path)[list(REINTERHAND)]
        points = torch.from_numpy(view.to_camera(joints)).float()
        flat = view.camera.project(points) if view.fisheye is None else view.fisheye.project(points, view.camera)
        in_front = points[:, 2] > 0
        pixels = flat.masked_fill(~in_front[:, None], torch.nan)
        shown = in_front & ((flat >= 0) & (flat < torch.tensor(size))).all(dim=-1)
        parameters = vertices = None
        if self.models is not None:
            model = model_of(self.models, side)
            fit = _read_fit(folder / "mano_fits" / "params" / f"{frame}_{side}.json")
            parameters = placed(fit, model, view.to_camera, flat_hand_mean=False)
            vertices = posed_vertices(model, parameters)
        return HandLabels(
            keypoints_3d=points,
            keypoints_3d_valid=all_keypoints(),
            keypoints_2d=pixels,
            keypoints_2d_valid=shown,
            box_xyxy_px=box_around(pixels, shown, size),
            parameters=parameters,
            vertices=vertices,
        )

    def _pictures(self, capture: str) -> Path:
        cameras = "Mugsy_cameras" if self.view == "third_person" else "Ego_cameras"
        return self.root / capture / cameras / self._envmap / "images"

    def _view3d(self, capture: str, camera: str, frame: int) -> View3d:
        if self.view == "ego":
            path = self._pictures(capture).parent / "cam_params" / f"{frame:06d}.json"
            return _view3d(read_members(path), path, ())
        path = self.root / capture / "Mugsy_cameras" / "cam_params.json"
        if capture not in self._studio_cameras:
            self._studio_cameras[capture] = read_members(path)
        return _view3d(member(self._studio_cameras[capture], camera, path=path), path, (camera,))

    def _sources(self) -> list[Path]:
        """Returns the folders whose names make the index, and the files that select among them."""
        if self.view == "ego":
            folders = [self._pictures(capture).parent for capture in self._captures]
            return [path for folder in folders for path in (folder / "images", folder / "truncation_ratio.json")]
        images = [self._pictures(capture) for capture in self._captures]
        cameras = [path for folder in images if folder.is_dir() for path in sorted(folder.iterdir())]
        return [*images, *cameras]

    def _build(self, out: ColumnWriter) -> None:
        for capture in self._captures:
            images = self._pictures(capture)
            kept = self._kept_frames(images.parent / "truncation_ratio.json")
            cameras = sorted(path.name for path in images.iterdir()) if self.view == "third_person" else [""]
            for camera in cameras:
                for frame in sorted(int(path.stem) for path in (images / camera).glob("*.png")):
                    if kept is None or frame in kept:
                        out.append_text("capture", capture)
                        out.append_text("camera", camera)
                        out.append("frame", frame, dtype="i8")
        if "frame" not in out.specs:
            raise DataError(
                f"{self.root} has captures of split {self.split!r}, but no {self.view} pictures in them. "
                "`a2p data check` says how to get them."
            )

    def _kept_frames(self, path: Path) -> set[int] | None:
        """Returns the frames that show enough of the hands; None for all."""
        if self.view == "third_person":
            return None
        ratios = cast("dict[str, float]", read_members(path))
        return {int(frame) for frame, ratio in ratios.items() if ratio >= MIN_IN_PICTURE}


def _view3d(content: object, path: Path, keys: Keys) -> View3d:
    def part(key: str, shape: tuple[int, ...]) -> np.ndarray:
        return numbers(member(content, key, path=path, keys=keys), shape, path=path, keys=(*keys, key))

    fx, fy = part("focal", (2,)).tolist()
    cx, cy = (part("princpt", (2,)) + 0.5).tolist()  # published for pixels whose centres are whole numbers
    fisheye = None
    if isinstance(content, dict) and "D" in content:
        fisheye = Fisheye(*part("D", (4,)).tolist())
    to_camera = RigidTransform(part("R", (3, 3)), 1e-3 * part("t", (3,)))
    return View3d(Camera(fx, fy, cx, cy), fisheye, to_camera)


def _read_fit(path: Path) -> ManoFit:
    content = read_members(path)
    return ManoFit(
        *(
            numbers(member(content, key, path=path), (size,), path=path, keys=(key,))
            for key, size in (("pose", 48), ("shape", 10), ("trans", 3))
        )
    )
