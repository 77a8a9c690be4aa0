"""The orders in which data sets list a hand's joints, as permutations into MediaPipe's.

MediaPipe's order: wrist, then thumb, index, middle, ring, pinky, base to tip. `points[list(ORDER)]` brings them there.
"""

from __future__ import annotations

INTERHAND = (20, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 19, 18, 17, 16)
"""InterHand2.6M, one hand: thumb to pinky from tip to base, then the wrist."""
MANO_WITH_TIPS = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
"""HO-3D: MANO's 16 joints (wrist, index, middle, pinky, ring, thumb), then tips from thumb to pinky."""
REINTERHAND = (0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22)
"""Re:InterHand's 24: wrist, five of the thumb, four each of index, middle and ring, five of the pinky, forearm.

The additional points, at the thumb's and the pinky's root (1 and 18), and the forearm's (23) have no counterpart.
"""
