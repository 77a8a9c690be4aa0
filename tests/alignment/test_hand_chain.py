from __future__ import annotations

import pytest
import torch

from a2p.alignment.hand_chain import FIRST_ANGLE, HandState
from a2p.alignment.rest_hands import RestHands
from a2p.hand import HandModel
from a2p.hand.anatomy import DOFS, HandAnatomy
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.rotations import rotmat_from_rotvec
from tests.tolerances import CHAIN_JACOBIAN_FINITE, CHAIN_KEYPOINTS_M

CONVENTIONS = ("mediapipe", "mediapipe_world")


def both_hands() -> RestHands:
    left, right = HandModel.load("open", side="left").double(), HandModel.load("open").double()
    return RestHands(left, right, CONVENTIONS)


def random_state(count: int, seed: int) -> HandState:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(count, *shape, generator=generator, dtype=torch.float64)

    return HandState(
        orient_rotmat=rotmat_from_rotvec(draw(3)),
        root=0.2 * draw(3) + torch.tensor([0.0, 0.0, -0.7]),
        angles=0.5 * draw(len(DOFS)),
        betas=draw(10),
    )


IS_RIGHT = torch.tensor([True, False, True, False])


def test_the_jacobian_agrees_with_finite_differences() -> None:
    chain, state = both_hands().chain(IS_RIGHT), random_state(4, seed=0)
    jacobian = chain.pose(state).jacobian
    step = 1e-6
    for column in range(jacobian.shape[-1]):
        delta = torch.zeros(4, jacobian.shape[-1], dtype=torch.float64)
        delta[:, column] = step
        ahead, behind = (chain.pose(state.moved(sign * delta)).points for sign in (1, -1))
        difference = (ahead - behind) / (2 * step)
        torch.testing.assert_close(jacobian[..., column], difference, rtol=0, atol=CHAIN_JACOBIAN_FINITE)


def test_the_jacobian_agrees_with_automatic_differentiation_through_the_hand_model() -> None:
    model = HandModel.load("open").double()
    hands, state = both_hands(), random_state(1, seed=1)
    chain, is_right = hands.chain(torch.tensor([True])), torch.tensor([True])
    regressor = KeypointRegressor.for_model(model, "mediapipe")
    analytic = chain.pose(state).jacobian[:, :21]

    def keypoints(delta: torch.Tensor) -> torch.Tensor:
        moved = state.moved(delta[None])
        parameters = hands.parameters(moved, chain.pose(moved).joint_rotmats, is_right)
        return regressor(model(parameters), parameters.betas)[0]

    automatic = torch.autograd.functional.jacobian(keypoints, torch.zeros(analytic.shape[-1], dtype=torch.float64))
    torch.testing.assert_close(analytic[0], automatic, rtol=0, atol=CHAIN_KEYPOINTS_M)


@pytest.mark.parametrize("side", ["right", "left"])
def test_chain_and_hand_model_place_keypoints_alike(side: str) -> None:
    model = HandModel.load("open", side="right" if side == "right" else "left").double()
    is_right = torch.full((5,), side == "right")
    hands, state = both_hands(), random_state(5, seed=2)
    posed = hands.chain(is_right).pose(state)
    parameters = hands.parameters(state, posed.joint_rotmats, is_right)
    for first, convention in zip((0, 21), CONVENTIONS, strict=True):
        expected = KeypointRegressor.for_model(model, convention)(model(parameters), parameters.betas)
        torch.testing.assert_close(posed.points[:, first : first + 21], expected, rtol=0, atol=CHAIN_KEYPOINTS_M)


@pytest.mark.parametrize("side", ["right", "left"])
def test_angles_turn_joints_as_the_anatomy_says(side: str) -> None:
    model = HandModel.load("open", side="right" if side == "right" else "left").double()
    anatomy = HandAnatomy.from_rest_joints(model.J_template, side=model.side)
    state = random_state(6, seed=3)
    posed = both_hands().chain(torch.full((6,), side == "right")).pose(state)
    expected = anatomy.posed_joints(state.angles).rotmats
    torch.testing.assert_close(posed.joint_rotmats, expected, rtol=0, atol=CHAIN_KEYPOINTS_M)


def test_a_finger_moves_no_keypoint_of_another() -> None:
    jacobian = both_hands().chain(IS_RIGHT).pose(random_state(4, seed=4)).jacobian
    index_angles = [FIRST_ANGLE + k for k, dof in enumerate(DOFS) if dof.name.startswith("index")]
    moved = jacobian[..., index_angles].abs().amax((0, 2, 3))
    assert (moved[[6, 7, 8]] > 0).all()
    assert (moved[[0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]] == 0).all()
