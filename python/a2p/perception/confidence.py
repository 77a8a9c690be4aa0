"""How far a keypoint may be trusted: the error expected of it, from how well several passes agree."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from a2p.perception.observation import ERROR_AT_FULL_CONFIDENCE
from a2p.perception.reading import Reading

# fmt: off
_BASE = np.array([
    0.013, 0.023, 0.013, 0.009, 0.012,  # wrist and thumb
    0.023, 0.010, 0.006, 0.018,  # index
    0.032, 0.009, 0.009, 0.019,  # middle
    0.036, 0.012, 0.013, 0.017,  # ring
    0.027, 0.016, 0.012, 0.013,  # pinky
])
# fmt: on
"""Error of each keypoint where all passes agree, in hand sizes: knuckles are the least certain."""
_OWN_SPREAD = 0.16
_MEAN_SPREAD = 1.96


def keypoint_confidence(reading: Reading) -> Float[np.ndarray, " 21"]:
    """Returns the confidence of each keypoint, in (0, 1], as `HandObservation` defines it.

    The expected error grows with the disagreement of the passes, about the keypoint itself and more so about the
    whole hand. Fitted by least squares on hand_graph_cnn, to the error without the constant difference between
    what the model and the annotators call a keypoint; correlation with it 0.53. There every hand is in plain view;
    for hidden ones the error is taken to grow as the presence falls, which is an assumption.
    """
    spread = reading.spread
    expected = (_BASE + _OWN_SPREAD * spread + _MEAN_SPREAD * spread.mean()) / max(reading.presence, 0.1)
    confidence: np.ndarray = np.clip(ERROR_AT_FULL_CONFIDENCE / expected, 0.01, 1.0)
    return confidence
