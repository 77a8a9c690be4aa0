"""The data sets by name: how each is opened, where it comes from, what belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from a2p.data.coco_wholebody import CocoWholeBody
from a2p.data.duet_images.dataset import SAMPLES, Duet
from a2p.data.freihand import FreiHand
from a2p.data.hand_graph_cnn import HandGraphCnn
from a2p.data.hic import Hic
from a2p.data.ho3d import Ho3d
from a2p.data.interhand import InterHand26M
from a2p.data.reinterhand import ReInterHand
from a2p.data.sample import HandDataset
from a2p.errors import ConfigError
from a2p.hand import HandPair

Opener = Callable[[Path, str, "HandPair | None"], HandDataset]
"""Opens a split of the data set in a folder; the models place MANO fits."""


@dataclass(frozen=True)
class SplitEntry:
    """What is known of one split before it is opened."""

    name: str
    published_count: int | None
    """Samples as published; None where nobody states it."""
    needs: tuple[str, ...]
    """Files and folders without which the split cannot be opened, relative to the data set's folder."""


@dataclass(frozen=True)
class DatasetEntry:
    """One data set as the command line knows it."""

    name: str
    title: str
    license: str
    page: str
    """The official page."""
    how: str
    """What to get there and where to put it."""
    splits: tuple[SplitEntry, ...]
    open: Opener
    extras: tuple[tuple[str, str], ...] = ()
    """Files that add labels, and what they add."""

    def split(self, name: str | None) -> str:
        """Returns the split of this name, or the default, the last."""
        names = [split.name for split in self.splits]
        if name is not None and name not in names:
            raise ConfigError(f"split of {self.name} must be one of {', '.join(names)}; got {name!r}.")
        return names[-1] if name is None else name


def open_dataset(name: str, root: Path, *, split: str | None = None, models: HandPair | None = None) -> HandDataset:
    """Returns a split of a data set by its name; the test split where none is named."""
    entry = entry_of(name)
    return entry.open(root, entry.split(split), models)


def entry_of(name: str) -> DatasetEntry:
    """Returns the data set of this name."""
    if name not in CATALOGUE:
        raise ConfigError(f"a data set must be one of {', '.join(CATALOGUE)}; got {name!r}.")
    return CATALOGUE[name]


def _interhand(subset: str) -> Opener:
    def opened(root: Path, split: str, models: HandPair | None) -> HandDataset:
        return InterHand26M(root, split=cast("Any", split), subset=cast("Any", subset), models=models)

    return opened


def _reinterhand(view: str) -> Opener:
    def opened(root: Path, split: str, models: HandPair | None) -> HandDataset:
        return ReInterHand(root, split=cast("Any", split), view=cast("Any", view), models=models)

    return opened


def _interhand_splits(counts: tuple[int | None, ...], *extra: str) -> tuple[SplitEntry, ...]:
    parts = ("data", "camera", "joint_3d")
    return tuple(
        SplitEntry(
            split,
            count,
            (
                *(f"annotations/{split}/InterHand2.6M_{split}_{part}.json" for part in parts),
                f"images/{split}",
                *(name.format(split=split) for name in extra),
            ),
        )
        for split, count in zip(("train", "val", "test"), counts, strict=True)
    )


_INTERHAND_HOW = "accept the terms, get images (5 or 30 fps) and annotations v1.0, unpack into one folder"
_INTERHAND_PAGE = "https://mks0601.github.io/InterHand2.6M/"
_IDS = "aid_human_annot_{split}.txt"
_FITS = ("annotations/{split}/InterHand2.6M_{split}_MANO_NeuralAnnot.json", "meshes and hand parameters")

CATALOGUE: dict[str, DatasetEntry] = {
    entry.name: entry
    for entry in (
        DatasetEntry(
            "interhand2.6m",
            "InterHand2.6M (H+M)",
            InterHand26M.license,
            _INTERHAND_PAGE,
            _INTERHAND_HOW,
            _interhand_splits((1_361_062, 380_125, 849_160)),
            _interhand("all"),
            (_FITS,),
        ),
        DatasetEntry(
            "interhand2.6m-human",
            "InterHand2.6M, annotated by people (H): the paper's test set",
            InterHand26M.license,
            _INTERHAND_PAGE,
            f"{_INTERHAND_HOW}; {_IDS.format(split='*')} come with InterWild's code",
            _interhand_splits((None, None, 121_573), _IDS),
            _interhand("human"),
            (_FITS,),
        ),
        DatasetEntry(
            "reinterhand",
            "Re:InterHand, studio cameras",
            ReInterHand.license,
            "https://mks0601.github.io/ReInterHand/",
            "run the download script there for Mugsy_cameras, orig_fits and mano_fits of every capture",
            (SplitEntry("train", None, ("m--*/Mugsy_cameras/cam_params.json",)), SplitEntry("test", None, ("m--*",))),
            _reinterhand("third_person"),
        ),
        DatasetEntry(
            "reinterhand-ego",
            "Re:InterHand, headset",
            ReInterHand.license,
            "https://mks0601.github.io/ReInterHand/",
            "run the download script there for Ego_cameras, orig_fits and mano_fits of every capture",
            (
                SplitEntry("train", None, ("m--*/Ego_cameras/*/truncation_ratio.json",)),
                SplitEntry("test", None, ("m--*/Ego_cameras/*/truncation_ratio.json",)),
            ),
            _reinterhand("ego"),
        ),
        DatasetEntry(
            "coco_wholebody",
            "COCO-WholeBody",
            CocoWholeBody.license,
            "https://github.com/jin-s13/COCO-WholeBody",
            "annotations v1.0 from there into annotations/, train2017 and val2017 of cocodataset.org into images/",
            tuple(
                SplitEntry(split, None, (f"annotations/coco_wholebody_{split}_v1.0.json", f"images/{split}2017"))
                for split in ("train", "val")
            ),
            lambda root, split, models: CocoWholeBody(root, split=cast("Any", split), models=models),
            (("annotations/MSCOCO_train_MANO_NeuralAnnot.json", "hand parameters, from InterWild's page"),),
        ),
        DatasetEntry(
            "freihand",
            "FreiHAND",
            FreiHand.license,
            "https://lmb.informatik.uni-freiburg.de/projects/freihand/",
            "FreiHAND_pub_v2.zip and FreiHAND_pub_v2_eval.zip, unpacked into one folder",
            (
                SplitEntry(
                    "training",
                    4 * 32_560,
                    ("training_K.json", "training_mano.json", "training_xyz.json", "training/rgb"),
                ),
                SplitEntry("evaluation", 3_960, ("evaluation_K.json", "evaluation/rgb")),
            ),
            lambda root, split, models: FreiHand(root, split=cast("Any", split), models=models),
            (("*_verts.json", "meshes"), ("evaluation_xyz.json", "truth of the evaluation split")),
        ),
        DatasetEntry(
            "ho3d",
            "HO-3D v2 or v3",
            Ho3d.license,
            "https://github.com/shreyashampali/ho3d",
            "the archive of one version, unpacked",
            (
                SplitEntry("train", None, ("train.txt", "train")),
                SplitEntry("evaluation", None, ("evaluation.txt", "evaluation")),
            ),
            lambda root, split, models: Ho3d(root, split=cast("Any", split), models=models),
            (("evaluation_xyz.json", "truth of the evaluation split"), ("evaluation_verts.json", "its meshes")),
        ),
        DatasetEntry(
            "hic",
            "HIC, as published with InterWild",
            Hic.license,
            "https://github.com/facebookresearch/InterWild",
            "run data/HIC/download.py there: sequences 01 to 21, HIC.json and the MANO fits",
            (SplitEntry("test", None, ("HIC.json",)),),
            lambda root, _, __: Hic(root),
        ),
        DatasetEntry(
            "hand_graph_cnn",
            "hand-graph-cnn, real-world test set",
            HandGraphCnn.license,
            "https://github.com/3d-hand-shape/hand-graph-cnn",
            "data/real_world_testset there, with joints.json beside the pictures (docs/datasets.md has its form)",
            (SplitEntry("test", 583, ("joints.json",)),),
            lambda root, _, __: HandGraphCnn(root),
        ),
        DatasetEntry(
            "duet",
            "duet: pictures that a2p renders",
            Duet.license,
            "made by a2p itself: docs/duet_images.md",
            "nothing to get: `a2p evaluate duet` makes 256 pairs once; `a2p data duet --seed 1 -o FOLDER` makes more",
            (SplitEntry("test", SAMPLES, ("duet-*.npz",)),),
            lambda root, _, __: Duet(root),
        ),
    )
}
