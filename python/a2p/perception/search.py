"""Where to look for palms: at the whole image first, and closer where one look is not enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from a2p.crew import Crew
from a2p.perception.crop import Crop, letterbox
from a2p.perception.detector import Candidate
from a2p.perception.image import Pixels
from a2p.perception.palm import Palm, PalmDetector, average, clusters, merge

_MIN_SCORE = 0.2
"""The detector's own threshold is 0.5; touching hands often score less, and later stages can tell."""
_LIKELY_SCORE = 0.5
_CLEAR_SCORE = 0.8
_ALTERNATIVES = 4
_EIGHTH_TURN = math.pi / 4.0


class PalmSearch:
    """The packaged detector: palms all over the image, each with the window on its hand.

    Closer looks follow wherever the first leaves doubt: at the picture turned by an eighth of a turn both ways,
    since a clasped hand that is missed upright is often seen askew, then at the best palm's surroundings at two scales:
    a hand that another covers stands out when it is large, a small one beside it when it is larger.
    If nothing was seen at all, the image is searched in tiles.
    """

    def __init__(self, palms: PalmDetector, crew: Crew) -> None:
        self._palms = palms
        self._crew = crew

    def __call__(self, image: Image.Image, *, max_hands: int) -> list[Candidate]:
        """Returns a candidate for each palm, best first."""
        *_, last = self.looks(np.asarray(image.convert("RGB")), max_hands=max_hands)
        return last

    def looks(self, image: Pixels, *, max_hands: int) -> Iterator[list[Candidate]]:
        """Yields the candidates as soon as they may be all hands wanted, then, on demand, those of all looks.

        Each list has the best first. Whoever has read the first and is content need not ask for the second.
        """
        height, width = image.shape[:2]
        whole = letterbox(width, height)
        palms = self._look(image, [whole])
        yielded = False
        for windows in (_turned(whole), _nearer(palms)):
            if not yielded and _are_likely(palms, max_hands):
                yield _candidates(palms, max_hands)
                yielded = True
                if _are_clear(palms, max_hands):
                    return
            palms = palms + self._look(image, windows)
        if not palms:
            palms = self._look(image, _tiles(width, height))
        yield _candidates(palms, max_hands)

    def around(self, image: Pixels, window: Crop, is_worth: Callable[[Candidate], bool]) -> list[Candidate]:
        """Returns the candidates in a window that are worth reading, best first.

        Where one is seen upright, looks turned by an eighth both ways make its place surer.
        """
        palms = self._look(image, [window])
        if not any(is_worth(_candidate([palm])) for palm in palms):
            return []
        palms += self._look(image, [window.turned(_EIGHTH_TURN), window.turned(-_EIGHTH_TURN)])
        return list(filter(is_worth, map(_candidate, clusters(palms))))

    def _look(self, image: Pixels, windows: list[Crop]) -> list[Palm]:
        """Returns the palms in each window, the best of the first window first."""
        looks = self._crew.map(lambda window: merge(self._palms(image, window, min_score=_MIN_SCORE)), windows)
        return [palm for palms in looks for palm in palms]


def _candidates(palms: list[Palm], max_hands: int) -> list[Candidate]:
    """Returns a candidate for each hand's palms, best first, some more than are wanted."""
    return [_candidate(group) for group in clusters(palms)[: max_hands + 4]]


def _candidate(group: list[Palm]) -> Candidate:
    """Returns the candidate of one hand's palms: their mean, and some to fall back on."""
    alternatives = group[:_ALTERNATIVES] if len(group) > 1 else []
    return Candidate(group[0].score, crops=tuple(palm.crop() for palm in (average(group), *alternatives)))


def _are_clear(palms: list[Palm], max_hands: int) -> bool:
    """Says whether as many palms as wanted stand out, each away from all the others."""
    if len(palms) < max_hands or palms[max_hands - 1].score < _CLEAR_SCORE:
        return False
    crops = [palm.crop() for palm in palms]
    return all(
        math.dist(a.center_px, b.center_px) > 0.4 * (a.side_px + b.side_px)
        for index, a in enumerate(crops)
        for b in crops[:index]
    )


def _are_likely(palms: list[Palm], max_hands: int) -> bool:
    """Says whether there may be as many hands as wanted."""
    groups = clusters(palms)
    return len(groups) >= max_hands and groups[max_hands - 1][0].score >= _LIKELY_SCORE


def _turned(whole: Crop) -> list[Crop]:
    """Returns windows on the whole image, turned by an eighth both ways."""
    return [whole.turned(-_EIGHTH_TURN), whole.turned(_EIGHTH_TURN).scaled(1.3)]


def _nearer(palms: list[Palm]) -> list[Crop]:
    """Returns windows on the surroundings of the best palm, at two scales; none where there is no palm."""
    if not palms:
        return []
    hand = palms[0].crop()
    upright = Crop(hand.center_px, hand.side_px)
    return [upright.scaled(2.2), upright.scaled(0.8).turned(_EIGHTH_TURN)]


def _tiles(width: int, height: int) -> list[Crop]:
    """Returns overlapping square windows of half the image's larger side that cover the image."""
    side = max(width, height) / 2.0
    return [Crop((float(x), float(y)), side) for y in _centres(height, side) for x in _centres(width, side)]


def _centres(extent: int, side: float) -> np.ndarray:
    """Returns the centres of windows that overlap by a third at least and reach both ends."""
    if extent <= side:
        return np.array([extent / 2.0])
    count = math.ceil((extent - side) / (side * 2.0 / 3.0)) + 1
    return np.linspace(side / 2.0, extent - side / 2.0, count)
