from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from a2p.alignment.batch import AlignmentBatch, AlignmentOutput
from a2p.alignment.losses import AlignmentCriterion, AlignmentLosses, AlignmentLossWeights, masked_mean, prior_loss
from a2p.alignment.network import AlignmentNetwork
from a2p.alignment.teachers.oracle import OracleTeacher
from a2p.errors import ConfigError
from a2p.hand import HandModel
from a2p.hand.keypoints import KeypointRegressor
from a2p.hand.rotations import rot6d_from_rotmat
from tests.alignment.networks import ORACLE, batch_of, small
from tests.tolerances import LOSS_OF_TRUTH, PROJECTION_OF_TRUTH

WEIGHTS = AlignmentLossWeights(heatmaps=1.0)


@pytest.fixture(scope="module")
def right_hand() -> HandModel:
    return HandModel.load("open", side="right")


def truth(batch: AlignmentBatch, model: HandModel) -> AlignmentOutput:
    """Returns the output that says exactly what the labels say."""
    labels, intrinsics = batch.labels, batch.given.intrinsics
    posed = model.pose(labels.rotmats, labels.betas, torch.zeros_like(labels.betas[..., :3]))
    regressed = KeypointRegressor.for_model(model)(posed, labels.betas)
    depth = torch.full_like(labels.betas[..., :1], 0.5)
    # The batch projects keypoints about the wrist keypoint; find the wrist joint's place that gives the same pixels.
    first = (labels.keypoints_25d[..., 0, :2] - intrinsics[..., 2:]) / intrinsics[..., :2]
    about = labels.keypoints_25d[..., 8, :2]
    slope = (about - intrinsics[..., 2:]) / intrinsics[..., :2]
    tip = labels.keypoints_3d[..., 8, :]
    depth = ((tip[..., :2] - slope * tip[..., 2:]) / (slope - first))[..., :1]
    wrist_keypoint = torch.cat([first * depth, depth], dim=-1)
    wrist = wrist_keypoint - (regressed[..., 0, :] - posed.joints[..., 0, :])
    return AlignmentOutput(
        rot6d=rot6d_from_rotmat(labels.rotmats),
        betas=labels.betas,
        wrist=wrist,
        keypoints_25d=labels.keypoints_25d,
        spread=torch.zeros_like(labels.keypoints_25d[..., 0]),
        log_heatmaps=torch.full((*labels.keypoints_25d.shape[:3], 16, 16), -5.5),
        relative_translation=labels.relative_translation,
        alignment_features=torch.ones(len(batch), 2, 4, 4, 4),
        prior_features=torch.ones(len(batch), 2, 4, 4, 4),
    )


def test_the_truth_has_no_loss(right_hand: HandModel) -> None:
    batch = batch_of(3, right_hand)
    found = AlignmentCriterion(right_hand)(truth(batch, right_hand), batch)
    for item in fields(AlignmentLosses):
        if item.name not in ("heatmaps", "projection"):
            assert float(getattr(found, item.name)) <= LOSS_OF_TRUTH, item.name
    assert float(found.projection) <= PROJECTION_OF_TRUTH


def test_known_errors_have_known_losses(right_hand: HandModel) -> None:
    batch = batch_of(2, right_hand)
    output = truth(batch, right_hand)
    shifted = replace(
        output,
        betas=output.betas + 0.5,
        keypoints_25d=output.keypoints_25d + torch.tensor([0.125, 0.125, 0.0]),
        relative_translation=output.relative_translation + 0.01,
        alignment_features=output.alignment_features + 2.0,
    )
    found = AlignmentCriterion(right_hand)(shifted, batch)
    assert float(found.betas) == pytest.approx(0.5, abs=1e-6)
    assert float(found.keypoints_25d) == pytest.approx(1.0, abs=1e-5)  # one cell of eight
    assert float(found.relative) == pytest.approx(0.01, abs=1e-6)
    assert float(found.prior) == pytest.approx(4.0, abs=1e-6)


@pytest.mark.parametrize(
    ("mask", "labels", "parts"),
    [
        ("parameters_valid", ("rotmats", "betas"), ("rotations", "betas", "mesh")),
        ("keypoints_3d_valid", ("keypoints_3d",), ("keypoints_3d",)),
        ("keypoints_2d_valid", (), ("projection", "heatmaps")),
        ("relative_valid", ("relative_translation",), ("relative",)),
    ],
)
def test_masks_hide_labels_whatever_they_are(
    mask: str, labels: tuple[str, ...], parts: tuple[str, ...], right_hand: HandModel
) -> None:
    batch = batch_of(3, right_hand)
    output = AlignmentNetwork(small()).eval().requires_grad_(False)(batch.given)
    criterion = AlignmentCriterion(right_hand, WEIGHTS)
    valid: Tensor = getattr(batch.labels, mask).clone()
    valid[1] = False
    hidden = replace(batch, labels=replace(batch.labels, **{mask: valid}))
    spoilt = {name: getattr(batch.labels, name).clone() for name in labels}
    for value in spoilt.values():
        value[1] = 1e3
    garbled = replace(hidden, labels=replace(hidden.labels, **spoilt))
    none = replace(batch, labels=replace(batch.labels, **{mask: torch.zeros_like(valid)}))
    full, part, same, empty = (criterion(output, one) for one in (batch, hidden, garbled, none))
    for name in parts:
        assert float(getattr(full, name)) != float(getattr(part, name))
        assert float(getattr(part, name)) == float(getattr(same, name))
        assert float(getattr(empty, name)) == 0.0


def test_absent_hands_and_nan_labels_leave_gradients_finite(right_hand: HandModel) -> None:
    batch = batch_of(2, right_hand)
    nowhere = torch.zeros(2, 2, 21, dtype=torch.bool)
    labels = replace(
        batch.labels,
        keypoints_25d=torch.full_like(batch.labels.keypoints_25d, torch.nan),
        keypoints_3d=torch.full_like(batch.labels.keypoints_3d, torch.nan),
        keypoints_2d_valid=nowhere,
        keypoints_3d_valid=nowhere,
        relative_valid=torch.zeros(2, dtype=torch.bool),
        relative_translation=torch.full((2, 3), torch.nan),
    )
    given = replace(batch.given, present=torch.tensor([[True, False]] * 2))
    network = AlignmentNetwork(small())
    found = AlignmentCriterion(right_hand, WEIGHTS)(network(given), AlignmentBatch(given, labels))
    found.total(WEIGHTS).backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert gradients
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


def test_prior_loss_teaches_the_encoder_and_not_the_projection(right_hand: HandModel) -> None:
    batch = batch_of(1, right_hand)
    network = AlignmentNetwork(small().with_priors(ORACLE))
    output = network(batch.given, OracleTeacher()(batch))
    prior_loss(output, batch.given.present).backward()
    assert network.projection is not None
    assert all(parameter.grad is None for parameter in network.projection.parameters())
    assert network.alignment_neck.coarse.weight.grad is not None
    assert network.image_neck.coarse.weight.grad is None


def test_projection_learns_from_the_hands(right_hand: HandModel) -> None:
    batch = batch_of(1, right_hand)
    network = AlignmentNetwork(small().with_priors(ORACLE))
    output = network(batch.given, OracleTeacher()(batch))
    weights = replace(WEIGHTS, prior=0.0)
    AlignmentCriterion(right_hand, weights)(output, batch).total(weights).backward()
    assert network.projection is not None
    assert float(network.projection.outward[0].weight.grad.abs().max()) > 0


def test_tiny_batch_is_learnt_by_heart(right_hand: HandModel) -> None:
    torch.manual_seed(0)
    batch = batch_of(2, right_hand)
    weights = AlignmentLossWeights(heatmaps=1.0, prior=0.0, mesh=0.0)
    network, criterion = AlignmentNetwork(small()), AlignmentCriterion(right_hand, weights)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    errors = []
    for _ in range(40):
        found = criterion(network(batch.given), batch)
        optimiser.zero_grad()
        found.total(weights).backward()
        optimiser.step()
        errors.append(float(found.keypoints_25d.detach() + found.rotations.detach()))
    assert errors[-1] < errors[0] / 2.0


def test_mean_of_nothing_is_zero() -> None:
    values = torch.tensor([1.0, torch.nan, 3.0])
    assert float(masked_mean(values, torch.tensor([True, False, True]))) == 2.0
    assert float(masked_mean(values, torch.zeros(3, dtype=torch.bool))) == 0.0


def test_negative_loss_weights_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 0"):
        AlignmentLossWeights(mesh=-1.0)
