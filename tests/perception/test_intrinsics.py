import io
import math

import numpy as np
import pytest
from PIL import ExifTags, Image

from a2p import Camera
from a2p.perception import intrinsics_for, load_image
from a2p.perception.exif import focal_length_px


def photo(tags: dict[int, object], width: int = 400, height: int = 300) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif).update(tags)
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def test_the_given_camera_goes_before_exif() -> None:
    given = Camera(700.0, 700.0, 200.0, 150.0)
    chosen = intrinsics_for(load_image(photo({ExifTags.Base.FocalLengthIn35mmFilm: 26})), given)
    assert (chosen.camera, chosen.source) == (given, "given")


def test_the_35_mm_equivalent_compares_diagonals() -> None:
    chosen = intrinsics_for(load_image(photo({ExifTags.Base.FocalLengthIn35mmFilm: 50})))
    assert chosen.source == "exif"
    assert chosen.camera.fx == pytest.approx(50.0 * 500.0 / math.hypot(36.0, 24.0))
    assert (chosen.camera.cx, chosen.camera.cy) == (200.0, 150.0)


def test_focal_length_and_sensor_pitch_survive_a_resize() -> None:
    # 25 mm on a sensor of 4000 px over 36 mm, resized to 400 px
    tags = {
        ExifTags.Base.FocalLength: 25.0,
        ExifTags.Base.FocalPlaneXResolution: 4000.0 / 3.6,
        ExifTags.Base.FocalPlaneResolutionUnit: 3,
        ExifTags.Base.ExifImageWidth: 4000,
        ExifTags.Base.ExifImageHeight: 3000,
    }
    assert intrinsics_for(load_image(photo(tags))).camera.fx == pytest.approx(25.0 / 36.0 * 400.0, rel=1e-5)


@pytest.mark.parametrize("value", [0, "long"])
def test_a_senseless_focal_length_counts_as_absent(value: object) -> None:
    chosen = intrinsics_for(load_image(photo({ExifTags.Base.FocalLengthIn35mmFilm: value})), default_fov_deg=90.0)
    assert (chosen.source, chosen.camera.fx) == ("assumed", pytest.approx(200.0))


def test_without_any_word_the_field_of_view_is_assumed() -> None:
    chosen = intrinsics_for(load_image(np.zeros((300, 400, 3), dtype=np.uint8)))
    assert chosen.source == "assumed"
    assert math.degrees(2.0 * math.atan(200.0 / chosen.camera.fx)) == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"FocalLength": 88.0, "FocalPlaneXResolution": 2413.0, "FocalPlaneResolutionUnit": 3}, "pixels taken unknown"),
        ({"FocalLengthIn35mmFilm": 5000}, "a telescope"),
        ({"FocalLengthIn35mmFilm": 1}, "wider than any lens"),
    ],
)
def test_a_focal_length_that_cannot_be_is_not_taken(tags: dict[str, float], reason: str) -> None:
    exif = Image.Exif()
    block = exif.get_ifd(ExifTags.IFD.Exif)
    block.update({getattr(ExifTags.Base, name): value for name, value in tags.items()})
    assert focal_length_px(exif, 848, 565) is None, reason
