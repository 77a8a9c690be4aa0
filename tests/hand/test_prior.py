"""The pose prior: natural poses, within limits, few synergies, the same from the same generator."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from a2p.errors import ConfigError
from a2p.hand import HandModel
from a2p.hand.anatomy import DOF_INDEX, HandAnatomy
from a2p.hand.prior import DIP_PER_PIP, PosePrior
from tests.hand.test_anatomy import anatomy

FINGERS = ("index", "middle", "ring", "pinky")


def prior(side: str = "right") -> PosePrior:
    return PosePrior(anatomy(side))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def column(angles: Tensor, name: str) -> Tensor:
    return angles[:, DOF_INDEX[name]]


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def test_every_sample_is_within_the_limits() -> None:
    hand = anatomy()
    angles = hand.angles(prior().sample(20_000, generator=seeded()))
    assert (angles >= hand.lower - 1e-9).all()
    assert (angles <= hand.upper + 1e-9).all()


def test_three_synergies_hold_95_percent_of_the_variance_and_two_do_not() -> None:
    statistics = prior().pose_statistics
    assert statistics.explained[2] > 0.95
    assert statistics.explained[1] < 0.95
    assert statistics.explained[44] == pytest.approx(1)


@pytest.mark.parametrize("finger", FINGERS)
def test_the_last_joint_of_a_finger_follows_the_middle_one(finger: str) -> None:
    angles = prior().sample_angles(20_000, generator=seeded())
    pip, dip = column(angles, f"{finger}_pip_flexion"), column(angles, f"{finger}_dip_flexion")
    is_free = (dip > 0) & (pip > math.radians(30)) & (pip < math.radians(104))
    slope = torch.linalg.lstsq(torch.stack([pip, torch.ones_like(pip)], 1)[is_free], dip[is_free, None]).solution[0]
    assert float(slope) == pytest.approx(DIP_PER_PIP, abs=0.03)
    assert correlation(pip, dip) > 0.9


def test_neighbouring_fingers_move_together_more_than_distant_ones() -> None:
    angles = prior().sample_angles(20_000, generator=seeded())
    index, middle, pinky = (column(angles, f"{finger}_mcp_flexion") for finger in ("index", "middle", "pinky"))
    assert correlation(index, middle) > correlation(index, pinky) + 0.005
    assert correlation(index, pinky) > 0.7


def test_the_thumb_opposes_as_the_fingers_curl() -> None:
    angles = prior().sample_angles(20_000, generator=seeded())
    assert correlation(column(angles, "thumb_cmc_radial"), column(angles, "middle_mcp_flexion")) < -0.3


def test_bent_fingers_do_not_spread() -> None:
    angles = prior().sample_angles(20_000, generator=seeded())
    flexion, abduction = column(angles, "index_mcp_flexion"), column(angles, "index_mcp_abduction")
    spread_of_bent = abduction[flexion > math.radians(70)].std()
    assert spread_of_bent < 0.75 * abduction[flexion < math.radians(10)].std()


def test_a_generators_state_decides_the_poses() -> None:
    first, second = (prior().sample(100, generator=seeded(7)) for _ in range(2))
    assert torch.equal(first, second)
    generator = seeded(7)
    prior().sample(100, generator=generator)
    assert not torch.equal(first, prior().sample(100, generator=generator))
    assert not torch.equal(first, prior().sample(100, generator=seeded(8)))


def test_sampling_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    prior().sample(10, generator=seeded())
    assert torch.equal(before, torch.random.get_rng_state())


def test_left_samples_mirror_right_ones() -> None:
    right, left = (prior(side).sample(50, generator=seeded()) for side in ("right", "left"))
    torch.testing.assert_close(left, right * torch.tensor([1.0, -1.0, -1.0], dtype=left.dtype), rtol=0, atol=1e-12)


def test_samples_have_the_anatomys_dtype_and_any_count() -> None:
    narrow = PosePrior(anatomy().to(dtype=torch.float32))
    assert narrow.sample(3, generator=seeded()).dtype == torch.float32
    assert narrow.sample(0, generator=seeded()).shape == (0, 15, 3)
    with pytest.raises(ConfigError, match="count must be at least 0; got -1"):
        narrow.sample(-1, generator=seeded())


def test_statistics_describe_samples_of_another_seed() -> None:
    statistics = prior().angle_statistics
    samples = prior().sample_angles(20_000, generator=seeded(99))
    in_components = (samples - statistics.mean) @ statistics.components.mT
    torch.testing.assert_close(in_components.std(0), statistics.deviations, rtol=0.05, atol=0)
    torch.testing.assert_close(
        in_components.mean(0) / statistics.deviations, torch.zeros_like(statistics.mean), rtol=0, atol=0.05
    )
    identity = torch.eye(22, dtype=torch.float64)
    torch.testing.assert_close(statistics.components @ statistics.components.mT, identity, rtol=0, atol=1e-12)


def test_the_packaged_hands_components_are_the_priors() -> None:
    model = HandModel.load("open", side="right")
    hand = HandAnatomy.from_rest_joints(model.J_template.double(), side="right")
    statistics = PosePrior(hand).pose_statistics
    torch.testing.assert_close(model.hands_mean.double().flatten(), statistics.mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.hands_components[:6].double(), statistics.components[:6], rtol=0, atol=1e-3)
