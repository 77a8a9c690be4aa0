from __future__ import annotations

import torch

from a2p.hand import HandModel, HandParameters, mirror_parameters
from a2p.plausibility.pair_numbers import PairParts, swapped_numbers
from a2p.plausibility.representation import PairCodec, PairFrame, frame_of
from tests.plausibility.pairs import stacked_near_pairs
from tests.tolerances import PAIR_ROUND_TRIP_M

MODELS = HandModel.load_pair("open")
CODEC = PairCodec(MODELS)


def _frame(right: HandParameters, left: HandParameters) -> PairFrame:
    return frame_of(CODEC.points(right, left), has_camera=True)


def test_hands_come_back_from_their_numbers() -> None:
    right, left = stacked_near_pairs(MODELS, 8)
    frame = _frame(right, left)
    decoded = CODEC.decode(CODEC.encode(right, left, frame), frame)
    torch.testing.assert_close(CODEC.points(*decoded), CODEC.points(right, left), rtol=0, atol=PAIR_ROUND_TRIP_M)
    assert torch.equal(decoded[0].betas, right.betas)


def test_hands_with_a_mean_pose_come_back_too() -> None:
    bent = HandModel.load_pair("open", flat_hand_mean=False)
    codec = PairCodec(bent)
    right, left = stacked_near_pairs(MODELS, 3)
    points = codec.points(right, left)
    frame = frame_of(points, has_camera=True)
    decoded = codec.decode(codec.encode(right, left, frame), frame)
    torch.testing.assert_close(codec.points(*decoded), points, rtol=0, atol=PAIR_ROUND_TRIP_M)


def test_the_frame_looks_along_the_ray_to_the_pair() -> None:
    right, left = stacked_near_pairs(MODELS, 4, place=(0.2, -0.1, 0.5))
    frame = _frame(right, left)
    ahead = (frame.rotmat_pair_camera @ frame.centre[..., None])[..., 0]
    assert (ahead[:, :2].abs() < 1e-6).all()
    assert (ahead[:, 2] > 0.3).all()
    unit = frame.rotmat_pair_camera @ frame.rotmat_pair_camera.mT
    torch.testing.assert_close(unit, torch.eye(3).expand(4, 3, 3), rtol=0, atol=1e-6)


def test_depth_along_the_ray_is_one_number() -> None:
    right, left = stacked_near_pairs(MODELS, 4, place=(0.2, -0.1, 0.5))
    frame = _frame(right, left)
    ray = frame.centre / frame.centre.norm(dim=1, keepdim=True)
    farther = HandParameters(left.global_orient, left.hand_pose, left.betas, left.transl + 0.02 * ray)
    change = CODEC.encode(right, farther, frame) - CODEC.encode(right, left, frame)
    torch.testing.assert_close(
        PairParts.of(change).relative, torch.tensor([[0, 0, 0.02]]).expand(4, 3), rtol=0, atol=1e-6
    )
    assert (change[:, :-3] == 0).all()


def test_a_mirrored_pair_is_the_pair_with_its_hands_swapped() -> None:
    right, left = stacked_near_pairs(MODELS, 4, place=(0.1, 0.05, 0.5))
    mirrored = mirror_parameters(left), mirror_parameters(right)
    numbers, other = CODEC.encode(right, left, _frame(right, left)), CODEC.encode(*mirrored, _frame(*mirrored))
    torch.testing.assert_close(swapped_numbers(numbers), other, rtol=0, atol=1e-5)


def test_without_a_camera_rays_run_along_z() -> None:
    right, left = stacked_near_pairs(MODELS, 2, place=(0.2, 0.0, 0.5))
    frame = frame_of(CODEC.points(right, left), has_camera=False)
    assert torch.equal(frame.rotmat_pair_camera, torch.eye(3).expand(2, 3, 3))
