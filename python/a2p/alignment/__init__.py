"""Stage 1: hands that lie on the picture."""

from a2p.alignment.keypoint_fit import KeypointFit, KeypointFitConfig, KeypointFitResult
from a2p.alignment.keypoint_observations import KeypointObservations

__all__ = ["KeypointFit", "KeypointFitConfig", "KeypointFitResult", "KeypointObservations"]
