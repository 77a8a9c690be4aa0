"""The closed form of anatomical angles: what `HandAnatomy` defines, and the gradient that autograd finds."""

from __future__ import annotations

import pytest
import torch

from a2p.hand import HandModel
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.hand_data import Side
from a2p.hand.joint_turns import JointTurns, turn_gradient
from a2p.hand.rotations import left_jacobian
from tests.tolerances import JOINT_TURNS_GRADIENT, JOINT_TURNS_RAD


@pytest.mark.parametrize("side", ["right", "left"])
def test_pose_and_gradient_are_those_of_the_definition(side: Side) -> None:
    generator = torch.Generator().manual_seed(0)
    anatomy = HandAnatomy.from_rest_joints(HandModel.load(side=side).J_template.double(), side=side)
    turns = JointTurns(anatomy)
    share = torch.rand(400, 22, generator=generator, dtype=torch.float64)
    share[:22] = share[:22] * (1 - torch.eye(22)) + 1e-9 * torch.eye(22)
    angles = (anatomy.lower + (anatomy.upper - anatomy.lower) * share).requires_grad_()
    expected = anatomy.hand_pose(angles)
    pose = turns.hand_pose(angles.detach())
    torch.testing.assert_close(pose, expected.detach(), rtol=0, atol=JOINT_TURNS_RAD)
    weights = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((expected * weights).sum(), angles)
    found = turns.gradient(angles.detach(), pose, weights)
    torch.testing.assert_close(found, gradient, rtol=0, atol=JOINT_TURNS_GRADIENT)


def test_the_flat_hand_has_no_turns() -> None:
    anatomy = HandAnatomy.from_rest_joints(HandModel.load().J_template.double(), side="right")
    pose = JointTurns(anatomy).hand_pose(anatomy.rest[None])
    assert float(pose.abs().max()) < JOINT_TURNS_RAD


@pytest.mark.parametrize("size", [0.0, 1e-6, 0.09, 0.11, 3.0])
def test_a_turns_gradient_undoes_the_jacobian(size: float) -> None:
    generator = torch.Generator().manual_seed(0)
    rotvec = torch.nn.functional.normalize(torch.randn(50, 3, generator=generator, dtype=torch.float64), dim=1) * size
    gradient = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    found = turn_gradient(rotvec, (left_jacobian(rotvec).mT @ gradient[..., None])[..., 0])
    torch.testing.assert_close(found, gradient, rtol=0, atol=JOINT_TURNS_GRADIENT)
