"""HIC (Tzionas et al., IJCV 2016), as published with InterWild: hands that interact, for testing only.

`HIC.json` is in COCO's form with `hand_type` and a mesh of MANO's 778 vertices for each hand (m, camera frame). There
are no joints: evaluation regresses them from the meshes.
"""

from __future__ import annotations

from pathlib import Path

import torch

from a2p.camera import Camera
from a2p.data.broken_entries import broken_keys, raise_broken
from a2p.data.coco_columns import write_coco
from a2p.data.columns import ColumnWriter
from a2p.data.fields import member, of_type
from a2p.data.index import IndexRecipe, open_index
from a2p.data.interhand_files import HAND_TYPES
from a2p.data.json_stream import Keys, located
from a2p.data.ply import read_ply_vertices
from a2p.data.sample import SIDES, HandLabels, Sample, box_around, no_keypoints, unknown_keypoints
from a2p.errors import DataError
from a2p.hand.hand_data import Side

CAMERA = Camera(525.0, 525.0, 320.0, 240.0)
"""Published as (319.5, 239.5) for pixels whose centres are whole numbers."""
MANO_VERTEX_COUNT = 778
_VERSION = 2


class Hic:
    """All of HIC."""

    name = "hic"
    license = "non-commercial research only (Max Planck Society)"

    def __init__(self, root: Path, *, index_folder: Path | None = None) -> None:
        """Opens the data set in the folder that holds `HIC.json`."""
        self.split = "test"
        self.root = root
        self._path = root / "HIC.json"
        self._columns = open_index(IndexRecipe("hic", _VERSION, (self._path,), self._build), folder=index_folder)

    def __len__(self) -> int:
        return len(self._columns["annotation.id"]) + len(broken_keys(self._columns, "annotation"))

    def __getitem__(self, index: int) -> Sample:
        """Returns one picture with the meshes of its hands; those whose annotation is broken stand last."""
        columns = self._columns
        if index >= len(columns["annotation.id"]):
            raise_broken(columns, "annotation", index - len(columns["annotation.id"]))
        image = int(columns["annotation.image"][index])
        size = (int(columns["image.width"][image]), int(columns["image.height"][image]))
        name = columns.text("image.file_name", image)
        hands = [self._hand(side, index, size) for side in SIDES]
        return Sample(
            dataset=self.name,
            split=self.split,
            id=str(int(columns["annotation.id"][index])),
            source_frame=name,
            image=self.root / name,
            size_px=size,
            camera=CAMERA,
            hand_type=HAND_TYPES[int(columns["annotation.hand_type"][index])],
            right=hands[0],
            left=hands[1],
            convention="skinning",
        )

    def _hand(self, side: Side, index: int, size: tuple[int, int]) -> HandLabels | None:
        name = self._columns.text(f"annotation.{side}", index)
        if not name:
            return None
        path = self.root / name
        points = read_ply_vertices(path)
        if len(points) != MANO_VERTEX_COUNT:
            raise DataError(f"{path} must have MANO's {MANO_VERTEX_COUNT} vertices; it has {len(points)}.")
        vertices = torch.from_numpy(points).float()
        pixels = CAMERA.project(vertices)
        return HandLabels(
            keypoints_3d=unknown_keypoints(3),
            keypoints_3d_valid=no_keypoints(),
            keypoints_2d=unknown_keypoints(2),
            keypoints_2d_valid=no_keypoints(),
            box_xyxy_px=box_around(pixels, torch.ones(len(pixels), dtype=torch.bool), size),
            vertices=vertices,
        )

    def _build(self, out: ColumnWriter) -> None:
        write_coco(out, self._path, lambda value, keys: _write_annotation(out, value, self._path, keys))


def _write_annotation(out: ColumnWriter, value: object, path: Path, keys: Keys) -> None:
    def entry(key: str) -> object:
        return member(value, key, path=path, keys=keys)

    hand_type = entry("hand_type")
    if hand_type not in HAND_TYPES:
        place = located(path, (*keys, "hand_type"))
        raise DataError(f"{place} must be one of {', '.join(HAND_TYPES)}; got {hand_type!r}. This is another file.")
    numbered = {key: of_type(entry(key), int, path=path, keys=(*keys, key)) for key in ("id", "image_id")}
    meshes = {}
    for side in SIDES:
        name = entry(f"{side}_mano_path")
        meshes[side] = "" if name is None else of_type(name, str, path=path, keys=(*keys, f"{side}_mano_path"))
        if not meshes[side] and hand_type in (side, "interacting"):
            place = located(path, (*keys, f"{side}_mano_path"))
            raise DataError(f"{place} must name a mesh, for hand_type is {hand_type}; it is null. Skip the sample.")
    for key, number in numbered.items():
        out.append(f"annotation.{key}", number, dtype="i8")
    out.append("annotation.hand_type", HAND_TYPES.index(hand_type), dtype="u1")
    for side, text in meshes.items():
        out.append_text(f"annotation.{side}", text)
