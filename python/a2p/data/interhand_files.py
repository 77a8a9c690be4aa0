"""Where InterHand2.6M keeps its files, and what its annotations look like as columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from a2p.data.broken_entries import note_broken
from a2p.data.coco_columns import write_coco
from a2p.data.columns import Columns, ColumnWriter
from a2p.data.fields import maybe_numbers, member, numbers, of_type
from a2p.data.index import IndexRecipe
from a2p.data.json_stream import Keys, located, stream_json
from a2p.data.sample import HandType
from a2p.errors import DataError

Split: TypeAlias = Literal["train", "val", "test"]
HAND_TYPES: tuple[HandType, ...] = ("right", "left", "interacting")
_VERSION = 3
_WRISTS = (20, 41)


@dataclass(frozen=True)
class InterHandFiles:
    """The files of one split."""

    data: Path
    camera: Path
    joint_3d: Path
    images: Path
    """The folder that `file_name` starts from."""
    mano: Path | None = None
    """NeuralAnnot's fits, where they are there."""
    human_ids: Path | None = None
    """`aid_human_annot_{split}.txt`: the annotations made by people (H); all others were made by a machine (M)."""

    @classmethod
    def find(cls, root: Path, split: Split, fps: int = 5) -> InterHandFiles:
        """Returns the files under the data set's folder, or under its `InterHand2.6M_{fps}fps_batch1`.

        A folder with one `*_data.json` beside its pictures, as extracts come, counts as whatever split is asked for.
        """
        extracts = sorted(root.glob("*_data.json"))
        if len(extracts) == 1:
            stem = str(extracts[0]).removesuffix("_data.json")
            mano = Path(f"{stem}_MANO_NeuralAnnot.json")
            data, camera, joint_3d = (Path(f"{stem}_{part}.json") for part in ("data", "camera", "joint_3d"))
            return cls(data, camera, joint_3d, root, mano if mano.is_file() else None)
        batch = root / f"InterHand2.6M_{fps}fps_batch1"
        base = batch if batch.is_dir() else root
        folder = base / "annotations" / split
        stem = f"InterHand2.6M_{split}"
        mano = folder / f"{stem}_MANO_NeuralAnnot.json"
        ids = f"aid_human_annot_{split}.txt"
        places = [place / ids for place in (folder, base / "annotations", base, root)]
        return cls(
            data=folder / f"{stem}_data.json",
            camera=folder / f"{stem}_camera.json",
            joint_3d=folder / f"{stem}_joint_3d.json",
            images=base / "images" / split,
            mano=mano if mano.is_file() else None,
            human_ids=next((place for place in places if place.is_file()), None),
        )

    def recipe(self) -> IndexRecipe:
        """Returns how the index of these files is made."""
        sources = [self.data, self.camera, self.joint_3d] + ([self.mano] if self.mano is not None else [])
        return IndexRecipe("interhand26m", _VERSION, tuple(sources), self._build)

    def _build(self, out: ColumnWriter) -> None:
        write_coco(
            out,
            self.data,
            lambda value, keys: _write_annotation(out, value, self.data, keys),
            lambda value, keys: _write_capture(out, value, self.data, keys),
        )
        _write_cameras(out, self.camera)
        _write_joints(out, self.joint_3d)
        if self.mano is not None:
            _write_fits(out, self.mano)
        out.whole("annotation.is_usable", _usable(out.read()))


def frame_key(capture: int, frame: int) -> int:
    """Returns the number by which frames are looked up."""
    return (capture << 40) | frame


def _write_capture(out: ColumnWriter, value: object, path: Path, keys: Keys) -> None:
    """Writes what InterHand2.6M's images have beside COCO's."""
    for key in ("capture", "frame_idx"):
        number = of_type(member(value, key, path=path, keys=keys), int, path=path, keys=(*keys, key))
        out.append(f"image.{key}", number, dtype="i4")
    for key in ("seq_name", "camera"):
        out.append_text(f"image.{key}", str(member(value, key, path=path, keys=keys)))


def _write_annotation(out: ColumnWriter, value: object, path: Path, keys: Keys) -> None:
    def entry(key: str) -> object:
        return member(value, key, path=path, keys=keys)

    hand_type = entry("hand_type")
    if hand_type not in HAND_TYPES:
        place = located(path, (*keys, "hand_type"))
        raise DataError(f"{place} must be one of {', '.join(HAND_TYPES)}; got {hand_type!r}. Skip the sample.")
    numbered = {key: of_type(entry(key), int, path=path, keys=(*keys, key)) for key in ("id", "image_id")}
    box = numbers(entry("bbox"), (4,), path=path, keys=(*keys, "bbox"))
    valid = numbers(entry("joint_valid"), (42,), path=path, keys=(*keys, "joint_valid")) > 0
    for key, number in numbered.items():
        out.append(f"annotation.{key}", number, dtype="i8")
    out.append("annotation.hand_type", HAND_TYPES.index(hand_type), dtype="u1")
    out.append("annotation.bbox", box, dtype="f4")
    out.append("annotation.joint_valid", valid, dtype="?")


def _write_cameras(out: ColumnWriter, path: Path) -> None:
    shapes = {"campos": (3,), "camrot": (3, 3), "focal": (2,), "princpt": (2,)}
    for keys, value in stream_json(path, depth=1):
        for camera in member(value, "campos", path=path, keys=keys):
            out.append_text("camera.name", f"{keys[0]}/{camera}")
            for key, shape in shapes.items():
                place = (*keys, key, camera)
                content = member(member(value, key, path=path, keys=keys), camera, path=path, keys=(*keys, key))
                out.append(f"camera.{key}", numbers(content, shape, path=path, keys=place), dtype="f8")


def _write_joints(out: ColumnWriter, path: Path) -> None:
    """Writes the frames in the order of their keys, so that lookups are binary searches."""
    keys_of, joints, valids = [], [], []
    for keys, value in stream_json(path, depth=2):
        key = frame_key(int(keys[0]), int(keys[1]))
        try:
            coordinates = member(value, "world_coord", path=path, keys=keys)
            points = maybe_numbers(coordinates, (42, 3), path=path, keys=(*keys, "world_coord")).astype("f4")
            valid = numbers(
                member(value, "joint_valid", path=path, keys=keys), (42,), path=path, keys=(*keys, "joint_valid")
            )
        except DataError as error:
            note_broken(out, "frame", key, error)
            continue
        keys_of.append(key)
        joints.append(points)
        valids.append(valid > 0)
    order = np.argsort(np.array(keys_of, dtype=np.int64), kind="stable")
    out.whole("frame.key", np.array(keys_of, dtype=np.int64)[order])
    out.whole("frame.joints_mm", np.array(joints, dtype=np.float32).reshape(-1, 42, 3)[order])
    out.whole("frame.joint_valid", np.array(valids, dtype=np.bool_).reshape(-1, 42)[order])


def _write_fits(out: ColumnWriter, path: Path) -> None:
    """Writes pose, shape and translation of both hands of each frame; NaN for a hand without a fit."""
    keys_of, fits = [], []
    for keys, value in stream_json(path, depth=2):
        key = frame_key(int(keys[0]), int(keys[1]))
        try:
            fit = _fits_of(value, path, keys)
        except DataError as error:
            note_broken(out, "fit", key, error)
            continue
        keys_of.append(key)
        fits.append(fit)
    order = np.argsort(np.array(keys_of, dtype=np.int64), kind="stable")
    out.whole("fit.key", np.array(keys_of, dtype=np.int64)[order])
    out.whole("fit.values", np.array(fits, dtype=np.float32).reshape(-1, 2, 61)[order])


def _fits_of(value: object, path: Path, keys: Keys) -> npt.NDArray[np.float32]:
    fit = np.full((2, 61), np.nan, dtype=np.float32)
    for row, side in enumerate(("right", "left")):
        hand = member(value, side, path=path, keys=keys)
        if hand is not None:
            fit[row] = _fit(hand, path, (*keys, side))
    return fit


def _fit(hand: object, path: Path, keys: Keys) -> npt.NDArray[np.float64]:
    parts = [
        numbers(member(hand, key, path=path, keys=keys), (size,), path=path, keys=(*keys, key))
        for key, size in (("pose", 48), ("shape", 10), ("trans", 3))
    ]
    return np.concatenate(parts)


def _usable(written: Columns) -> npt.NDArray[np.bool_]:
    """Returns whether an annotation has a joint of a hand whose wrist is valid, in the picture."""
    valid = written["annotation.joint_valid"]
    hands = [
        valid[:, start : start + 21].any(axis=1) & valid[:, wrist]
        for start, wrist in zip((0, 21), _WRISTS, strict=True)
    ]
    usable: npt.NDArray[np.bool_] = hands[0] | hands[1]
    return usable
