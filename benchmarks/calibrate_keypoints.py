"""Measures the keypoint regressors' numbers and prints them in the form of `a2p/hand/keypoint_offsets.py`.

    python -m benchmarks.calibrate_keypoints [SHARED_FOLDER]

Hands and offsets are fitted together to 3D points, by Gauss-Newton steps with the hands eliminated (Schur complement):
`mediapipe` to the image landmarks lifted to the true depth, `mediapipe_world` to the metric landmarks, both on the even
half of hand_graph_cnn, `interhand` to the annotated hands of InterHand2.6M's sample. Points on fingers may only move
along their bones; those of the palm also sideways, within a few millimetres. Results vary by a few hundredths.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from a2p.alignment.hand_chain import FIRST_ANGLE, HandChain, HandState
from a2p.alignment.rest_hands import RestHands
from a2p.alignment.starts import PALM, _palm_rotation
from a2p.hand import HandModel
from a2p.hand.keypoint_offsets import OFFSETS
from a2p.hand.keypoints import FINGERTIP_VERTICES, JOINT_OF_KEYPOINT, bone_frames
from a2p.perception import HandFinder
from benchmarks.eval_fit import annotated_hands

_BONE_END = (4, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
SIGMA_M, ALONG_SIGMA, PALM_SIGMA_MM, FINGER_SIGMA_MM = 0.004, 0.3, 3.0, 0.01
INTERHAND_ORDER = (20, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 19, 18, 17, 16)


def offset_frames(model: HandModel) -> Tensor:
    """Returns what a unit of each offset moves a resting keypoint: (21, 3 offsets, 3), m."""
    points = torch.cat([model.J_template, model.v_template[list(FINGERTIP_VERTICES)]]).double()
    bones = points[list(_BONE_END)] - points[list(JOINT_OF_KEYPOINT)]
    frames = bone_frames(bones, model.J_template.double(), model.side)
    return torch.stack([bones, 1e-3 * frames[:, 1], 1e-3 * frames[:, 2]], dim=1)


def calibrate(models: tuple[HandModel, HandModel], points: Tensor, is_right: Tensor, steps: int = 25) -> Tensor:
    """Returns the offsets (21, 3) with which the hands explain points (n, 21, 3; m) best."""
    count = len(points)
    hands = RestHands(*models, ("skinning", "skinning"))
    chain = hands.chain(is_right)
    priors = hands.priors(pose_slack=0.3, pose_weight=0.3, shape_weight=1.0, size_sigma=1.0)
    frames = torch.stack([offset_frames(model) for model in models])[is_right.long()]
    points = points - points.mean(1, keepdim=True) + torch.tensor([0.0, 0.0, 0.5], dtype=torch.float64)
    state = HandState(
        orient_rotmat=torch.eye(3, dtype=torch.float64).expand(count, 3, 3),
        root=torch.cat([points[:, 0, :2] / points[:, 0, 2:], points[:, 0, 2:].log()], dim=1),
        angles=priors.angle_mean.expand(count, -1),
        betas=torch.zeros(count, 10, dtype=torch.float64),
    )
    state = replace(state, orient_rotmat=_palm_rotation(chain.pose(state).points[:, :21], points))
    start = torch.tensor(OFFSETS["skinning"], dtype=torch.float64)
    sideways = torch.full((21,), FINGER_SIGMA_MM, dtype=torch.float64)
    sideways[list(PALM)] = PALM_SIGMA_MM
    precision = torch.stack([torch.full_like(sideways, ALONG_SIGMA), sideways, sideways], dim=1).flatten() ** -2
    offsets = start.clone()
    for _ in range(steps):
        rows, by_offset, residual = linearised(chain, state, frames, offsets - start, points)
        hessian, gradient = rows.mT @ rows, rows.mT @ residual
        hessian[:, FIRST_ANGLE:-10, FIRST_ANGLE:-10] += priors.angle_precision
        gradient[:, FIRST_ANGLE:-10, 0] += (state.angles - priors.angle_mean) @ priors.angle_precision
        hessian[:, range(-10, 0), range(-10, 0)] += priors.beta_precision
        gradient[:, -10:, 0] += priors.beta_precision * state.betas
        hessian = hessian + torch.diag_embed(1e-2 * hessian.diagonal(dim1=1, dim2=2) + 1e-6)
        mixed = rows.mT @ by_offset
        solved = torch.linalg.solve(hessian, torch.cat([mixed, gradient], dim=2))
        schur = (by_offset.mT @ by_offset - mixed.mT @ solved[..., :-1]).sum(0) + torch.diag(precision)
        slope = (by_offset.mT @ residual - mixed.mT @ solved[..., -1:]).sum(0)[:, 0]
        step = -torch.linalg.solve(schur, slope + precision * (offsets - start).flatten())
        offsets = offsets + step.reshape(21, 3)
        state = state.moved(-(solved[..., :-1] @ step + solved[..., -1]))
        lower, upper = priors.angle_lower, priors.angle_upper
        state = replace(state, angles=state.angles.clamp(lower, upper), betas=state.betas.clamp(-3, 3))
    print(f"# rms {1e3 * float((SIGMA_M * residual).square().mean().mul(3).sqrt()):.1f} mm, {count} hands")
    return offsets


def linearised(
    chain: HandChain, state: HandState, frames: Tensor, change: Tensor, points: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns derivatives by the hands' unknowns and by the offsets, and the weighted residuals (n, 63, ...)."""
    shift = torch.einsum("kc,nkcd->nkd", change, frames).repeat(1, 2, 1)[..., None]
    posed = replace(chain, arms=torch.cat([chain.arms[..., :1] + shift, chain.arms[..., 1:]], dim=-1)).pose(state)
    carriers = global_rotations(state.orient_rotmat, posed.joint_rotmats)[:, list(JOINT_OF_KEYPOINT)]
    count = len(points)
    by_offset = torch.zeros(count, 21, 3, 21, 3, dtype=torch.float64)
    by_offset[:, range(21), :, range(21)] = (carriers @ frames.mT).transpose(0, 1)
    residual = (posed.points[:, :21] - points) / SIGMA_M
    weight = 1.0 / (1.0 + residual.square().sum(-1) / 16)
    weights = weight.repeat_interleave(3, dim=1)[..., None]
    rows = posed.jacobian[:, :21].flatten(1, 2) / SIGMA_M
    return (
        rows * weights,
        by_offset.reshape(count, 63, 63) / SIGMA_M * weights,
        residual.reshape(count, 63, 1) * weights,
    )


def global_rotations(orient: Tensor, local: Tensor) -> Tensor:
    """Returns the global rotations of the wrist and the 15 finger joints."""
    rotmats = [orient]
    for joint in range(15):
        rotmats.append(rotmats[0 if joint % 3 == 0 else joint] @ local[:, joint])
    return torch.stack(rotmats, dim=1)


def interhand_hands(folder: Path) -> tuple[Tensor, Tensor]:
    """Returns the fully annotated hands of the sample (n, 21, 3; m) and whether they are right ones."""
    points, sides = [], []
    for frames in json.loads((folder / "test_interhand2.6m_joint_3d.json").read_text()).values():
        for frame in frames.values():
            joints, valid = np.array(frame["world_coord"]), np.array(frame["joint_valid"]).ravel()
            for first in (0, 21):
                if valid[first : first + 21].all():
                    points.append(1e-3 * joints[first : first + 21][list(INTERHAND_ORDER)])
                    sides.append(first == 0)
    return torch.tensor(np.array(points)), torch.tensor(sides)


def main() -> None:
    """Prints the table of every calibrated convention."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", nargs="?", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    annotated = parser.parse_args().shared / "annotated"
    models = (HandModel.load("open", side="left"), HandModel.load("open"))
    even = [hand for hand in annotated_hands(HandFinder(), annotated / "hand_graph_cnn")[::2] if hand.seen is not None]
    lifted, metric, sides = [], [], []
    for hand in even:
        assert hand.seen is not None
        camera, depth = hand.camera, hand.joints[:, 2:]
        focal, centre = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
        rays = (hand.seen.keypoints_2d.double().numpy() - centre) / focal
        lifted.append(np.concatenate([rays * depth, depth], axis=1))
        metric.append(hand.seen.keypoints_3d.double().numpy())
        sides.append(hand.seen.handedness == "right")
    is_right = torch.tensor(sides)
    data = {
        "mediapipe": (torch.tensor(np.array(lifted)), is_right),
        "mediapipe_world": (torch.tensor(np.array(metric)), is_right),
        "interhand": interhand_hands(annotated / "interhand2.6m"),
    }
    for convention, (points, right) in data.items():
        print(f'    "{convention}": (')
        for along, dorsal, radial in calibrate(models, points, right).tolist():
            print(f"        ({round(along, 2) + 0.0}, {round(dorsal, 1) + 0.0}, {round(radial, 1) + 0.0}),")
        print("    ),")


if __name__ == "__main__":
    main()
