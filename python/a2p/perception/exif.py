"""The focal length that a photo's EXIF block states."""

from __future__ import annotations

import math

from PIL import ExifTags, Image

_FULL_FRAME_DIAGONAL = math.hypot(36.0, 24.0)
_LEAST_FOV_DEG, _MOST_FOV_DEG = 4.0, 170.0
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}


def focal_length_px(exif: Image.Exif, width: int, height: int) -> float | None:
    """Returns the focal length in pixels of a picture of this size, or None where EXIF does not state it.

    From the 35 mm equivalent, which compares diagonals (CIPA DCG-001), else from the focal length and the sensor's
    pixel pitch, if EXIF also says how many pixels were taken: a picture made smaller keeps the pitch of the sensor. A
    digital zoom is in the former and not in the latter, so the former goes first. Lenses that would see less than 4 or
    more than 170 degrees across the larger side are taken for mistakes.
    """
    focal = _stated(exif, width, height)
    if focal is None:
        return None
    fov_deg = math.degrees(2.0 * math.atan(max(width, height) / (2.0 * focal)))
    return focal if _LEAST_FOV_DEG <= fov_deg <= _MOST_FOV_DEG else None


def _stated(exif: Image.Exif, width: int, height: int) -> float | None:
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    equivalent = _positive(tags.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if equivalent is not None:
        return equivalent * math.hypot(width, height) / _FULL_FRAME_DIAGONAL
    focal = _positive(tags.get(ExifTags.Base.FocalLength))
    resolution = _positive(tags.get(ExifTags.Base.FocalPlaneXResolution))
    unit = _UNIT_MM.get(tags.get(ExifTags.Base.FocalPlaneResolutionUnit, 2))
    taken = [_positive(tags.get(tag)) for tag in (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)]
    known = [side for side in taken if side is not None]
    if focal is None or resolution is None or unit is None or not known:
        return None
    return focal * resolution / unit * max(width, height) / max(known)


def _positive(value: object) -> float | None:
    """Returns a tag's value as a number, or None where it is absent, zero, infinite or no number."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0.0 else None
