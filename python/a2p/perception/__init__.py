"""From an image to the hands in it: boxes, handedness, 21 keypoints; and the camera that took it."""

from a2p.perception.detector import Candidate, Detector, HandBox
from a2p.perception.finder import HandFinder
from a2p.perception.image import ImageInput, ImageLimits, LoadedImage, load_image
from a2p.perception.intrinsics import Intrinsics, intrinsics_for
from a2p.perception.observation import Handedness, HandObservation

__all__ = [
    "Candidate",
    "Detector",
    "HandBox",
    "HandFinder",
    "HandObservation",
    "Handedness",
    "ImageInput",
    "ImageLimits",
    "Intrinsics",
    "LoadedImage",
    "intrinsics_for",
    "load_image",
]
