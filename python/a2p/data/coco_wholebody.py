"""COCO-WholeBody (Jin et al., ECCV 2020): pictures from everywhere with 2D hand keypoints, a person a sample.

`{left,right}hand_kpts` are 21 times (x, y, score), wrist first, then thumb to pinky, base to tip; `_box` is x, y,
width, height. InterWild's MANO fits, where they are there, come with a virtual camera for each hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from a2p.camera import Camera
from a2p.data.broken_entries import broken_keys, note_broken, raise_broken, raise_if_broken
from a2p.data.coco_columns import write_coco
from a2p.data.columns import ColumnWriter, find_row
from a2p.data.fields import member, numbers, of_type
from a2p.data.index import IndexRecipe, open_index
from a2p.data.json_stream import Keys, stream_json
from a2p.data.placement import ManoFit, RigidTransform, checked_models, model_of, placed, posed_vertices
from a2p.data.sample import SIDES, Box, HandLabels, Sample, no_keypoints, unknown_keypoints
from a2p.errors import DataError
from a2p.hand import HandPair
from a2p.hand.hand_data import Side

Split: TypeAlias = Literal["train", "val"]
_VERSION = 2
_FIT_PARTS = (
    ("mano_param", "pose", 48),
    ("mano_param", "shape", 10),
    ("mano_param", "trans", 3),
    ("cam_param", "focal", 2),
    ("cam_param", "princpt", 2),
)


@dataclass(frozen=True)
class CocoWholeBodyFiles:
    """The files of one split."""

    annotations: Path
    images: Path
    fits: Path | None = None
    """`MSCOCO_train_MANO_NeuralAnnot.json`, where it is there."""

    @classmethod
    def find(cls, root: Path, split: Split) -> CocoWholeBodyFiles:
        """Returns the files under a folder with `annotations` and `images`, or COCO's own `{split}2017`.

        A folder with one `*_coco_wholebody.json` beside its pictures, as extracts come, counts as any split.
        """
        extracts = sorted(root.glob("*_coco_wholebody.json"))
        if len(extracts) == 1:
            return cls(extracts[0], root)
        folder = root / "annotations"
        fits = folder / f"MSCOCO_{split}_MANO_NeuralAnnot.json"
        images = root / "images" / f"{split}2017"
        return cls(
            annotations=folder / f"coco_wholebody_{split}_v1.0.json",
            images=images if images.is_dir() else root / f"{split}2017",
            fits=fits if fits.is_file() else None,
        )

    def recipe(self) -> IndexRecipe:
        """Returns how the index of these files is made."""
        sources = (self.annotations,) if self.fits is None else (self.annotations, self.fits)
        return IndexRecipe("coco-wholebody", _VERSION, sources, self._build)

    def _build(self, out: ColumnWriter) -> None:
        write_coco(out, self.annotations, lambda value, keys: _write_person(out, value, self.annotations, keys))
        if self.fits is not None:
            _write_fits(out, self.fits)


class CocoWholeBody:
    """The people of one split of whom a hand is annotated."""

    name = "coco_wholebody"
    license = "research and non-commercial use only; pictures under their Flickr licences"

    def __init__(
        self,
        root: Path,
        *,
        split: Split = "val",
        models: HandPair | None = None,
        files: CocoWholeBodyFiles | None = None,
        index_folder: Path | None = None,
    ) -> None:
        """Opens the split; `models` are MANO's hands (`flat_hand_mean=True`), without which samples have no fits."""
        self.split: str = split
        self.files = CocoWholeBodyFiles.find(root, split) if files is None else files
        self.models = checked_models(models)
        self._columns = open_index(self.files.recipe(), folder=index_folder)

    def __len__(self) -> int:
        return len(self._columns["annotation.id"]) + len(broken_keys(self._columns, "annotation"))

    def __getitem__(self, index: int) -> Sample:
        """Returns one person; those whose annotation is broken stand last, and are told."""
        columns = self._columns
        if index >= len(columns["annotation.id"]):
            raise_broken(columns, "annotation", index - len(columns["annotation.id"]))
        image, person = int(columns["annotation.image"][index]), int(columns["annotation.id"][index])
        is_valid = columns["annotation.is_valid"][index]
        hands = [self._hand(side, row, index, person) if is_valid[row] else None for row, side in enumerate(SIDES)]
        return Sample(
            dataset=self.name,
            split=self.split,
            id=str(person),
            source_frame=f"image {int(columns['image.id'][image])}, person {person}",
            image=self.files.images / columns.text("image.file_name", image),
            size_px=(int(columns["image.width"][image]), int(columns["image.height"][image])),
            camera=None,
            hand_type="interacting" if all(is_valid) else "right" if is_valid[0] else "left",
            right=hands[0],
            left=hands[1],
            convention="mediapipe",
        )

    def _hand(self, side: Side, row: int, index: int, person: int) -> HandLabels:
        keypoints = torch.from_numpy(np.array(self._columns["annotation.keypoints"][index, row]))
        shown = keypoints[:, 2] > 0
        # Clicks name pixels by whole numbers; boxes are edges already.
        pixels = (keypoints[:, :2] + 0.5).masked_fill(~shown[:, None], torch.nan)
        x, y, width, height = self._columns["annotation.box"][index, row].tolist()
        box: Box | None = (x, y, x + width, y + height) if width > 2.0 and height > 2.0 else None
        labels = HandLabels(
            keypoints_3d=unknown_keypoints(3),
            keypoints_3d_valid=no_keypoints(),
            keypoints_2d=pixels,
            keypoints_2d_valid=shown,
            box_xyxy_px=box,
        )
        return self._with_fit(labels, side, row, person)

    def _with_fit(self, labels: HandLabels, side: Side, row: int, person: int) -> HandLabels:
        if self.models is None or "fit.id" not in self._columns:
            return labels
        raise_if_broken(self._columns, "fit", person)
        fit_row = find_row(self._columns["fit.id"], person)
        if fit_row is None:
            return labels
        values = self._columns["fit.values"][fit_row, row].astype(np.float64)
        if not np.isfinite(values).all():
            return labels
        model = model_of(self.models, side)
        fit = ManoFit(values[:48], values[48:58], values[58:61])
        parameters = placed(fit, model, RigidTransform.identity(), flat_hand_mean=False)
        fx, fy, cx, cy = values[61:].tolist()
        return replace(
            labels,
            parameters=parameters,
            vertices=posed_vertices(model, parameters),
            camera=Camera(fx, fy, cx + 0.5, cy + 0.5),
        )


def _write_person(out: ColumnWriter, value: object, path: Path, keys: Keys) -> None:
    def entry(key: str) -> object:
        return member(value, key, path=path, keys=keys)

    is_valid = [
        of_type(entry(f"{side}hand_valid"), bool, path=path, keys=(*keys, f"{side}hand_valid")) for side in SIDES
    ]
    if entry("iscrowd") or not any(is_valid):
        return
    numbered = {key: of_type(entry(key), int, path=path, keys=(*keys, key)) for key in ("id", "image_id")}
    boxes = [numbers(entry(f"{side}hand_box"), (4,), path=path, keys=(*keys, f"{side}hand_box")) for side in SIDES]
    keypoints = [
        numbers(entry(f"{side}hand_kpts"), (21, 3), path=path, keys=(*keys, f"{side}hand_kpts")) for side in SIDES
    ]
    for key, number in numbered.items():
        out.append(f"annotation.{key}", number, dtype="i8")
    out.append("annotation.is_valid", np.array(is_valid), dtype="?")
    out.append("annotation.box", np.stack(boxes), dtype="f4")
    out.append("annotation.keypoints", np.stack(keypoints), dtype="f4")


def _write_fits(out: ColumnWriter, path: Path) -> None:
    """Writes pose, shape, translation, focal length and principal point of each hand; NaN without a fit."""
    ids, rows = [], []
    for keys, value in stream_json(path, depth=1):
        try:
            row = _fits_of(value, path, keys)
        except DataError as error:
            note_broken(out, "fit", int(keys[0]), error)
            continue
        ids.append(int(keys[0]))
        rows.append(row)
    order = np.argsort(np.array(ids, dtype=np.int64), kind="stable")
    out.whole("fit.id", np.array(ids, dtype=np.int64)[order])
    out.whole("fit.values", np.array(rows, dtype=np.float32).reshape(-1, 2, 65)[order])


def _fits_of(value: object, path: Path, keys: Keys) -> npt.NDArray[np.float32]:
    row = np.full((2, 65), np.nan, dtype=np.float32)
    for number, side in enumerate(SIDES):
        hand = member(value, side, path=path, keys=keys)
        if hand is not None:
            row[number] = np.concatenate([_part(hand, *part, path, (*keys, side)) for part in _FIT_PARTS])
    return row


def _part(hand: object, group: str, key: str, size: int, path: Path, keys: Keys) -> np.ndarray:
    content = member(member(hand, group, path=path, keys=keys), key, path=path, keys=(*keys, group))
    return numbers(content, (size,), path=path, keys=(*keys, group, key))
