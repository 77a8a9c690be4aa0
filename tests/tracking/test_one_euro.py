"""The filter against its closed form: lag, steadiness, and rotations without seams."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from a2p.errors import ConfigError
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat
from a2p.tracking import OneEuro, RotationFilter, VectorFilter

DT_S = 1.0 / 30.0


@pytest.mark.parametrize("speed", [0.0, 0.5, 4.0])
def test_a_ramp_comes_out_late_by_the_time_that_the_configuration_states(speed: float) -> None:
    config = OneEuro(min_cutoff_hz=2.0, beta=1.5)
    smooth = VectorFilter(config)
    for frame in range(400):
        value = torch.tensor([[speed * frame * DT_S, 3.0]], dtype=torch.float64)
        filtered = smooth(value, DT_S)
    late = (value - filtered)[0, 0]
    assert float(late) == pytest.approx(speed / (2 * math.pi * (2.0 + 1.5 * speed)), rel=1e-6, abs=1e-12)
    assert float(filtered[0, 1]) == 3.0


def test_noise_about_a_place_is_reduced_as_a_low_pass_reduces_it() -> None:
    generator = torch.Generator().manual_seed(0)
    smooth = VectorFilter(OneEuro(min_cutoff_hz=1.0, beta=0.0))
    noise = torch.randn(1500, 1, 1, generator=generator, dtype=torch.float64)
    filtered = torch.stack([smooth(sample, DT_S) for sample in noise])[100:]
    gain = 1.0 / (1.0 + 1.0 / (2.0 * math.pi * DT_S))
    assert float(filtered.std()) == pytest.approx(math.sqrt(gain / (2.0 - gain)), rel=0.1)


def test_rotations_are_smoothed_alike_in_every_frame_of_reference() -> None:
    generator = torch.Generator().manual_seed(1)
    turn = rotmat_from_rotvec(3.0 * torch.randn(1, 3, generator=generator, dtype=torch.float64))
    plain, turned = (RotationFilter(OneEuro(min_cutoff_hz=1.0, beta=1.0)) for _ in range(2))
    for frame in range(20):
        sample = rotmat_from_rotvec(0.1 * frame + 0.2 * torch.randn(2, 3, generator=generator, dtype=torch.float64))
        one, other = plain(sample, DT_S), turned(turn @ sample, DT_S)
        torch.testing.assert_close(turn @ one, other, rtol=0, atol=1e-12)


def test_a_hand_that_turns_past_half_a_turn_is_followed_without_a_jump() -> None:
    smooth = RotationFilter(OneEuro(min_cutoff_hz=2.0, beta=1.0))
    angles = [math.pi - 0.5 + 0.05 * frame for frame in range(40)]
    filtered = [smooth(rotmat_from_rotvec(torch.tensor([[0.0, 0.0, angle]]).double()), DT_S) for angle in angles]
    steps = [rotvec_from_rotmat(b @ a.mT).norm() for a, b in itertools.pairwise(filtered)]
    assert max(float(step) for step in steps) < 0.06


@pytest.mark.parametrize("fields", [{"min_cutoff_hz": 0.0, "beta": 1.0}, {"min_cutoff_hz": 1.0, "beta": -1.0}])
def test_a_filter_that_cannot_work_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="min_cutoff_hz"):
        OneEuro(**fields)
