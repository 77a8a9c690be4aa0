from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from a2p.hand import HandModel, HandParameters, PosedHand
from a2p.hand.rotations import rotmat_from_rotvec
from a2p.hand.skinning import KinematicTree, Rig, forward_kinematics, linear_blend_skinning
from tests.hand.hands import random_parameters
from tests.tolerances import SKINNING_FLOAT32_M, SKINNING_FLOAT64_M


@pytest.fixture(scope="module")
def model() -> HandModel:
    """The open hand in float64, its weights summing to one in that precision as they do in the file's float32."""
    model = HandModel.load("open").double()
    model.weights = model.weights / model.weights.sum(dim=1, keepdim=True)
    return model


def local_rotmats(parameters: HandParameters) -> Tensor:
    return rotmat_from_rotvec(torch.cat([parameters.global_orient[..., None, :], parameters.hand_pose], dim=-2))


def skinned_by_the_book(rig: Rig, rotmats: Tensor, betas: Tensor, transl: Tensor) -> tuple[Tensor, Tensor]:
    """One hand by 4x4 matrices, joint by joint and vertex by vertex: SMPL's equations 2 to 10 as they stand."""
    shaped = rig.v_template + torch.einsum("vck,k->vc", rig.shapedirs, betas)
    joints = rig.J_template + torch.einsum("jck,k->jc", rig.J_shapedirs, betas)
    pose_feature = (rotmats[1:] - torch.eye(3, dtype=rotmats.dtype)).reshape(135)
    rest = shaped + torch.einsum("vcp,p->vc", rig.posedirs, pose_feature)
    transforms: list[Tensor] = []
    for joint, parent in enumerate(rig.tree.parents):
        local = torch.eye(4, dtype=rotmats.dtype)
        local[:3, :3] = rotmats[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0)
        transforms.append(local if parent < 0 else transforms[parent] @ local)
    world = torch.stack(transforms)
    to_rest = torch.eye(4, dtype=rotmats.dtype).repeat(16, 1, 1)
    to_rest[:, :3, 3] = -joints
    blended = torch.einsum("vj,jab->vab", rig.weights, world @ to_rest)
    homogeneous = torch.cat([rest, torch.ones(len(rest), 1, dtype=rest.dtype)], dim=1)
    return torch.einsum("vab,vb->va", blended, homogeneous)[:, :3] + transl, world[:, :3, 3] + transl


def test_skinning_is_smpls_equations(model: HandModel) -> None:
    parameters = random_parameters(8)
    posed = model(parameters)
    for index in range(8):
        one = parameters[index]
        vertices, joints = skinned_by_the_book(model.rig, local_rotmats(one), one.betas, one.transl)
        torch.testing.assert_close(posed.vertices[index], vertices, rtol=0, atol=SKINNING_FLOAT64_M)
        torch.testing.assert_close(posed.joints[index], joints, rtol=0, atol=SKINNING_FLOAT64_M)


def test_float32_stays_close_to_float64(model: HandModel) -> None:
    parameters = random_parameters(32)
    expected = model(parameters)
    actual = HandModel.load("open")(parameters.to(dtype=torch.float32))
    torch.testing.assert_close(actual.vertices.double(), expected.vertices, rtol=0, atol=SKINNING_FLOAT32_M)
    torch.testing.assert_close(actual.joints.double(), expected.joints, rtol=0, atol=SKINNING_FLOAT32_M)


def test_the_rest_pose_is_the_shaped_template(model: HandModel) -> None:
    """Pose blend shapes vanish at rest, whatever they are."""
    betas = random_parameters(4).betas
    posed = model(replace(HandParameters.zeros(4, dtype=torch.float64), betas=betas))
    shaped = model.v_template + torch.einsum("vck,bk->bvc", model.shapedirs, betas)
    torch.testing.assert_close(posed.vertices, shaped, rtol=0, atol=SKINNING_FLOAT64_M)
    torch.testing.assert_close(posed.joints, model.rest_joints(betas), rtol=0, atol=SKINNING_FLOAT64_M)
    identity = torch.eye(3, dtype=torch.float64).expand(4, 16, 3, 3)
    torch.testing.assert_close(posed.joint_rotmats, identity, rtol=0, atol=0)


def test_turning_and_moving_the_wrist_moves_the_whole_hand_rigidly(model: HandModel) -> None:
    parameters = random_parameters(8)
    zeros = torch.zeros(8, 3, dtype=torch.float64)
    still = model(replace(parameters, global_orient=zeros, transl=zeros))
    moved = model(parameters)
    rotmat, wrist = rotmat_from_rotvec(parameters.global_orient), model.rest_joints(parameters.betas)[:, :1]

    def rigidly(points: Tensor) -> Tensor:
        return (points - wrist) @ rotmat.mT + wrist + parameters.transl[:, None]

    torch.testing.assert_close(moved.vertices, rigidly(still.vertices), rtol=0, atol=SKINNING_FLOAT64_M)
    torch.testing.assert_close(moved.joints, rigidly(still.joints), rtol=0, atol=SKINNING_FLOAT64_M)
    torch.testing.assert_close(moved.joints[:, 0], wrist[:, 0] + parameters.transl, rtol=0, atol=SKINNING_FLOAT64_M)
    torch.testing.assert_close(moved.joint_rotmats, rotmat[:, None] @ still.joint_rotmats, rtol=0, atol=1e-14)


@pytest.mark.parametrize("joint", range(1, 16))
def test_a_joint_moves_what_hangs_on_it_and_nothing_else(model: HandModel, joint: int) -> None:
    pose = torch.zeros(15, 3, dtype=torch.float64)
    pose[joint - 1, 2] = 0.5
    rest = model(HandParameters.zeros(dtype=torch.float64))
    posed = model(replace(HandParameters.zeros(dtype=torch.float64), hand_pose=pose))
    below = {joint}
    for child, parent in enumerate(model.parents.tolist()):
        if parent in below:
            below.add(child)
    turned = {j for j in range(16) if not torch.equal(posed.joint_rotmats[j], torch.eye(3, dtype=torch.float64))}
    moved = {j for j in range(16) if (posed.joints[j] - rest.joints[j]).norm() > 1e-12}
    assert turned == below
    assert moved == below - {joint}


def test_tips_bend_towards_the_palm_under_positive_flexion(model: HandModel) -> None:
    """The canonical frame has fingers along -x and the palm towards -y, so flexion turns about +z."""
    pose = torch.zeros(15, 3, dtype=torch.float64)
    pose[3, 2] = 0.5
    posed = model(replace(HandParameters.zeros(dtype=torch.float64), hand_pose=pose))
    rest = model(HandParameters.zeros(dtype=torch.float64))
    assert posed.joints[6, 1] < rest.joints[6, 1] - 0.01


def small_rig(model: HandModel) -> Rig:
    """The hand's rig with three vertices, for numerical differentiation."""
    some = torch.arange(0, len(model.v_template), 600)
    rig = model.rig
    return replace(
        rig,
        v_template=rig.v_template[some],
        shapedirs=rig.shapedirs[some],
        posedirs=rig.posedirs[some],
        weights=rig.weights[some],
    )


@pytest.mark.parametrize("at_rest", [True, False])
def test_derivatives_of_first_and_second_order_are_right(model: HandModel, at_rest: bool) -> None:
    rig = small_rig(model)
    parameters = HandParameters.zeros(dtype=torch.float64) if at_rest else random_parameters()
    inputs = parameters.map(lambda tensor: tensor.clone().requires_grad_())

    def skin(global_orient: Tensor, hand_pose: Tensor, betas: Tensor, transl: Tensor) -> tuple[Tensor, Tensor]:
        rotmats = rotmat_from_rotvec(torch.cat([global_orient[None], hand_pose]))
        posed = linear_blend_skinning(rig, rotmats, betas, transl)
        return posed.vertices, posed.joints

    arguments = (inputs.global_orient, inputs.hand_pose, inputs.betas, inputs.transl)
    assert gradcheck(skin, arguments)
    assert gradgradcheck(lambda *a: skin(*a)[0], arguments, fast_mode=True)


def test_function_transforms_equal_a_loop(model: HandModel) -> None:
    parameters = random_parameters(3)

    def tip(hand_pose: Tensor, betas: Tensor) -> Tensor:
        zero = torch.zeros(3, dtype=torch.float64)
        vertices: Tensor = model(HandParameters(zero, hand_pose, betas, zero)).vertices
        return vertices[320]

    mapped = torch.func.vmap(torch.func.jacrev(tip))(parameters.hand_pose, parameters.betas)
    looped = torch.stack(
        [
            torch.func.jacrev(tip)(pose, betas)
            for pose, betas in zip(parameters.hand_pose, parameters.betas, strict=True)
        ]
    )
    torch.testing.assert_close(mapped, looped)
    assert mapped.shape == (3, 3, 15, 3)
    assert mapped[:, :, 3:].abs().max() < 1e-3, "the index fingertip hangs on the first three joints"


@pytest.mark.parametrize("batch", [(), (0,), (1,), (2, 3)])
def test_any_leading_dimensions_pass_through(model: HandModel, batch: tuple[int, ...]) -> None:
    posed: PosedHand = model(random_parameters(*batch))
    assert posed.vertices.shape == (*batch, 1630, 3)
    assert posed.joints.shape == (*batch, 16, 3)
    assert posed.joint_rotmats.shape == (*batch, 16, 3, 3)


def test_a_batch_is_its_hands_one_by_one(model: HandModel) -> None:
    parameters = random_parameters(2, 3)
    posed = model(parameters)
    for row in range(2):
        for column in range(3):
            one = model(parameters[row][column])
            torch.testing.assert_close(posed.vertices[row, column], one.vertices, rtol=0, atol=SKINNING_FLOAT64_M)


def test_a_straight_chain_turns_about_its_root() -> None:
    """Three unit bones along x, the root turned a quarter about z and the second joint back by as much."""
    tree = KinematicTree((-1, 0, 1, 2))
    joints = torch.tensor([[1.0, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0]], dtype=torch.float64)
    quarter = torch.tensor([0, 0, torch.pi / 2], dtype=torch.float64)
    rotvecs = torch.stack([quarter, torch.zeros_like(quarter), -quarter, torch.zeros_like(quarter)])
    posed = forward_kinematics(rotmat_from_rotvec(rotvecs), joints, tree)
    expected = torch.tensor([[1.0, 0, 0], [1, 1, 0], [1, 2, 0], [2, 2, 0]], dtype=torch.float64)
    torch.testing.assert_close(posed.positions, expected, rtol=0, atol=1e-15)
    torch.testing.assert_close(posed.rotmats[3], torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-15)


@pytest.mark.parametrize("parents", [(0, 0), (-1, 1), (-1, 2, 0), (-1, -1)])
def test_a_parent_that_does_not_come_first_is_an_error(parents: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="an earlier parent"):
        KinematicTree(parents)
