"""Keypoint fits on disk: what was written comes back, whole files stay, damaged ones are made again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from a2p.data.duet import DuetPairs, load_fits, write_fits
from a2p.data.duet import fit_shards as module
from a2p.data.duet.shards import SHARD, arrays_of, plan, save_arrays
from a2p.errors import DataError


@pytest.fixture
def folder(tmp_path: Path, pairs: DuetPairs) -> Path:
    """Holds one shard of four pairs."""
    save_arrays(tmp_path / plan(4, 0)[0].file, arrays_of(pairs[:4]))
    return tmp_path


def test_fits_come_back_as_they_were_written(folder: Path, pairs: DuetPairs) -> None:
    write_fits(folder, 4)
    fits = load_fits(folder)
    assert len(fits.truth) == 4
    assert fits.keypoints_2d.shape == (4, 2, 21, 2)
    assert ((fits.confidence >= 0) & (fits.confidence <= 1)).all()
    assert torch.equal(fits.truth.right.betas, pairs.right.betas[:4])
    assert torch.isfinite(fits.fits.left.transl).all()
    assert not torch.equal(fits.fits.left.hand_pose, fits.truth.left.hand_pose)


def test_whole_files_stay_and_cut_ones_are_made_again(folder: Path) -> None:
    write_fits(folder, 4)
    path = folder / module.fit_file(plan(4, 0)[0])
    whole = path.read_bytes()
    write_fits(folder, 4)
    assert path.read_bytes() == whole
    path.write_bytes(whole[:500])
    with pytest.raises(DataError, match="cannot be read"):
        load_fits(folder)
    write_fits(folder, 4)
    assert path.read_bytes() == whole


def test_a_folder_without_fits_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it holds none"):
        load_fits(tmp_path)
    assert SHARD == 256
