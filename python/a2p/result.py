"""What a reconstruction returns: posed hands, how far they penetrate, and what a user should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from a2p.camera import Camera
from a2p.errors import OutputError
from a2p.hand import HandParameters
from a2p.penetration import PenetrationReport

if TYPE_CHECKING:
    from PIL import Image

    from a2p.render.scene import ExportHand, ExportScene

Handedness: TypeAlias = Literal["left", "right"]
"""The person's own."""

_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, kw_only=True)
class Hand:
    """One hand found in an image, posed in the camera frame (x right, y down, z forward; m).

    Tensors are float32 on the CPU.
    """

    handedness: Handedness
    score: float
    """How sure the detector is that this hand is there, in [0, 1]."""
    confidence: float
    """How well the posed hand explains the detected keypoints, in [0, 1]."""
    box_xyxy_px: tuple[float, float, float, float]
    """About the outline of the detected hand; the caller's box where one was given."""
    parameters: HandParameters
    """Without batch dimensions: (3,), (15, 3), (10,), (3,)."""
    vertices: Float[Tensor, "v 3"]
    """The posed mesh, m."""
    faces: Int[Tensor, "f 3"]
    """The closed mesh's triangles, counter-clockwise seen from outside."""
    joints: Float[Tensor, "16 3"]
    """Kinematic joints: wrist, index, middle, pinky, ring, thumb, three each; m."""
    keypoints_3d: Float[Tensor, "21 3"]
    """Wrist, thumb, index, middle, ring, pinky, base to tip (MediaPipe's order), m."""
    keypoints_2d: Float[Tensor, "21 2"]
    """`keypoints_3d` projected into the image, px."""
    detected_keypoints_2d: Float[Tensor, "21 2"]
    """Where perception saw the keypoints, px."""
    reprojection_error_px: float
    """Mean distance between the two."""
    track_id: int | None = None
    """The same number in every frame of a stream that shows this hand; None outside streams."""


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """The hands of one image."""

    hands: tuple[Hand, ...]
    """Best score first; in the order of the boxes where the caller gave boxes."""
    camera: Camera
    """The intrinsics that were given, read or assumed."""
    penetration_before: PenetrationReport
    """Penetration between the right and the left hand as alignment left them; zeros where there are not both."""
    penetration: PenetrationReport
    """Penetration between the two hands in this result."""
    timings_ms: Mapping[str, float]
    """Wall-clock time by stage."""
    warnings: tuple[str, ...]
    """What a user should know before trusting the result."""
    image: UInt8[np.ndarray, "h w 3"] = field(repr=False)
    """The image as it was read, upright, RGB."""

    @property
    def right(self) -> Hand | None:
        """The best right hand."""
        return self._best("right")

    @property
    def left(self) -> Hand | None:
        """The best left hand."""
        return self._best("left")

    @property
    def relative_translation(self) -> Float[Tensor, 3] | None:
        """Left wrist minus right wrist, m, camera frame; None unless there are both."""
        if self.left is None or self.right is None:
            return None
        translation: Tensor = self.left.joints[0] - self.right.joints[0]
        return translation

    def overlay(self, *, aside: bool = False) -> Image.Image:
        """Returns the image with the shaded meshes over it; `aside` adds a view of the hands from the side."""
        from a2p.render.overlay import RenderMesh, draw_overlay
        from a2p.render.palette import colour_of

        meshes = [
            RenderMesh(hand.vertices.numpy(), hand.faces.numpy(), colour_of(hand.handedness)) for hand in self.hands
        ]
        return draw_overlay(self.image, meshes, self.camera, aside=aside)

    def save(self, path: str | PathLike[str]) -> Path:
        """Writes the hands to `path`, in the form its suffix names, and returns the path.

        .glb, .obj: meshes; .npz, .json: all numbers; .png, .jpg, .webp: the overlay. A file appears whole or not at
        all, and replaces one of the same name.

        Raises:
            OutputError: The suffix is unknown, or the file cannot be written.
        """
        from a2p.render.export import SUFFIXES, export_scene
        from a2p.render.picture import save_picture

        target = Path(path)
        suffix = target.suffix.lower()
        if suffix in _PICTURE_SUFFIXES:
            return save_picture(self.overlay(), target)
        if suffix not in SUFFIXES:
            known = ", ".join((*SUFFIXES, *_PICTURE_SUFFIXES))
            raise OutputError(f"path must end in one of {known}; got {target.name!r}. Choose .glb for viewers.")
        return export_scene(self._scene(), target)

    def _best(self, handedness: Handedness) -> Hand | None:
        matching = [hand for hand in self.hands if hand.handedness == handedness]
        return max(matching, key=lambda hand: hand.score, default=None)

    def _scene(self) -> ExportScene:
        from a2p.render.scene import ExportScene

        translation = self.relative_translation
        return ExportScene(
            hands=tuple(_export_hand(hand) for hand in self.hands),
            camera=self.camera,
            image_width_px=self.image.shape[1],
            image_height_px=self.image.shape[0],
            relative_translation=None if translation is None else translation.numpy(),
            penetration_before=self.penetration_before,
            penetration=self.penetration,
            timings_ms=self.timings_ms,
            warnings=self.warnings,
        )


def _export_hand(hand: Hand) -> ExportHand:
    from a2p.render.scene import ExportHand

    return ExportHand(
        handedness=hand.handedness,
        score=hand.score,
        box_xyxy_px=np.array(hand.box_xyxy_px),
        vertices=hand.vertices.numpy(),
        faces=hand.faces.numpy(),
        joints=hand.joints.numpy(),
        keypoints_3d=hand.keypoints_3d.numpy(),
        keypoints_2d=hand.keypoints_2d.numpy(),
        global_orient=hand.parameters.global_orient.numpy(),
        hand_pose=hand.parameters.hand_pose.numpy(),
        betas=hand.parameters.betas.numpy(),
        transl=hand.parameters.transl.numpy(),
    )
