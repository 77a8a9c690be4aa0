"""Stage 2: hands that do not pass through each other."""

from a2p.plausibility.gate import ALLOWED_DEPTH, boxes_overlap
from a2p.plausibility.refiner import PairEvidence, PairRefinement, RefinementReport, Refiner

__all__ = ["ALLOWED_DEPTH", "PairEvidence", "PairRefinement", "RefinementReport", "Refiner", "boxes_overlap"]
