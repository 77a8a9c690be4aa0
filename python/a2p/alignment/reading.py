"""What the alignment network reads of hands in a picture, in the picture's own pixels and camera axes.

Inference alone: no teacher is imported and none of its parameters is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.alignment.batch import AlignmentInput, AlignmentOutput, boxes
from a2p.alignment.compiled import compiled_encoders
from a2p.alignment.folding import fold_batch_norms
from a2p.alignment.hand_chain import HandState
from a2p.alignment.mirroring import crop_intrinsics_mirrored, mirrored_points, mirrored_rotmats
from a2p.alignment.network import AlignmentNetwork
from a2p.alignment.weights import PACKAGED_WEIGHTS, load_alignment
from a2p.arrays import Keypoints2D, Keypoints3D
from a2p.camera import Camera
from a2p.crew import Crew, default_threads
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.model import HandModel
from a2p.hand.rotations import rotmat_from_rot6d, rotvec_from_rotmat

MARGIN = 1.5
"""Side of a crop over the larger side of the hand's box, as in training."""
_LEAST_SIDE_PX = 8.0
_NEAREST_M = 0.06


@dataclass(frozen=True)
class HandWindows:
    """Which hands of a picture the network is asked about, and the squares about them, px."""

    is_right: Bool[Tensor, " n"]
    boxes: Float[Tensor, "n 4"]
    """x0, y0, x1, y1 of the hands' keypoints."""
    pairs: tuple[tuple[int, int], ...] = ()
    """The (right, left) hands of one person."""

    @property
    def side(self) -> Float[Tensor, " n"]:
        """Side of each square."""
        return MARGIN * (self.boxes[:, 2:] - self.boxes[:, :2]).amax(-1).clamp(min=_LEAST_SIDE_PX)

    @property
    def centre(self) -> Float[Tensor, "n 2"]:
        """Middle of each square."""
        return 0.5 * (self.boxes[:, :2] + self.boxes[:, 2:])

    def __len__(self) -> int:
        return len(self.is_right)


@dataclass(frozen=True)
class NetworkHands:
    """What the network says of the hands of `HandWindows`, in their order."""

    keypoints_2d: Keypoints2D
    """px of the picture."""
    spread: Float[Tensor, "n 21"]
    """Standard deviation of the heat map that a keypoint was read from, in sizes of the hand's box."""
    keypoints_3d: Keypoints3D
    """m, camera axes, about the wrist: of the posed hand, in the convention of the landmark model's world points."""
    state: HandState
    """Pose, shape and place, as a keypoint fit starts from them."""
    relative_translation: Float[Tensor, "p 3"]
    """Left wrist minus right wrist of each pair, m, camera frame."""


class NetworkReader:
    """The alignment network, ready to be asked."""

    def __init__(
        self,
        weights: str | PathLike[str] | None = None,
        *,
        convention_3d: str = "mediapipe_world",
        threads: int | None = None,
    ) -> None:
        """Loads `weights`, by default the packaged ones. `threads` encode crops side by side."""
        network = load_alignment(PACKAGED_WEIGHTS if weights is None else weights)
        fold_batch_norms(network)
        self.network: AlignmentNetwork = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._encode = compiled_encoders(network, Crew(threads or default_threads()))
        self._model = HandModel.load("open", side="right")
        self._keypoints = KeypointRegressor.for_model(self._model, convention_3d)
        self._anatomy = HandAnatomy.from_rest_joints(self._model.J_template, side="right")

    @property
    def crop_px(self) -> int:
        """Side of the crops that the network wants."""
        return self.network.config.crop_px

    @torch.inference_mode()
    def __call__(self, crops: Float[Tensor, "n 3 s s"], windows: HandWindows, camera: Camera) -> NetworkHands:
        """Returns what the network says; `crops` show the windows, those of left hands mirrored, RGB in [0, 1]."""
        rows = _rows(windows)
        output = self.output(network_input(crops, windows, camera, rows, self.crop_px))
        place = {hand: (row, side) for row, pair in enumerate(rows) for side, hand in enumerate(pair) if hand >= 0}
        row, side = torch.tensor([place[hand] for hand in range(len(windows))]).reshape(-1, 2).unbind(1)
        pair_row = torch.tensor([place[right][0] for right, _ in windows.pairs], dtype=torch.long)
        return self._hands(output, row, side, pair_row, windows)

    @torch.inference_mode()
    def output(self, given: AlignmentInput) -> AlignmentOutput:
        """Returns the network's own answer, in its crops' frames."""
        return self.network.from_maps(given, *self.network.maps(given, self._encode))

    def _hands(
        self, output: AlignmentOutput, row: Tensor, side: Tensor, pair_row: Tensor, windows: HandWindows
    ) -> NetworkHands:
        is_right = windows.is_right
        points = output.keypoints_25d[row, side, :, :2]
        x = torch.where(is_right[:, None], points[..., 0], 1.0 - points[..., 0])
        low = windows.centre - 0.5 * windows.side[:, None]
        pixels = low[:, None] + torch.stack([x, points[..., 1]], dim=-1) * windows.side[:, None, None]
        rotmats, betas = rotmat_from_rot6d(output.rot6d[row, side]), output.betas[row, side]
        posed = self._model.pose(rotmats, betas, torch.zeros_like(betas[:, :3]))
        about = self._keypoints(posed, betas)
        about = about - about[:, :1]
        mirror = ~is_right[:, None]
        wrist = output.wrist[row, side]
        wrist = torch.where(mirror, mirrored_points(wrist), wrist).double()
        depth = wrist[:, 2:].clamp(min=_NEAREST_M)
        orient = torch.where(mirror[..., None], mirrored_rotmats(rotmats[:, 0]), rotmats[:, 0])
        return NetworkHands(
            keypoints_2d=pixels,
            spread=output.spread[row, side] * MARGIN,
            keypoints_3d=torch.where(mirror[..., None], mirrored_points(about), about),
            state=HandState(
                orient_rotmat=orient.double(),
                root=torch.cat([wrist[:, :2] / depth, depth.log()], dim=1),
                angles=self._anatomy.clamp(self._anatomy.angles(rotvec_from_rotmat(rotmats[:, 1:]))).double(),
                betas=betas.double(),
            ),
            relative_translation=output.relative_translation[pair_row],
        )


def _rows(windows: HandWindows) -> list[tuple[int, int]]:
    """Returns the (right, left) hands of each row that the network is given, -1 for none."""
    paired = {hand for pair in windows.pairs for hand in pair}
    alone = [hand for hand in range(len(windows)) if hand not in paired]
    return [*windows.pairs, *((hand, -1) if bool(windows.is_right[hand]) else (-1, hand) for hand in alone)]


def network_input(
    crops: Float[Tensor, "n 3 s s"],
    windows: HandWindows,
    camera: Camera,
    rows: Sequence[tuple[int, int]],
    size: int,
) -> AlignmentInput:
    """Returns what the network takes: a row for each (right, left) of `rows`, -1 where there is none."""
    order = torch.tensor(rows).reshape(-1, 2)
    present = order >= 0
    chosen = order.clamp(min=0)
    low, side = windows.centre - 0.5 * windows.side[:, None], windows.side
    focal = crops.new_tensor([camera.fx, camera.fy]) / side[:, None]
    centre = (crops.new_tensor([camera.cx, camera.cy]) - low) / side[:, None]
    plain = torch.cat([focal, centre], dim=1)
    mirror = ~windows.is_right[:, None]
    intrinsics = torch.where(mirror, crop_intrinsics_mirrored(plain), plain)
    other = chosen.flip(1)
    own_box, other_box = (_seen(windows, chosen, hands) for hands in (chosen, other))
    empty = crops.new_tensor([0.0, 0.0, -1.0, -1.0])
    own_box = torch.where(present[..., None], own_box, empty)
    other_box = torch.where(present.flip(1)[..., None] & present[..., None], other_box, empty)
    absent = ~present[..., None, None, None]
    return AlignmentInput(
        crops=crops[chosen].masked_fill(absent, 0.0),
        target=boxes(own_box, other_box, size),
        present=present,
        intrinsics=intrinsics[chosen],
    )


def _seen(windows: HandWindows, viewer: Tensor, hand: Tensor) -> Float[Tensor, "b 2 4"]:
    """Returns the boxes of `hand` as the crops of `viewer` show them, in units of their side."""
    low = (windows.centre - 0.5 * windows.side[:, None])[viewer]
    corners = (windows.boxes[hand].reshape(*hand.shape, 2, 2) - low[:, :, None]) / windows.side[viewer][..., None, None]
    x0, x1 = corners[..., 0, 0], corners[..., 1, 0]
    is_right = windows.is_right[viewer]
    left, right = torch.where(is_right, x0, 1.0 - x1), torch.where(is_right, x1, 1.0 - x0)
    return torch.stack([left, corners[..., 0, 1], right, corners[..., 1, 1]], dim=-1)
