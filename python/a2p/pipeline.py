"""The whole story on one page: an image goes in, posed hands come out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import TypeAlias, Union

from a2p.aligner import Aligner
from a2p.camera import Camera
from a2p.crew import Crew, default_threads
from a2p.errors import BackendError
from a2p.finisher import Finisher
from a2p.hand import HandModel, HandPair
from a2p.perception.detector import Detector, HandBox
from a2p.perception.image import ImageInput
from a2p.plausibility.refiner import RefineMethod
from a2p.result import Reconstruction
from a2p.tracking import StreamMemory, TrackingConfig

HandModelSource: TypeAlias = Union[str, "PathLike[str]", tuple[HandModel, HandModel]]
"""`open`, a MANO folder, or a (right, left) pair of models."""


class Reconstructor:
    """Two posed hand meshes from one picture.

    Models are loaded once, at construction. Calls are deterministic and independent of each other.
    """

    def __init__(
        self,
        hand_model: HandModelSource = "open",
        *,
        device: str = "auto",
        max_hands: int = 2,
        refine: bool | RefineMethod = True,
        detector: Detector | None = None,
        fov_deg: float | None = None,
        network: bool | str | PathLike[str] = True,
    ) -> None:
        """Loads the models.

        Args:
            hand_model: "open", a folder with MANO_RIGHT and MANO_LEFT, or a (right, left) pair of models.
            device: Where to compute. "auto" takes the CPU: no stage of this version runs on another device.
            max_hands: At most so many hands an image.
            refine: Whether hands that pass through each other are made plausible; "diffusion" or "descent" says how,
                True chooses.
            detector: What proposes hands instead of the packaged palm detector.
            fov_deg: Field of view of the larger image side where neither the call nor EXIF gives a camera.
            network: Whether the alignment network looks at each hand, too, and with which weights: True takes the
                packaged ones, a path those of a file. With False alignment fits the landmark model's keypoints alone.
        """
        if device not in ("auto", "cpu"):
            raise BackendError(
                f"device must be 'auto' or 'cpu'; got {device!r}. Every stage of this version runs on the CPU."
            )
        self.models = HandPair(*hand_model) if isinstance(hand_model, tuple) else HandModel.load_pair(str(hand_model))
        self._align = Aligner(self.models, max_hands=max_hands, detector=detector, fov_deg=fov_deg, network=network)
        self._finish = Finisher(self.models, refine=refine)
        self._crew = Crew(default_threads())

    def __call__(
        self, image: ImageInput, *, boxes: Sequence[HandBox] | None = None, camera: Camera | None = None
    ) -> Reconstruction:
        """Returns the hands in an image; none is a result with a warning, not an error.

        Args:
            image: A path, the bytes of an image file, a PIL image, numpy (h, w, 3) uint8 RGB, or a torch tensor.
            boxes: Where the hands are, `("right" or "left", (x0, y0, x1, y1))` about their outlines in px, instead of
                detection. Boxes of keypoints are a sixth too small: the network errs by a tenth more in them.
            camera: Intrinsics of the upright image; without them EXIF's focal length or an assumed field of view.

        Raises:
            ImageError: The image cannot be read.
            BoxError: A box is not usable.
        """
        return self._finish(self._align(image, boxes=boxes, camera=camera))

    def batch(self, images: Iterable[ImageInput]) -> list[Reconstruction]:
        """Returns the reconstructions of several images, in their order: what a call makes of each, to the bit.

        Each core works on a picture of its own, which is faster than all cores on one after the other. The first image
        that cannot be read ends the batch with its error.
        """
        return list(self._crew.stream(self, images))

    def stream(
        self, frames: Iterable[ImageInput], *, camera: Camera | None = None, config: TrackingConfig | None = None
    ) -> Iterator[Reconstruction]:
        """Yields the hands of each frame of a video: faster and steadier than frame by frame, with `Hand.track_id`.

        Results are smoothed; see `HandStream` for the lag and for frames that come one at a time.
        """
        follower = HandStream(self, camera=camera, config=config)
        return (follower(frame) for frame in frames)


class HandStream:
    """The hands of one camera, frame after frame.

    A hand keeps its `track_id` while it is in view and for a second after it left. Where it was in the last frame it
    is looked for first, and its last pose is where alignment starts. A One-Euro filter takes the jitter out: hands at
    rest come two to three frames late (30 frames a second), moving ones less than one. What is remembered are some
    kilobytes, freed with the object. Frames of one stream must come one at a time, streams may run side by side.
    """

    def __init__(
        self, reconstructor: Reconstructor, *, camera: Camera | None = None, config: TrackingConfig | None = None
    ) -> None:
        self._reconstructor = reconstructor
        self._camera = camera
        self._memory = StreamMemory(reconstructor.models, config)

    def __call__(self, image: ImageInput, *, time_s: float | None = None) -> Reconstruction:
        """Returns the hands in the next frame.

        `time_s` is when it was taken, on any clock that increases; without it the configured frame rate is assumed.
        """
        aligned = self._reconstructor._align.follow(image, self._memory, camera=self._camera, time_s=time_s)
        return self._reconstructor._finish(aligned, self._memory)
