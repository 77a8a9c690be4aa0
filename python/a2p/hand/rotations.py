"""Conversions between forms of a rotation, with derivatives of every order that are finite wherever they exist.

A name carries the form: `rotvec` is axis times angle (rad), `rotmat` a matrix that acts on columns, `rot6d` its first
two columns one after the other, `quat_wxyz` a unit quaternion, real part first.

Closed forms such as sin(x)/x have a removable singularity at zero, where automatic differentiation yields NaN, and
just beside it derivatives that cancellation spoils. Here they are entire functions of the squared angle: below one
radian a power series, above it the closed form.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

_SERIES_LENGTH = 12
"""Terms kept below one radian; the first dropped one is under 1e-23, so its derivatives vanish in float64 too."""
_ATAN_SERIES_LIMIT = 0.04
"""Below this squared tangent of the half angle the logarithm uses its series: 14 terms reach 1e-20."""
_ATAN_SERIES_LENGTH = 14


def rotmat_from_rotvec(rotvec: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Returns the exponential map (Rodrigues' formula), smooth for every finite input."""
    squared_angle = rotvec.square().sum(-1)[..., None, None]
    axis_cross = cross_matrix(rotvec)
    identity = torch.eye(3, dtype=rotvec.dtype, device=rotvec.device)
    return identity + _sinc(squared_angle) * axis_cross + _versine(squared_angle) * (axis_cross @ axis_cross)


def rotvec_from_rotmat(rotmat: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Returns the logarithm, with an angle in [0, pi].

    Smooth where the angle is below pi. At pi both signs of the axis name the same rotation; one of them is returned,
    and the derivatives are those of that branch.
    """
    return rotvec_from_quat_wxyz(quat_wxyz_from_rotmat(rotmat))


def left_jacobian(rotvec: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Returns J with exp(rotvec + d) = exp(J d) exp(rotvec) to first order in d: the derivative of the exponential.

    Solà, Deray, Atchuthan, "A micro Lie theory for state estimation in robotics", 2018, equation 145.
    """
    squared_angle = rotvec.square().sum(-1)[..., None, None]
    axis_cross = cross_matrix(rotvec)
    identity = torch.eye(3, dtype=rotvec.dtype, device=rotvec.device)
    squared = axis_cross @ axis_cross
    return identity + _versine(squared_angle) * axis_cross + _sinc_remainder(squared_angle) * squared


def rotmat_from_rot6d(rot6d: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Returns the rotation whose first two columns are the Gram-Schmidt basis of the two given vectors.

    Zhou et al., "On the continuity of rotation representations in neural networks", CVPR 2019, section 4.2. The two
    vectors must be non-zero and not parallel; otherwise the result is NaN.
    """
    first = _normalized(rot6d[..., :3])
    second = rot6d[..., 3:]
    second = _normalized(second - (first * second).sum(-1, keepdim=True) * first)
    return torch.stack([first, second, torch.linalg.cross(first, second, dim=-1)], dim=-1)


def rot6d_from_rotmat(rotmat: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """Returns the first column, then the second."""
    return torch.cat([rotmat[..., 0], rotmat[..., 1]], dim=-1)


def quat_wxyz_from_rotmat(rotmat: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Returns the unit quaternion with a real part >= 0.

    Every entry of the matrix 4 q q^T is linear in the rotation matrix. Its row with the largest diagonal entry is q
    up to scale and has a norm of at least one, so normalising it is safe everywhere.
    """
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = rotmat.flatten(-2).unbind(-1)
    w_x, w_y, w_z = m21 - m12, m02 - m20, m10 - m01
    x_y, x_z, y_z = m01 + m10, m02 + m20, m12 + m21
    diagonal = torch.stack([1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22], dim=-1)
    w_w, x_x, y_y, z_z = diagonal.unbind(-1)
    entries = [w_w, w_x, w_y, w_z, w_x, x_x, x_y, x_z, w_y, x_y, y_y, y_z, w_z, x_z, y_z, z_z]
    outer = torch.stack(entries, dim=-1).reshape(*diagonal.shape[:-1], 4, 4)
    largest = diagonal.argmax(dim=-1)[..., None, None].expand(*diagonal.shape[:-1], 1, 4)
    quat = _normalized(torch.take_along_dim(outer, largest, dim=-2).squeeze(-2))
    return torch.where(quat[..., :1] < 0, -quat, quat)


def rotvec_from_quat_wxyz(quat_wxyz: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3"]:
    """Returns axis times angle of a unit quaternion with a real part >= 0; the angle lies in [0, pi]."""
    real, imaginary = quat_wxyz[..., :1], quat_wxyz[..., 1:]
    squared_sine = imaginary.square().sum(-1, keepdim=True)
    is_small = squared_sine < _ATAN_SERIES_LIMIT * real.square()
    # Each branch sees a harmless value where the other one holds, so that no NaN enters the derivative.
    safe_real = torch.where(is_small, real, torch.ones_like(real))
    squared_tangent = torch.where(is_small, squared_sine, torch.zeros_like(squared_sine)) / safe_real.square()
    coefficients = [(-1.0) ** k / (2 * k + 1) for k in range(_ATAN_SERIES_LENGTH)]
    near = _polynomial(squared_tangent, coefficients) / safe_real
    sine = torch.where(is_small, torch.ones_like(squared_sine), squared_sine).sqrt()
    far = torch.atan2(sine, torch.where(is_small, torch.ones_like(real), real)) / sine
    return 2 * torch.where(is_small, near, far) * imaginary


def cross_matrix(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Returns the skew matrix K with K u = vector x u."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*x.shape, 3, 3)


def _sinc(squared_angle: Tensor) -> Tensor:
    """Returns sin(a) / a from a^2."""
    series = [(-1.0) ** k / math.factorial(2 * k + 1) for k in range(_SERIES_LENGTH)]
    is_small = squared_angle < 1
    near = _polynomial(torch.where(is_small, squared_angle, torch.zeros_like(squared_angle)), series)
    angle = torch.where(is_small, torch.ones_like(squared_angle), squared_angle).sqrt()
    return torch.where(is_small, near, angle.sin() / angle)


def _versine(squared_angle: Tensor) -> Tensor:
    """Returns (1 - cos(a)) / a^2 from a^2, by the half angle, which does not cancel."""
    return 0.5 * _sinc(squared_angle / 4).square()


def _sinc_remainder(squared_angle: Tensor) -> Tensor:
    """Returns (1 - sin(a) / a) / a^2 from a^2."""
    series = [(-1.0) ** k / math.factorial(2 * k + 3) for k in range(_SERIES_LENGTH)]
    is_small = squared_angle < 1
    near = _polynomial(torch.where(is_small, squared_angle, torch.zeros_like(squared_angle)), series)
    safe = torch.where(is_small, torch.ones_like(squared_angle), squared_angle)
    return torch.where(is_small, near, (1 - safe.sqrt().sin() / safe.sqrt()) / safe)


def _polynomial(x: Tensor, coefficients: list[float]) -> Tensor:
    """Returns the sum of coefficients[k] x^k (Horner)."""
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def _normalized(vector: Tensor) -> Tensor:
    return vector / vector.square().sum(-1, keepdim=True).sqrt()
