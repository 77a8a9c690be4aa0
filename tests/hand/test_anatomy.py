"""Anatomical angles: what they mean, that they survive the round trip, and what their derivatives are."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from a2p.hand.anatomy import DOF_INDEX, DOFS, HandAnatomy
from a2p.hand.rotations import cross_matrix, rotmat_from_rotvec
from tests.tolerances import ANATOMY_ROUND_TRIP_RAD

REST_JOINTS = torch.tensor(
    [
        *([0.0, 0.0, 0.0],),
        *([-95.1, -4.1, 25.2], [-124.4, -4.2, 27.9], [-150.3, -4.2, 30.3]),
        *([-94.3, 0.0, 0.0], [-128.4, -0.1, 0.0], [-158.3, 0.0, 0.0]),
        *([-80.3, -4.1, -36.8], [-102.9, -4.2, -42.3], [-119.2, -4.2, -46.3]),
        *([-89.0, 0.4, -18.9], [-120.7, 0.3, -21.8], [-143.4, 0.4, -23.9]),
        *([-34.6, -4.0, 23.6], [-45.3, -24.3, 42.5], [-60.0, -52.0, 68.4]),
    ],
    dtype=torch.float64,
).div(1000)
"""Of a right hand, m: fingers along -x, palm towards -y, thumb towards +z."""
MIRROR = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)


def anatomy(side: str = "right") -> HandAnatomy:
    if side == "right":
        return HandAnatomy.from_rest_joints(REST_JOINTS, side="right")
    return HandAnatomy.from_rest_joints(REST_JOINTS * MIRROR, side="left")


def random_angles(count: int, seed: int = 0) -> Tensor:
    hand = anatomy()
    share = torch.rand(count, len(DOFS), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return hand.lower + share * (hand.upper - hand.lower)


def rest_with(hand: HandAnatomy, **angles_deg: float) -> Tensor:
    angles = hand.rest
    for name, angle_deg in angles_deg.items():
        angles[DOF_INDEX[name]] = math.radians(angle_deg)
    return angles


def bone_after(hand: HandAnatomy, angles: Tensor, joint: int) -> Tensor:
    """The direction of the bone behind `joint` (1 to 15, not a last one), its parent at rest."""
    rest = REST_JOINTS if hand.side == "right" else REST_JOINTS * MIRROR
    rotmat = rotmat_from_rotvec(hand.hand_pose(angles))[joint - 1]
    bone = rotmat @ (rest[joint + 1] - rest[joint])
    return bone / bone.norm()


@pytest.mark.parametrize("side", ["right", "left"])
def test_angles_survive_the_way_to_axis_angle_and_back(side: str) -> None:
    angles = random_angles(500)
    error = (anatomy(side).angles(anatomy(side).hand_pose(angles)) - angles).abs().max()
    assert error < ANATOMY_ROUND_TRIP_RAD


def test_the_rest_pose_is_inside_the_limits_and_maps_to_zero() -> None:
    hand = anatomy()
    assert (hand.rest >= hand.lower - 1e-12).all()
    assert (hand.rest <= hand.upper + 1e-12).all()
    torch.testing.assert_close(hand.hand_pose(hand.rest), torch.zeros(15, 3, dtype=torch.float64), rtol=0, atol=1e-14)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("first_joint", [1, 4, 7, 10])
def test_fingers_flex_towards_the_palm_on_both_hands(side: str, first_joint: int) -> None:
    hand = anatomy(side)
    finger = {1: "index", 4: "middle", 7: "pinky", 10: "ring"}[first_joint]
    bone = bone_after(hand, rest_with(hand, **{f"{finger}_mcp_flexion": 80}), first_joint)
    assert bone[1] < -0.95
    bone = bone_after(hand, rest_with(hand, **{f"{finger}_pip_flexion": 80}), first_joint + 1)
    assert bone[1] < -0.95


@pytest.mark.parametrize("side", ["right", "left"])
def test_abduction_is_positive_towards_the_thumb_on_both_hands(side: str) -> None:
    hand = anatomy(side)
    for finger, joint in (("index", 1), ("middle", 4), ("pinky", 7), ("ring", 10)):
        before = bone_after(hand, hand.rest, joint)
        after = bone_after(hand, rest_with(hand, **{f"{finger}_mcp_abduction": 15}), joint)
        assert after[2] > before[2] + 0.2


def test_the_thumb_angles_say_where_its_metacarpal_points() -> None:
    hand = anatomy()
    in_palm = bone_after(hand, rest_with(hand, thumb_cmc_radial=0, thumb_cmc_palmar=0), 13)
    index = REST_JOINTS[1] / REST_JOINTS[1].norm()
    assert in_palm @ index > 0.99
    spread = bone_after(hand, rest_with(hand, thumb_cmc_radial=50, thumb_cmc_palmar=0), 13)
    assert math.degrees(torch.acos(spread @ in_palm)) == pytest.approx(50)
    raised = bone_after(hand, rest_with(hand, thumb_cmc_radial=0, thumb_cmc_palmar=40), 13)
    assert raised[1] < -0.6


def test_the_thumb_flexes_across_the_palm_towards_the_little_finger() -> None:
    hand = anatomy()
    before, after = (bone_after(hand, rest_with(hand, thumb_mcp_flexion=angle), 14) for angle in (0, 50))
    assert after[2] < before[2] - 0.5
    assert after[0] < before[0]


def test_the_left_hand_mirrors_the_right() -> None:
    angles = random_angles(20)
    right, left = anatomy("right").hand_pose(angles), anatomy("left").hand_pose(angles)
    torch.testing.assert_close(left, right * -MIRROR, rtol=0, atol=1e-12)


def test_scale_does_not_change_the_axes() -> None:
    doubled = HandAnatomy.from_rest_joints(2 * REST_JOINTS, side="right")
    torch.testing.assert_close(doubled.proximal, anatomy().proximal, rtol=0, atol=1e-12)


def test_a_turn_of_the_models_frame_turns_the_axes() -> None:
    turn = rotmat_from_rotvec(torch.tensor([0.3, -0.2, 0.4], dtype=torch.float64))
    turned = HandAnatomy.from_rest_joints(REST_JOINTS @ turn.mT, side="right")
    torch.testing.assert_close(turned.proximal, turn @ anatomy().proximal, rtol=0, atol=1e-12)
    torch.testing.assert_close(turned.rest, anatomy().rest, rtol=0, atol=1e-12)


@pytest.mark.parametrize("side", ["right", "left"])
def test_turning_axes_are_the_derivatives_of_the_rotations(side: str) -> None:
    hand, angles = anatomy(side), random_angles(1, seed=1)[0]
    jacobian = torch.autograd.functional.jacobian(lambda a: hand.posed_joints(a).rotmats, angles)
    posed = hand.posed_joints(angles)
    for k, dof in enumerate(DOFS):
        expected = cross_matrix(posed.axes[k]) @ posed.rotmats[dof.joint]
        torch.testing.assert_close(jacobian[dof.joint, ..., k], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("side", ["right", "left"])
def test_posed_joints_are_the_rotations_of_the_axis_angle_pose(side: str) -> None:
    hand, angles = anatomy(side), random_angles(20)
    expected = rotmat_from_rotvec(hand.hand_pose(angles))
    torch.testing.assert_close(hand.posed_joints(angles).rotmats, expected, rtol=0, atol=1e-12)


def test_gradients_are_right_also_at_rest() -> None:
    hand = anatomy()
    for angles in (hand.rest, random_angles(1)[0]):
        assert torch.autograd.gradcheck(hand.hand_pose, (angles.requires_grad_(),))
    assert torch.autograd.gradcheck(hand.angles, (0.1 * torch.ones(15, 3, dtype=torch.float64, requires_grad=True),))


def test_projection_obeys_the_limits_and_leaves_natural_poses_alone() -> None:
    hand = anatomy()
    wild = torch.randn(200, 15, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    projected = hand.angles(hand.project(wild))
    assert (projected >= hand.lower - 1e-9).all()
    assert (projected <= hand.upper + 1e-9).all()
    natural = hand.hand_pose(random_angles(200))
    torch.testing.assert_close(hand.project(natural), natural, rtol=0, atol=1e-9)


def test_joint_angles_describe_a_pose_fully() -> None:
    hand = anatomy()
    turned = torch.zeros(15, 3, dtype=torch.float64)
    turned[1] = 0.3 * hand.proximal[1, :, 0]
    expected = hand.joint_angles(torch.zeros_like(turned))
    expected[1, 2] += 0.3
    torch.testing.assert_close(hand.joint_angles(turned), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(hand.angles(turned), hand.rest, rtol=0, atol=1e-12)
