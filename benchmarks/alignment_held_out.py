"""The alignment network and the whole pipeline on rendered pictures that neither was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import a2p
from a2p.alignment.batch import AlignmentBatch, AlignmentOutput
from a2p.alignment.mirroring import hands_of, mirrored_points
from a2p.alignment.network import AlignmentNetwork
from a2p.data.duet import load_shards
from a2p.data.duet_images import DuetImageBatch, DuetImages, ImageSettings
from a2p.data.duet_images.renderer import PictureRenderer
from a2p.data.duet_images.settings import CameraSettings, PoseSettings
from a2p.evaluation.accuracy import Accuracy, Axes, SampleErrors, TwoHands, Validity, sample_errors
from a2p.hand import HandModel, HandPair
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.rotations import rotmat_from_rot6d
from a2p.perception.outline import outline_box
from a2p.plausibility import Refiner
from a2p.training.hand_crops import hand_crops

SEED = 20_000_003
"""No training run takes its pictures from this seed."""
_BATCH = 32
ALL_AXES: tuple[Axes, ...] = ("xyz", "xy", "z")


def held_out_pictures(pairs: Path, *, size_px: int, contact: float, threads: int = 0) -> DuetImages:
    """Returns pictures of both hands; a share of `contact` shows pairs that touch."""
    camera = CameraSettings(hand_crop=0.0, union_crop=0.9, mirror_left=False)
    pose = PoseSettings(contact=contact, single=0.0)
    settings = ImageSettings(size_px=size_px, camera=camera, pose=pose)
    return DuetImages(
        settings,
        pairs=load_shards(pairs),
        renderer=PictureRenderer(HandModel.load_pair()),
        seed=SEED,
        threads=threads,
    )


@dataclass(frozen=True)
class NetworkErrors:
    """What the network alone gets wrong."""

    by_axes: dict[Axes, SampleErrors]
    flat: Tensor
    """Of each keypoint in the picture, in sizes of the hand's box: (n, 2, 21)."""
    spread: Tensor
    """Of its heat map, in the same unit."""
    relative_3d_m: Tensor
    """Of each keypoint about the hand's mean: (n, 2, 21)."""
    depth_m: Tensor
    """Of the way in depth between the two wrists, NaN where one is missing: (n,)."""
    known: Tensor
    """(n, 2)."""

    def accuracy(self, axes: Axes = "xyz") -> Accuracy:
        """Returns the means."""
        return Accuracy.of(self.by_axes[axes])


def network_errors(
    network: AlignmentNetwork, images: DuetImages, count: int, *, refiner: Refiner | None = None
) -> NetworkErrors:
    """Returns the errors on the first pictures; boxes have the errors of training. `refiner` makes hands plausible."""
    models = HandPair(images.models.right, images.models.left)
    parts = [
        _errors(network, batch, crops, models, refiner) for batch, crops in _batches(images, count, models, network)
    ]
    return NetworkErrors(
        by_axes={axes: SampleErrors.cat([part.by_axes[axes] for part in parts]) for axes in ALL_AXES},
        **{
            name: torch.cat([getattr(part, name) for part in parts])
            for name in ("flat", "spread", "relative_3d_m", "depth_m", "known")
        },
    )


def _batches(
    images: DuetImages, count: int, models: HandPair, network: AlignmentNetwork
) -> Iterator[tuple[DuetImageBatch, AlignmentBatch]]:
    generator = torch.Generator().manual_seed(0)
    for start in range(0, count, _BATCH):
        batch = images.batch(np.arange(start, min(start + _BATCH, count)))
        yield batch, hand_crops(batch, models, generator, size=network.config.crop_px)


@torch.no_grad()
def _errors(
    network: AlignmentNetwork,
    batch: DuetImageBatch,
    crops: AlignmentBatch,
    models: HandPair,
    refiner: Refiner | None,
) -> NetworkErrors:
    output = network(crops.given)
    labels, known = crops.labels, crops.given.present
    true = replace(output, rot6d=labels.rotmats[..., :2].mT.flatten(-2), betas=labels.betas)
    predicted, target = (_two_hands(o, models) for o in (output, true))
    predicted = _apart(predicted, output.relative_translation)
    if refiner is not None:
        predicted = _refined(output, models, refiner)
    target = _apart(target, labels.relative_translation)
    validity = Validity(known[..., None].expand(-1, -1, 21), known, torch.from_numpy(batch.is_contact))
    box = torch.from_numpy(batch.box_xyxy)
    size = (box[..., 2:] - box[..., :2]).amax(-1)
    side = crops.given.intrinsics[..., 0]
    scale = torch.from_numpy(batch.intrinsics)[:, None, 0] / side / size
    flat = (output.keypoints_25d - labels.keypoints_25d)[..., :2].norm(dim=-1) * scale[..., None]
    centred = [hands.joints - hands.joints.mean(2, keepdim=True) for hands in (predicted, target)]
    return NetworkErrors(
        by_axes={axes: sample_errors(predicted, target, validity, axes=axes) for axes in ALL_AXES},
        flat=flat,
        spread=output.spread * scale[..., None],
        relative_3d_m=(centred[0] - centred[1]).norm(dim=-1),
        depth_m=torch.where(
            known.all(dim=1) & labels.relative_valid,
            (output.relative_translation - labels.relative_translation)[:, 2].abs(),
            torch.nan,
        ),
        known=known,
    )


def _two_hands(output: AlignmentOutput, models: HandPair) -> TwoHands:
    """Returns both hands about their wrist joints in the camera's axes."""
    regressor = KeypointRegressor.for_model(models.right)
    rotmats = rotmat_from_rot6d(output.rot6d)
    posed = models.right.pose(rotmats, output.betas, torch.zeros_like(output.betas[..., :3]))
    wrist = posed.joints[..., :1, :]
    points, vertices = regressor(posed, output.betas) - wrist, posed.vertices - wrist
    sides = [(x[:, 0], mirrored_points(x[:, 1])) for x in (points, vertices)]
    joints, vertices = (torch.stack(pair, dim=1) for pair in sides)
    return TwoHands(joints, vertices, torch.zeros_like(joints[:, :, 0]))


def _refined(output: AlignmentOutput, models: HandPair, refiner: Refiner) -> TwoHands:
    """Returns both hands, as far apart as the network says, after stage 2."""
    right, left = hands_of(output, models)
    rest = [model.rest_joints(hand.betas)[:, 0] for model, hand in zip(models, (right, left), strict=True)]
    left = replace(left, transl=right.transl + rest[0] + output.relative_translation - rest[1])
    right, left, _ = refiner(right, left)
    sides = []
    for model, hand in zip(models, (right, left), strict=True):
        posed = model(hand)
        sides.append((KeypointRegressor.for_model(model)(posed, hand.betas), posed.vertices, posed.joints[:, 0]))
    joints, vertices, wrists = (torch.stack(parts, dim=1) for parts in zip(*sides, strict=True))
    return TwoHands(joints, vertices, wrists)


def _apart(hands: TwoHands, relative: Tensor) -> TwoHands:
    """Returns the hands with the left one moved to its place."""
    offset = torch.stack([torch.zeros_like(relative), relative], dim=1)
    assert hands.vertices is not None
    return TwoHands(hands.joints + offset[:, :, None], hands.vertices + offset[:, :, None], offset)


def pipeline_errors(reconstructor: a2p.Reconstructor, images: DuetImages, count: int) -> dict[Axes, SampleErrors]:
    """Returns the pipeline's errors with the true boxes and camera given."""
    regressors = [KeypointRegressor.for_model(model) for model in images.models]
    parts: dict[Axes, list[SampleErrors]] = {axes: [] for axes in ALL_AXES}
    for index in range(count):
        batch = images.batch(np.array([index]))
        box = batch.box_xyxy[0]
        boxes = [(side, outline_box(tuple(box[k].tolist()))) for k, side in enumerate(("right", "left"))]
        result = reconstructor(batch.rgb[0], boxes=boxes, camera=a2p.Camera(*batch.intrinsics[0].tolist()))
        posed = [model(p) for model, p in zip(images.models, (batch.right, batch.left), strict=True)]
        points = [r(h, p.betas)[0] for r, h, p in zip(regressors, posed, (batch.right, batch.left), strict=True)]
        target = TwoHands(
            torch.stack(points)[None],
            torch.stack([h.vertices[0] for h in posed])[None],
            torch.stack([h.joints[0, 0] for h in posed])[None],
        )
        predicted = TwoHands(
            torch.stack([hand.keypoints_3d for hand in result.hands])[None],
            torch.stack([hand.vertices for hand in result.hands])[None],
            torch.stack([hand.joints[0] for hand in result.hands])[None],
        )
        validity = replace(Validity.full(target), is_interacting=torch.from_numpy(batch.is_contact))
        for axes in ALL_AXES:
            parts[axes].append(sample_errors(predicted, target, validity, axes=axes))
    return {axes: SampleErrors.cat(found) for axes, found in parts.items()}
