"""From pairs of hands, clean and as an estimator saw them, to what the denoiser is trained on."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache, partial
from pathlib import Path

import torch

from a2p.data.duet.shards import read_shard
from a2p.errors import ConfigError
from a2p.hand import HandModel, HandPair
from a2p.hand.keypoints import FINGERTIP_VERTICES
from a2p.penetration import FusedPenetration
from a2p.plausibility.compliance import Collision
from a2p.plausibility.condition import SeenPair, pair_condition
from a2p.plausibility.representation import PairCodec, frame_of
from a2p.threads import one_torch_thread
from a2p.training.estimates import EstimatedPairs, drawn_estimates, fitted_estimates
from a2p.training.prepared_pairs import HELD_OUT_FILE, PointRig, PreparedPairs

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


def prepare_duet(source: Path, out: Path, *, draws: int = 2, fitted_every: int = 1, workers: int = 1) -> Iterator[Path]:
    """Prepares a folder of duet pairs, shard by shard, and yields each file that it writes; shards that exist stay.

    The first shard is held out. Every pair gets `draws` draws of an estimator's errors, and one of `fitted_every` also
    a fit to its keypoints; what does not penetrate is left out. The files are the same for any number of `workers`.
    """
    if min(draws, fitted_every, workers) < 1:
        raise ConfigError(
            f"draws, fitted_every and workers must be at least 1; got {draws}, {fitted_every} and {workers}."
        )
    out.mkdir(parents=True, exist_ok=True)
    _preparation().rig().save(out)
    wanted = {
        shard: out / (HELD_OUT_FILE if number == 0 else f"shard-{shard.stem}.safetensors")
        for number, shard in enumerate(sorted(source.glob("duet-*.npz")))
    }
    work = partial(_prepare_shard, draws=draws, fitted_every=fitted_every)
    missing = {shard: path for shard, path in wanted.items() if not path.is_file()}
    if workers == 1:
        yield from (work(*job) for job in missing.items())
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(work, *job) for job in missing.items()]):
                yield done.result()
        finally:  # who takes no more files wants no more made
            pool.shutdown(cancel_futures=True)


def _prepare_shard(shard: Path, path: Path, *, draws: int, fitted_every: int) -> Path:
    """Writes what estimators make of a shard's pairs; the same for the same pairs."""
    pairs, preparation = read_shard(shard), _preparation()
    generator = torch.Generator().manual_seed(pairs.seed * (1 << 20) + int(pairs.index[0]))
    parts = []
    with one_torch_thread():
        for start in range(0, len(pairs), _CHUNK):
            chunk = pairs[start : start + _CHUNK]
            drawn = drawn_estimates(chunk, preparation.models, generator, draws=draws)
            fitted = fitted_estimates(chunk[::fitted_every], preparation.models, generator)
            parts += [preparation(drawn), preparation(fitted)]
    PreparedPairs.cat(parts).save(path)
    return path


@lru_cache(maxsize=1)
def _preparation() -> PairPreparation:
    return PairPreparation(HandModel.load_pair("open"))
