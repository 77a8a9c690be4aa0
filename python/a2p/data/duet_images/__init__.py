"""Training pictures of hands with labels, rendered while they are asked for."""

from a2p.data.duet_images.images import DuetImageBatch, DuetImages
from a2p.data.duet_images.settings import ImageSettings

__all__ = ["DuetImageBatch", "DuetImages", "ImageSettings"]
