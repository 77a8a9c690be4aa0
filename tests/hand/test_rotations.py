from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from a2p.hand.rotations import (
    cross_matrix,
    left_jacobian,
    quat_wxyz_from_rotmat,
    rot6d_from_rotmat,
    rotmat_from_rot6d,
    rotmat_from_rotvec,
    rotvec_from_quat_wxyz,
    rotvec_from_rotmat,
)
from tests.tolerances import ROTATION_FLOAT32, ROTATION_FLOAT64

component = st.floats(-10.0, 10.0, allow_subnormal=True)
rotvecs = st.tuples(component, component, component).map(lambda v: torch.tensor(v, dtype=torch.float64))


def random_rotvecs(count: int, *, max_angle: float = math.pi - 1e-3) -> Tensor:
    """Axis-angle vectors of random direction whose angles fill [0, max_angle]."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(count, 3, dtype=torch.float64, generator=generator)
    angle = torch.rand(count, 1, dtype=torch.float64, generator=generator) * max_angle
    return direction / direction.norm(dim=-1, keepdim=True) * angle


def at_angle(angle: float) -> Tensor:
    direction = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 1.0], [-1.0, -1.0, 0.0]], dtype=torch.float64)
    return direction / direction.norm(dim=-1, keepdim=True) * angle


SPECIAL_ANGLES = [0.0, 1e-300, 1e-12, 1e-8, 1e-4, 0.39, 0.40, 1.0 - 1e-9, 1.0 + 1e-9, 2.0, math.pi - 1e-3]


def turned_about_a_unit_axis(rotvec: Tensor) -> Tensor:
    """cos(a) I + (1 - cos(a)) n n^T + sin(a) N of one vector, by the scalar functions of the standard library."""
    angle = math.hypot(*rotvec.tolist())
    axis = rotvec / angle if angle > 0 else torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    identity = torch.eye(3, dtype=torch.float64)
    versine = 2 * math.sin(angle / 2) ** 2
    return math.cos(angle) * identity + versine * torch.outer(axis, axis) + math.sin(angle) * cross_matrix(axis)


@given(rotvec=rotvecs)
@settings(max_examples=100, deadline=None)
def test_the_exponential_turns_about_the_axis_by_the_angle(rotvec: Tensor) -> None:
    expected = turned_about_a_unit_axis(rotvec)
    torch.testing.assert_close(rotmat_from_rotvec(rotvec), expected, rtol=0, atol=ROTATION_FLOAT64)


@given(rotvec=rotvecs)
@settings(max_examples=100, deadline=None)
def test_every_form_names_the_same_rotation(rotvec: Tensor) -> None:
    rotmat = rotmat_from_rotvec(rotvec)
    for again in (
        rotmat_from_rotvec(rotvec_from_rotmat(rotmat)),
        rotmat_from_rot6d(rot6d_from_rotmat(rotmat)),
    ):
        torch.testing.assert_close(again, rotmat, rtol=0, atol=ROTATION_FLOAT64)


def test_the_logarithm_undoes_the_exponential_below_pi() -> None:
    rotvec = torch.cat([random_rotvecs(1000), *(at_angle(angle) for angle in SPECIAL_ANGLES)])
    torch.testing.assert_close(rotvec_from_rotmat(rotmat_from_rotvec(rotvec)), rotvec, rtol=0, atol=ROTATION_FLOAT64)


def test_the_logarithm_undoes_the_exponential_in_float32() -> None:
    rotvec = random_rotvecs(1000).float()
    torch.testing.assert_close(rotvec_from_rotmat(rotmat_from_rotvec(rotvec)), rotvec, rtol=0, atol=ROTATION_FLOAT32)


def test_tiny_angles_keep_their_relative_accuracy() -> None:
    rotvec = at_angle(1e-30)
    torch.testing.assert_close(rotvec_from_rotmat(rotmat_from_rotvec(rotvec)), rotvec, rtol=1e-12, atol=0)


@pytest.mark.parametrize("angle", [math.pi, math.pi - 1e-9, math.pi + 1e-9])
def test_at_pi_the_logarithm_is_finite_and_names_the_same_rotation(angle: float) -> None:
    rotmat = rotmat_from_rotvec(at_angle(angle))
    rotvec = rotvec_from_rotmat(rotmat)
    assert (rotvec.norm(dim=-1) <= math.pi + 1e-12).all()
    torch.testing.assert_close(rotmat_from_rotvec(rotvec), rotmat, rtol=0, atol=ROTATION_FLOAT64)


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_about_the_axes_are_exact(axis: int) -> None:
    rotvec = math.pi * torch.eye(3, dtype=torch.float64)[axis]
    signs = -torch.ones(3, dtype=torch.float64)
    signs[axis] = 1
    torch.testing.assert_close(rotvec_from_rotmat(torch.diag(signs)).abs(), rotvec, rtol=0, atol=1e-15)


@pytest.mark.parametrize("angle", SPECIAL_ANGLES)
def test_the_exponential_has_first_and_second_derivatives(angle: float) -> None:
    rotvec = at_angle(angle).requires_grad_()
    assert gradcheck(rotmat_from_rotvec, (rotvec,))
    assert gradgradcheck(rotmat_from_rotvec, (rotvec,))


@pytest.mark.parametrize("angle", SPECIAL_ANGLES)
def test_the_logarithm_has_first_and_second_derivatives(angle: float) -> None:
    """Along rotations: the exponential of a small twist, then the logarithm."""
    base = rotmat_from_rotvec(at_angle(angle))
    twist = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)

    def logarithm(twist: Tensor) -> Tensor:
        return rotvec_from_rotmat(rotmat_from_rotvec(twist) @ base)

    assert gradcheck(logarithm, (twist,), eps=1e-7 if angle > 3 else 1e-6, atol=1e-5)
    assert gradgradcheck(logarithm, (twist,), eps=1e-7 if angle > 3 else 1e-6, atol=1e-4)


@pytest.mark.parametrize("angle", [0.0, math.pi])
def test_derivatives_are_finite_even_where_a_rotation_is_exactly_special(angle: float) -> None:
    rotmat = rotmat_from_rotvec(at_angle(angle)).requires_grad_()
    (first,) = torch.autograd.grad(rotvec_from_rotmat(rotmat).square().sum(), rotmat, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), rotmat)
    assert first.isfinite().all()
    assert second.isfinite().all()


def test_the_exponentials_second_derivative_at_zero_is_the_symmetrised_product() -> None:
    """exp(r) = I + K + K^2 / 2 + ..., so the second derivative along x and y is half of Kx Ky + Ky Kx."""
    hessian = torch.autograd.functional.hessian(
        lambda rotvec: rotmat_from_rotvec(rotvec)[0, 1], torch.zeros(3, dtype=torch.float64)
    )
    basis = cross_matrix(torch.eye(3, dtype=torch.float64))
    expected = torch.stack([torch.stack([0.5 * (a @ b + b @ a)[0, 1] for b in basis]) for a in basis])
    torch.testing.assert_close(hessian, expected, rtol=0, atol=1e-15)


@given(rotvec=rotvecs)
@settings(max_examples=50, deadline=None)
def test_the_left_jacobian_is_the_exponentials_derivative(rotvec: Tensor) -> None:
    rotmat = rotmat_from_rotvec(rotvec)
    derivative: Tensor = torch.func.jacrev(rotmat_from_rotvec)(rotvec)
    twist = torch.einsum("abk,cb->ack", derivative, rotmat)
    expected = torch.stack([twist[2, 1], twist[0, 2], twist[1, 0]])
    torch.testing.assert_close(left_jacobian(rotvec), expected, rtol=0, atol=ROTATION_FLOAT64)


@pytest.mark.parametrize("angle", [0.0, 1e-6, 0.5, 1.5])
def test_the_left_jacobian_has_derivatives(angle: float) -> None:
    assert gradcheck(left_jacobian, (at_angle(angle).requires_grad_(),))


def test_gram_schmidt_gives_a_rotation_and_ignores_scale_and_shear() -> None:
    generator = torch.Generator().manual_seed(1)
    rot6d = torch.randn(500, 6, dtype=torch.float64, generator=generator)
    rotmat = rotmat_from_rot6d(rot6d)
    identity = torch.eye(3, dtype=torch.float64).expand_as(rotmat)
    torch.testing.assert_close(rotmat.mT @ rotmat, identity, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.linalg.det(rotmat), torch.ones(500, dtype=torch.float64))
    sheared = torch.cat([3 * rot6d[:, :3], 0.5 * rot6d[:, 3:] - 2 * rot6d[:, :3]], dim=-1)
    torch.testing.assert_close(rotmat_from_rot6d(sheared), rotmat, rtol=0, atol=1e-12)
    assert gradcheck(rotmat_from_rot6d, (rot6d[:5].clone().requires_grad_(),))


def test_the_quaternions_real_part_is_not_negative() -> None:
    quat = quat_wxyz_from_rotmat(rotmat_from_rotvec(random_rotvecs(1000, max_angle=20.0)))
    assert (quat[:, 0] >= 0).all()
    torch.testing.assert_close(quat.norm(dim=-1), torch.ones(1000, dtype=torch.float64))


def test_a_quaternion_of_known_angle_gives_axis_times_angle() -> None:
    quat = torch.tensor([math.cos(0.6), 0.0, math.sin(0.6), 0.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 1.2, 0.0], dtype=torch.float64)
    torch.testing.assert_close(rotvec_from_quat_wxyz(quat), expected)


@pytest.mark.parametrize("batch", [(), (0,), (4,), (2, 3)])
def test_any_leading_dimensions_pass_through(batch: tuple[int, ...]) -> None:
    rotvec = torch.zeros(*batch, 3)
    rotmat = rotmat_from_rotvec(rotvec)
    assert rotmat.shape == (*batch, 3, 3)
    assert rotvec_from_rotmat(rotmat).shape == (*batch, 3)
    assert rotmat_from_rot6d(rot6d_from_rotmat(rotmat)).shape == (*batch, 3, 3)
    assert left_jacobian(rotvec).shape == (*batch, 3, 3)


def test_function_transforms_apply() -> None:
    rotvec = random_rotvecs(5)
    looped = torch.stack([torch.func.jacrev(lambda r: rotvec_from_rotmat(rotmat_from_rotvec(r)))(r) for r in rotvec])
    mapped = torch.func.vmap(torch.func.jacrev(lambda r: rotvec_from_rotmat(rotmat_from_rotvec(r))))(rotvec)
    torch.testing.assert_close(mapped, looped)
    identity = torch.eye(3, dtype=torch.float64).expand(5, 3, 3)
    torch.testing.assert_close(mapped, identity, rtol=0, atol=1e-9)
