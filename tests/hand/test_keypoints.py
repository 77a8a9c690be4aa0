from __future__ import annotations

import numpy as np
import pytest
import torch

from a2p.errors import ConfigError, HandModelError
from a2p.hand import HandModel, HandParameters
from a2p.hand.keypoints import (
    CONVENTIONS,
    FINGERTIP_VERTICES,
    JOINT_OF_KEYPOINT,
    PARENT_OF_KEYPOINT,
    KeypointRegressor,
)
from a2p.hand.rotations import rotmat_from_rotvec
from tests.hand.hands import random_parameters
from tests.tolerances import KEYPOINTS_M


def test_skinning_keypoints_are_the_posed_joints() -> None:
    model = HandModel.load("open")
    parameters = random_parameters(5, seed=0, dtype=torch.float32)
    posed = model(parameters)
    keypoints = KeypointRegressor.for_model(model, "skinning")(posed, parameters.betas)
    joints = posed.joints[:, [0, 13, 14, 15, 1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9]]
    bases = [k for k in range(21) if k not in (4, 8, 12, 16, 20)]
    torch.testing.assert_close(keypoints[:, bases], joints, rtol=0, atol=KEYPOINTS_M)


def test_skinning_tips_are_the_fingertip_vertices_of_the_unposed_hand() -> None:
    model = HandModel.load("open")
    shape = random_parameters(5, seed=1, dtype=torch.float32).betas
    parameters = HandParameters(**{**vars(HandParameters.zeros(5)), "betas": shape})
    posed = model(parameters)
    keypoints = KeypointRegressor.for_model(model, "skinning")(posed, shape)
    tips = posed.vertices[:, list(FINGERTIP_VERTICES)]
    torch.testing.assert_close(keypoints[:, [4, 8, 12, 16, 20]], tips, rtol=0, atol=KEYPOINTS_M)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_left_hands_keypoints_mirror_the_right_hands(convention: str) -> None:
    right, left = HandModel.load("open"), HandModel.load("open", side="left")
    parameters = random_parameters(5, seed=2, dtype=torch.float32)
    turned = torch.tensor([1.0, -1.0, -1.0])
    flipped = torch.tensor([-1.0, 1.0, 1.0])
    mirrored = HandParameters(
        global_orient=parameters.global_orient * turned,
        hand_pose=parameters.hand_pose * turned,
        betas=parameters.betas,
        transl=parameters.transl * flipped,
    )
    expected = KeypointRegressor.for_model(right, convention)(right(parameters), parameters.betas) * flipped
    actual = KeypointRegressor.for_model(left, convention)(left(mirrored), parameters.betas)
    torch.testing.assert_close(actual, expected, rtol=0, atol=KEYPOINTS_M)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_rigid_motion_carries_the_keypoints_along(convention: str) -> None:
    model = HandModel.load("open")
    parameters = random_parameters(4, seed=3, dtype=torch.float32)
    regressor = KeypointRegressor.for_model(model, convention)
    resting = HandParameters(**{**vars(parameters), "global_orient": torch.zeros(4, 3)})
    before, after = (regressor(model(p), p.betas) for p in (resting, parameters))
    wrist = model(parameters).joints[:, :1]
    rotmat = rotmat_from_rotvec(parameters.global_orient)
    torch.testing.assert_close(after, (before - wrist) @ rotmat.mT + wrist, rtol=0, atol=KEYPOINTS_M)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_rest_keypoints_are_linear_in_betas(convention: str) -> None:
    regressor = KeypointRegressor.for_model(HandModel.load("open"), convention)
    first, second = random_parameters(2, seed=4, dtype=torch.float32).betas
    between = regressor.rest(0.25 * first + 0.75 * second)
    expected = 0.25 * regressor.rest(first) + 0.75 * regressor.rest(second)
    torch.testing.assert_close(between, expected, rtol=0, atol=KEYPOINTS_M)


def test_annotators_mark_knuckles_nearer_the_wrist_than_the_joints_that_skinning_turns_about() -> None:
    model = HandModel.load("open")
    proximal_share = {}
    for convention in CONVENTIONS:
        rest = KeypointRegressor.for_model(model, convention).template
        bones = torch.linalg.vector_norm(rest[1:] - rest[list(PARENT_OF_KEYPOINT[1:])], dim=-1)
        proximal_share[convention] = float(bones[9] / bones[8])
    assert proximal_share["skinning"] < proximal_share["mediapipe_world"]
    assert proximal_share["mediapipe_world"] < proximal_share["mediapipe"]
    assert proximal_share["skinning"] < proximal_share["interhand"] < 0.63


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_keypoint_lies_within_three_centimetres_of_its_joint_or_tip(convention: str) -> None:
    model = HandModel.load("open")
    rest = KeypointRegressor.for_model(model, convention).template
    anatomical = KeypointRegressor.for_model(model, "skinning").template
    assert torch.linalg.vector_norm(rest - anatomical, dim=-1).max() < 0.03
    assert len(set(JOINT_OF_KEYPOINT)) == 16


def test_an_unknown_convention_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="skinning, mediapipe, mediapipe_world, interhand"):
        KeypointRegressor.for_model(HandModel.load("open"), "openpose")


def test_a_mesh_without_fingertip_vertices_is_refused() -> None:
    model = HandModel.load("open")
    model.v_template = model.v_template[:500]
    with pytest.raises(HandModelError, match="more than 744 vertices"):
        KeypointRegressor.for_model(model)


def test_keypoints_pass_gradients_to_every_parameter() -> None:
    model = HandModel.load("open").double()
    leaves = random_parameters(1, seed=5, dtype=torch.float32).map(lambda tensor: tensor.double().requires_grad_())
    keypoints = KeypointRegressor.for_model(model, "mediapipe")(model(leaves), leaves.betas)
    keypoints.square().sum().backward()
    for name, leaf in vars(leaves).items():
        assert leaf.grad is not None, name
        assert np.isfinite(leaf.grad.numpy()).all(), name
        assert leaf.grad.abs().sum() > 0, name
