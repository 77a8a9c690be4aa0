"""Small networks and batches that the alignment tests share."""

from __future__ import annotations

import torch

from a2p.alignment.batch import AlignmentBatch, AlignmentInput, AlignmentLabels, boxes
from a2p.alignment.network import AlignmentConfig, AlignmentNetwork
from a2p.hand import HandModel
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.rotations import rotmat_from_rotvec

ORACLE = {"keypoints": 21, "segmentation": 4, "depth": 9}


def small(**changes: object) -> AlignmentConfig:
    """Returns a network for crops of 64 px."""
    sizes: dict[str, object] = {
        **{"crop_px": 64, "width": 32, "heads": 2, "layers": 1, "shared_blocks": 5, "keypoint_hidden": 16},
        **{"sampled": 16, "parameter_hidden": 32, "relative_hidden": 32},
    }
    return AlignmentConfig(**(sizes | changes))


def small_volume(**changes: object) -> AlignmentConfig:
    """Returns the same with the paper's heads."""
    heads = {"keypoint_head": "volume", "relative_head": "volume", "parameter_hidden": 0, "token_stride": 32}
    return small(**(heads | changes))


def network_of(config: AlignmentConfig, seed: int = 0) -> AlignmentNetwork:
    """Returns a network whose heads, which start near zero, say something about the picture."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = AlignmentNetwork(config).eval().requires_grad_(False)
        head = network.parameters_head
        for layer in (network.keypoints.logits, head.root, head.pose, head.betas, head.camera):
            torch.nn.init.normal_(layer.weight, std=0.3)
    return network


def batch_of(count: int, model: HandModel, *, size: int = 64, seed: int = 0) -> AlignmentBatch:
    """Returns pictures of noise with the labels of hands in natural places, all of them valid."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return scale * torch.randn(*shape, generator=generator)

    rotvecs = draw(count, 2, 16, 3, scale=0.3)
    rotmats, betas = rotmat_from_rotvec(rotvecs), draw(count, 2, 10, scale=0.5)
    posed = model.pose(rotmats, betas, torch.zeros(count, 2, 3))
    keypoints = KeypointRegressor.for_model(model)(posed, betas)
    wrist = torch.tensor([0.05, 0.0, 0.5]) + draw(count, 2, 3, scale=0.01)
    placed = keypoints - keypoints[..., :1, :] + wrist[..., None, :]
    intrinsics = torch.tensor([1.6, 1.6, 0.5, 0.5]).expand(count, 2, 4).contiguous()
    pixels = placed[..., :2] / placed[..., 2:] * intrinsics[..., None, :2] + intrinsics[..., None, 2:]
    around = torch.cat([pixels.amin(2), pixels.amax(2)], dim=-1)
    yes = torch.ones(count, 2, 21, dtype=torch.bool)
    labels = AlignmentLabels(
        keypoints_25d=torch.cat([pixels, (keypoints - keypoints[..., :1, :])[..., 2:]], dim=-1),
        keypoints_2d_valid=yes,
        visible=yes,
        keypoints_3d=keypoints - keypoints[..., :1, :],
        keypoints_3d_valid=yes,
        rotmats=rotmats,
        betas=betas,
        parameters_valid=yes[..., 0],
        relative_translation=draw(count, 3, scale=0.05),
        relative_valid=yes[:, 0, 0],
        segmentation=torch.randint(0, 4, (count, 2, size, size), generator=generator).to(torch.uint8),
        segmentation_valid=yes[..., 0],
        depth=draw(count, 2, size, size, scale=0.05),
        depth_valid=torch.ones(count, 2, size, size, dtype=torch.bool),
    )
    crops = torch.rand(count, 2, 3, size, size, generator=generator)
    return AlignmentBatch(AlignmentInput(crops, boxes(around, around.flip(1), size), yes[..., 0], intrinsics), labels)
