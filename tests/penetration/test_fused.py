"""The fused step equals the hand model, the penetration operator and autograd, composed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from a2p.errors import BackendError, ShapeError
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.native import core
from a2p.penetration import DepthLoss, FusedPenetration, penetration_depth
from tests.tolerances import FUSED_DEPTH_M, FUSED_DIFFERENCES_REL, FUSED_GRADIENT_REL


@pytest.fixture(scope="module")
def hands() -> HandPair:
    return HandModel.load_pair("open")


@pytest.fixture(autouse=True)
def restored_isa() -> Iterator[None]:
    yield
    core.set_isa(None)


def draw_pair(hands: HandPair, *batch: int, seed: int = 0) -> tuple[HandParameters, HandParameters]:
    """Returns loosely closed hands that reach some way into each other."""
    generator = torch.Generator().manual_seed(seed)

    def one() -> HandParameters:
        def normal(*shape: int) -> Tensor:
            return torch.randn(*batch, *shape, generator=generator)

        return HandParameters(0.3 * normal(3), 0.3 * normal(15, 3), normal(10), 0.01 * normal(3))

    right, left = one(), one()
    apart = hands.right(right).vertices.mean(-2) - hands.left(left).vertices.mean(-2)
    shift = torch.tensor([0.0, 0.03, 0.0])
    return right, HandParameters(left.global_orient, left.hand_pose, left.betas, left.transl + apart + shift)


def tensors_of(parameters: HandParameters) -> list[Tensor]:
    return [getattr(parameters, field.name) for field in fields(parameters)]


@cache
def composed(loss: DepthLoss) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
    """Returns loss, gradients and depths of `draw_pair` by the float64 reference and autograd."""
    hands = HandModel.load_pair("open")
    right, left = (
        parameters.to(dtype=torch.float64).map(lambda tensor: tensor.requires_grad_())
        for parameters in draw_pair(hands, 1)
    )
    vertices = (hands.right.double()(right).vertices, hands.left.double()(left).vertices)
    result = penetration_depth(*vertices, hands.right.topology, hands.left.topology, loss=loss, backend="reference")
    gradients = torch.autograd.grad(result.loss.sum(), [*tensors_of(right), *tensors_of(left)])
    return result.loss.detach(), list(gradients), result.depth_a, result.depth_b


@pytest.mark.parametrize("isa", core.runnable_isas())
@pytest.mark.parametrize("loss", [DepthLoss(), DepthLoss("huber", 2e-3), DepthLoss("gmof", 5e-3)], ids=lambda x: x.kind)
def test_the_fused_step_matches_the_composed_reference(hands: HandPair, isa: str, loss: DepthLoss) -> None:
    core.set_isa(isa)
    step = FusedPenetration(hands.right, hands.left, loss=loss)(*draw_pair(hands, 1))
    expected_loss, expected_gradients, depth_right, depth_left = composed(loss)
    assert expected_loss.min() > 0
    torch.testing.assert_close(step.loss.double(), expected_loss, rtol=FUSED_GRADIENT_REL, atol=0)
    torch.testing.assert_close(step.depth_right.double(), depth_right, rtol=0, atol=FUSED_DEPTH_M)
    torch.testing.assert_close(step.depth_left.double(), depth_left, rtol=0, atol=FUSED_DEPTH_M)
    actual = [*tensors_of(step.gradient_right), *tensors_of(step.gradient_left)]
    for ours, theirs in zip(actual, expected_gradients, strict=True):
        tolerance = FUSED_GRADIENT_REL * theirs.abs().max().item()
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=tolerance)


def test_the_gradient_matches_finite_differences_of_the_loss(hands: HandPair) -> None:
    """Along random directions, over steps that are long against float32's rounding and short against the depths."""
    fused = FusedPenetration(hands.right, hands.left)
    right, left = draw_pair(hands, 1)
    step = fused(right, left)
    generator = torch.Generator().manual_seed(4)
    for name, length in {"global_orient": 2e-3, "hand_pose": 2e-3, "betas": 2e-2, "transl": 1e-4}.items():
        gradient = getattr(step.gradient_right, name)
        direction = gradient / gradient.norm() + 0.1 * torch.randn(gradient.shape, generator=generator)

        def moved(by: float, name: str = name, direction: Tensor = direction) -> HandParameters:
            tensors = {field.name: getattr(right, field.name) for field in fields(right)}
            return HandParameters(**{**tensors, name: tensors[name] + by * direction})

        difference = (fused(moved(length), left).loss - fused(moved(-length), left).loss) / (2 * length)
        expected = (gradient * direction).sum().item()
        assert difference.item() == pytest.approx(expected, rel=FUSED_DIFFERENCES_REL)


def test_hands_apart_have_no_loss_and_no_gradient(hands: HandPair) -> None:
    far = HandParameters.zeros(3)
    far.transl[:, 0] = 1.0
    step = FusedPenetration(hands.right, hands.left)(HandParameters.zeros(3), far)
    for tensor in (step.loss, step.depth_right, step.depth_left, *tensors_of(step.gradient_right)):
        torch.testing.assert_close(tensor, torch.zeros_like(tensor), rtol=0, atol=0)


@pytest.mark.parametrize("batch", [(), (1,), (2, 2), (0,), (3, 0)])
def test_leading_dimensions_are_kept(hands: HandPair, batch: tuple[int, ...]) -> None:
    right, left = draw_pair(hands, *batch)
    step = FusedPenetration(hands.right, hands.left)(right, left)
    assert step.loss.shape == batch
    assert step.depth_right.shape == (*batch, 1630)
    assert [t.shape for t in tensors_of(step.gradient_left)] == [t.shape for t in tensors_of(left)]


def test_a_batch_is_its_pairs_one_by_one_for_any_number_of_threads(hands: HandPair) -> None:
    right, left = draw_pair(hands, 5)
    fused = FusedPenetration(hands.right, hands.left)
    losses = torch.cat([fused(right[i : i + 1], left[i : i + 1]).loss for i in range(5)])
    try:
        for threads in (1, 2, 5):
            core.set_thread_count(threads)
            torch.testing.assert_close(fused(right, left).loss, losses, rtol=0, atol=0)
    finally:
        core.set_thread_count(0)


def test_concurrent_calls_of_one_step_do_not_disturb_each_other(hands: HandPair) -> None:
    fused = FusedPenetration(hands.right, hands.left)
    pairs = [draw_pair(hands, 2, seed=seed) for seed in range(8)]
    expected = [fused(*pair) for pair in pairs]
    with ThreadPoolExecutor(4) as pool:
        for ours, theirs in zip(pool.map(lambda pair: fused(*pair), pairs), expected, strict=True):
            torch.testing.assert_close(ours.loss, theirs.loss, rtol=0, atol=0)
            torch.testing.assert_close(ours.gradient_left.hand_pose, theirs.gradient_left.hand_pose, rtol=0, atol=0)


def test_a_mean_pose_is_added(hands: HandPair) -> None:
    curled = HandModel.load_pair("open", flat_hand_mean=False)
    right, left = draw_pair(hands, 1)
    added = [
        HandParameters(p.global_orient, p.hand_pose + model.hands_mean, p.betas, p.transl)
        for p, model in zip((right, left), curled, strict=True)
    ]
    actual = FusedPenetration(curled.right, curled.left)(right, left)
    expected = FusedPenetration(hands.right, hands.left)(*added)
    torch.testing.assert_close(actual.loss, expected.loss, rtol=0, atol=0)


def test_bad_parameters_are_named_with_the_hand(hands: HandPair) -> None:
    fused = FusedPenetration(hands.right, hands.left)
    zeros = HandParameters.zeros(2)
    with pytest.raises(
        ShapeError, match=r"right and left must have the same leading dimensions; got \(2,\) and \(3,\)"
    ):
        fused(zeros, HandParameters.zeros(3))
    with pytest.raises(ShapeError, match=r"left global_orient must be float32; got float64"):
        fused(zeros, zeros.to(dtype=torch.float64))
    poisoned = HandParameters(zeros.global_orient, zeros.hand_pose, torch.full((2, 10), torch.nan), zeros.transl)
    with pytest.raises(ShapeError, match=r"right betas must be finite; got nan at flat index 0"):
        fused(poisoned, zeros)
    with pytest.raises(
        BackendError, match=r"model_left must be float32 in CPU memory; its v_template is torch.float64"
    ):
        FusedPenetration(hands.right, HandModel.load("open", side="left").double())(zeros, zeros)
    arrays = tuple(np.zeros(shape, np.float32) for shape in ((1, 3), (1, 15, 3), (1, 10), (1, 3)))
    with pytest.raises(ShapeError, match=r"right must hold global_orient, hand_pose, betas and transl; got 3 arrays"):
        fused._step()(arrays[:3], arrays)


def test_an_edit_of_a_model_is_seen(hands: HandPair) -> None:
    right, left = draw_pair(hands, 1)
    model = HandModel.load("open")
    fused = FusedPenetration(model, hands.left)
    before = fused(right, left).loss
    model.v_template += 1.0
    assert fused(right, left).loss.item() == 0 < before.item()
