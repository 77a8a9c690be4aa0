"""Interacting hand pairs made from nothing but the hand model, and what an estimator would make of them."""

from a2p.data.duet.corruption import CorruptedPairs, noisy_pairs
from a2p.data.duet.fit_shards import load_fits, write_fits
from a2p.data.duet.fits import FittedPairs, LandmarkErrors, fitted_pairs
from a2p.data.duet.pairs import FAMILIES, DuetPairs
from a2p.data.duet.sampler import sample_pairs
from a2p.data.duet.shards import load_shards, write_shards
from a2p.data.duet.view import ViewedPairs, view_pairs

__all__ = [
    "FAMILIES",
    "CorruptedPairs",
    "DuetPairs",
    "FittedPairs",
    "LandmarkErrors",
    "ViewedPairs",
    "fitted_pairs",
    "load_fits",
    "load_shards",
    "noisy_pairs",
    "sample_pairs",
    "view_pairs",
    "write_fits",
    "write_shards",
]
