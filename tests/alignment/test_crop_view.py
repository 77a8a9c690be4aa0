from __future__ import annotations

import math

import torch

from a2p.alignment.crop_view import depth_in_view, look_at, middle_rays, turned


def test_view_turns_the_axis_to_the_ray_and_nothing_more() -> None:
    rays = torch.tensor([[0.0, 0.0], [0.4, 0.0], [-0.3, 0.7], [2.0, -1.0]], dtype=torch.float64)
    rotmats = look_at(rays)
    eye = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(rotmats @ rotmats.mT, eye.expand_as(rotmats))
    torch.testing.assert_close(torch.linalg.det(rotmats), torch.ones(4, dtype=torch.float64))
    towards = torch.cat([rays, torch.ones(4, 1, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(turned(rotmats, eye[2]), torch.nn.functional.normalize(towards, dim=1))
    angle = torch.acos((rotmats.diagonal(dim1=1, dim2=2).sum(1) - 1.0) / 2.0)  # the smallest such rotation
    torch.testing.assert_close(angle, torch.atan(rays.norm(dim=1)))


def test_view_of_a_crop_aside() -> None:
    intrinsics = torch.tensor([2.0, 2.0, 0.5 - 2.0, 0.5])  # its middle is 45 degrees to the right of the camera's axis
    torch.testing.assert_close(middle_rays(intrinsics), torch.tensor([1.0, 0.0]))
    half = math.sqrt(0.5)
    right_and_ahead = torch.tensor([[[[half, 0.0, half], [half, 0.0, -half], [0.0, 1.0, 0.0]]]]).expand(1, 2, 3, 3)
    depth = depth_in_view(right_and_ahead, intrinsics.expand(1, 2, 4))
    torch.testing.assert_close(depth[0, 1, :, 0], torch.tensor([1.0, 0.0, 0.0]))


def test_mirrored_crops_have_mirrored_views() -> None:
    rays = torch.tensor([0.3, -0.2])
    sign = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    torch.testing.assert_close(look_at(rays * torch.tensor([-1.0, 1.0])), sign @ look_at(rays) @ sign)
