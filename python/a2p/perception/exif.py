"""The focal length that a photo's EXIF block states."""

from __future__ import annotations

import math

from PIL import ExifTags, Image

_FULL_FRAME_DIAGONAL = math.hypot(36.0, 24.0)
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}


def focal_length_px(exif: Image.Exif, width: int, height: int) -> float | None:
    """Returns the focal length in pixels of a picture of this size, or None where EXIF does not state it.

    From the 35 mm equivalent, which compares diagonals (CIPA DCG-001), else from the focal length and the sensor's
    pixel pitch. A digital zoom is in the former and not in the latter, so the former goes first.
    """
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    equivalent = _positive(tags.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if equivalent is not None:
        return equivalent * math.hypot(width, height) / _FULL_FRAME_DIAGONAL
    focal = _positive(tags.get(ExifTags.Base.FocalLength))
    resolution = _positive(tags.get(ExifTags.Base.FocalPlaneXResolution))
    unit = _UNIT_MM.get(tags.get(ExifTags.Base.FocalPlaneResolutionUnit, 2))
    if focal is None or resolution is None or unit is None:
        return None
    taken = max(
        _positive(tags.get(ExifTags.Base.ExifImageWidth)) or 0.0,
        _positive(tags.get(ExifTags.Base.ExifImageHeight)) or 0.0,
    )
    scale = max(width, height) / taken if taken else 1.0
    return focal * resolution / unit * scale


def _positive(value: object) -> float | None:
    """Returns a tag's value as a number, or None where it is absent, zero, infinite or no number."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0.0 else None
