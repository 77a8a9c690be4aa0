"""Pictures on disk, photos as backgrounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2p.data.duet_images import DuetImages, ImageSettings
from a2p.data.duet_images.photos import MAX_SIDE, read_photos
from a2p.data.duet_images.renderer import PictureRenderer
from a2p.data.duet_images.settings import BackdropSettings
from a2p.data.duet_images.shards import contact_sheet, read_image_shard, write_image_shards
from a2p.errors import DataError
from a2p.hand import HandModel


def test_what_is_written_is_read_again_and_photos_show_behind_the_hands(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (1200, 700), (0, 0, 255)).save(photos / "blue.png")
    blue = read_photos(photos)
    assert max(blue[0].shape) == MAX_SIDE
    settings = ImageSettings(size_px=64, backdrop=BackdropSettings(photo=1.0, person=0.0, clutter=0.0, shadow=0.0))
    images = DuetImages(settings, renderer=PictureRenderer(HandModel.load_pair(), blue), seed=2, threads=1)
    paths = write_image_shards(images, tmp_path / "out", 8)
    read, made = read_image_shard(paths[0]), images.batch(np.arange(8))
    np.testing.assert_array_equal(read.rgb, made.rgb)
    np.testing.assert_array_equal(read.keypoints_25d, made.keypoints_25d)
    np.testing.assert_array_equal(read.left.hand_pose.numpy(), made.left.hand_pose.numpy())
    behind = made.rgb[made.label == 0].astype(float).mean(axis=0)
    assert behind[2] > 2 * behind[:2].max()
    assert contact_sheet(made, columns=3).shape == (3 * 64, 3 * 64, 3)


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold photos"):
        read_photos(tmp_path)
