"""A hand's parameters over time."""

from __future__ import annotations

from dataclasses import replace

import torch

from a2p.camera import Camera
from a2p.hand import HandModel, HandParameters
from a2p.tracking import HandSmoother, SmoothingConfig

DT_S = 1.0 / 30.0
CAMERA = Camera(600.0, 600.0, 320.0, 240.0)


def _some_hand() -> HandParameters:
    draw = torch.Generator().manual_seed(4)
    return HandParameters(
        global_orient=torch.tensor([2.0, -1.0, 0.5]),
        hand_pose=0.3 * torch.randn(15, 3, generator=draw),
        betas=torch.randn(10, generator=draw),
        transl=torch.tensor([0.1, -0.05, 0.6]),
    )


def test_a_hand_at_rest_comes_back_as_it_is() -> None:
    hand, smooth = _some_hand(), HandSmoother(HandModel.load("open", side="right"), SmoothingConfig())
    for _ in range(5):
        smoothed = smooth(hand, DT_S)
    for name in ("global_orient", "hand_pose", "betas", "transl"):
        torch.testing.assert_close(getattr(smoothed, name), getattr(hand, name), rtol=0, atol=1e-6)


def test_jitter_of_every_parameter_shrinks_by_half_or_more() -> None:
    model = HandModel.load("open", side="left")
    hand, smooth = _some_hand(), HandSmoother(model, SmoothingConfig())
    draw = torch.Generator().manual_seed(5)
    sizes = {"global_orient": 0.02, "hand_pose": 0.05, "betas": 0.02, "transl": 0.002}
    seen, smoothed = [], []
    for _ in range(120):
        noisy = HandParameters(
            **{
                name: getattr(hand, name) + size * torch.randn(getattr(hand, name).shape, generator=draw)
                for name, size in sizes.items()
            }
        )
        seen.append(noisy)
        smoothed.append(smooth(noisy, DT_S))
    for name in sizes:
        before, after = (torch.stack([getattr(one, name) for one in many[30:]]).std(0) for many in (seen, smoothed))
        assert float(after.mean()) < 0.5 * float(before.mean()), name


def test_a_hand_keeps_its_size_in_the_image_while_its_shape_is_averaged() -> None:
    model = HandModel.load("open", side="right")
    hand, smooth = _some_hand(), HandSmoother(model, SmoothingConfig())
    large = replace(hand, betas=hand.betas + torch.tensor([2.0] + [0.0] * 9))
    for frame in range(40):
        smooth(large if frame % 2 else hand, DT_S)
    mean = smooth(hand, DT_S)

    def width_px(parameters: HandParameters) -> float:
        seen = CAMERA.project(model(parameters).joints)
        return float((seen.amax(0) - seen.amin(0)).max())

    between = sorted([width_px(hand), width_px(large)])
    assert between[0] - 1.0 <= width_px(mean) <= between[1] + 1.0
    assert not torch.equal(mean.betas, hand.betas)
