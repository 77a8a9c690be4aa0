"""Accuracy and plausibility of two hands, as the paper's tables measure them."""

from a2p.evaluation.accuracy import (
    PROTOCOLS,
    Accuracy,
    Protocol,
    SampleErrors,
    Split,
    TwoHands,
    Validity,
    sample_errors,
)
from a2p.evaluation.plausibility import (
    DEFINITIONS,
    PairMeshes,
    Plausibility,
    SamplePlausibility,
    sample_plausibility,
)
from a2p.evaluation.procrustes import procrustes_aligned

__all__ = [
    "DEFINITIONS",
    "PROTOCOLS",
    "Accuracy",
    "PairMeshes",
    "Plausibility",
    "Protocol",
    "SampleErrors",
    "SamplePlausibility",
    "Split",
    "TwoHands",
    "Validity",
    "procrustes_aligned",
    "sample_errors",
    "sample_plausibility",
]
