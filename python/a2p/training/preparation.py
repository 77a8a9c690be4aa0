"""From pairs of hands, clean and as an estimator saw them, to what the denoiser is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from a2p.data.duet import DuetPairs
from a2p.data.duet.shards import read_shard
from a2p.hand import HandModel, HandPair
from a2p.hand.keypoints import FINGERTIP_VERTICES
from a2p.penetration import FusedPenetration
from a2p.plausibility.compliance import Collision
from a2p.plausibility.condition import SeenPair, pair_condition
from a2p.plausibility.representation import PairCodec, frame_of
from a2p.training.estimates import EstimatedPairs, drawn_estimates, fitted_estimates
from a2p.training.prepared_pairs import HELD_OUT_FILE, PointRig, PreparedPairs
from a2p.training.touching_pairs import touching_pairs

_CHUNK = 256
"""Pairs that are estimated together."""


class PairPreparation:
    """Prepares pairs of two hand models."""

    def __init__(self, models: HandPair) -> None:
        self.models = models
        self.codec = PairCodec(models)
        self.step = FusedPenetration(models.right, models.left)

    def rig(self) -> PointRig:
        """Returns the right hand's keypoints at rest."""
        model, tips = self.models.right, list(FINGERTIP_VERTICES)
        return PointRig(
            torch.cat([model.J_template, model.v_template[tips]]),
            torch.cat([model.J_shapedirs, model.shapedirs[tips]]),
        )

    @torch.no_grad()
    def __call__(self, pairs: EstimatedPairs) -> PreparedPairs:
        """Returns the pairs as numbers, in float32."""
        right, left = pairs.estimate
        points = self.codec.points(right, left)
        frame = frame_of(points, has_camera=True)
        seen = SeenPair(right, left, points, frame, Collision.of(self.step, right, left))
        condition = pair_condition(self.codec, seen, weights=pairs.weights, keypoints_seen=pairs.keypoints_seen)
        clean = self.codec.encode(*pairs.clean, frame)
        return PreparedPairs(clean, condition.numbers, condition.joints, condition.pair)


def prepare_duet(source: Path, out: Path, *, draws: int = 8, fitted_every: int = 8) -> Iterator[Path]:
    """Prepares a folder of duet pairs, shard by shard, and yields each file that it writes; shards that exist stay.

    The first shard is held out. Every pair gets `draws` draws of an estimator's errors, and one of `fitted_every` also
    a fit to its keypoints.
    """
    writer = _Writer(out)
    for number, shard in enumerate(sorted(source.glob("duet-*.npz"))):
        path = out / (HELD_OUT_FILE if number == 0 else f"shard-b-{shard.stem}.safetensors")
        if not path.is_file():
            writer.write(read_shard(shard), path, draws, fitted_every)
            yield path


def prepare_touching(out: Path, shards: int, *, seed: int, draws: int = 6, fitted_every: int = 32) -> Iterator[Path]:
    """Prepares shards of 1,024 pairs that touch anywhere, and yields each file that it writes; shards that exist stay.

    The names come before those of duet pairs.
    """
    writer = _Writer(out)
    for shard in range(shards):
        path = out / f"shard-a-touching-{seed}-{shard:05d}.safetensors"
        if not path.is_file():
            parts = [
                touching_pairs(_CHUNK, writer.models, seed=seed, first=first)
                for first in range(shard * 1024, (shard + 1) * 1024, _CHUNK)
            ]
            writer.write(DuetPairs.cat(parts), path, draws, fitted_every)
            yield path


class _Writer:
    """Writes prepared shards of the open hand."""

    def __init__(self, out: Path) -> None:
        self.models = HandModel.load_pair("open")
        self._preparation = PairPreparation(self.models)
        out.mkdir(parents=True, exist_ok=True)
        self._preparation.rig().save(out)

    def write(self, pairs: DuetPairs, path: Path, draws: int, fitted_every: int) -> None:
        """Writes what estimators make of the pairs; the same for the same pairs."""
        generator = torch.Generator().manual_seed(pairs.seed * (1 << 20) + int(pairs.index[0]))
        parts = []
        for start in range(0, len(pairs), _CHUNK):
            chunk = pairs[start : start + _CHUNK]
            parts.append(self._preparation(drawn_estimates(chunk, self.models, generator, draws=draws)))
            parts.append(self._preparation(fitted_estimates(chunk[::fitted_every], self.models, generator)))
        PreparedPairs.cat(parts).save(path)
