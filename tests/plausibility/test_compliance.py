from __future__ import annotations

from dataclasses import replace

import torch

from a2p.hand import HandModel, HandParameters
from a2p.penetration import FusedPenetration
from a2p.plausibility.compliance import Collision, Compliance, ComplianceModel, SeenPoints, moved
from a2p.plausibility.metric import Anatomy, EstimatorErrors, hand_metric
from a2p.plausibility.projection import HeldImage, ProjectionConfig, project
from a2p.plausibility.representation import PairCodec
from tests.plausibility.pairs import on_top_of_each_other, stacked, stacked_near_pairs
from tests.tolerances import COMPLIANCE_RETURN_SHARE

MODELS = HandModel.load_pair("open")
CODEC = PairCodec(MODELS)
STEP = FusedPenetration(*MODELS)
ERRORS = EstimatorErrors()


def _seen(right: HandParameters, left: HandParameters) -> SeenPoints:
    points = CODEC.points(right, left)
    return SeenPoints.of(points, torch.ones(points.shape[:-1]), has_camera=True)


def _compliance(right: HandParameters, left: HandParameters, image_m: float = 2e-3) -> Compliance:
    return ComplianceModel(MODELS, EstimatorErrors(image_m=image_m))(right, left, _seen(right, left))


def test_a_move_that_resolves_the_collision_lowers_it_and_keeps_the_image() -> None:
    right, left = stacked_near_pairs(MODELS, 16)
    before = Collision.of(STEP, right, left)
    move = _compliance(right, left).resolving(before, longest=1.0)
    new = moved(right, left, move)
    after = Collision.of(STEP, *new)
    penetrates = before.max_depth > 1e-3
    assert (after.loss[penetrates] < before.loss[penetrates]).float().mean() > 0.9
    residual = _seen(right, left).residual(CODEC.points(*new)).square().sum(-1).sqrt()
    depth_move = (new[0].transl - right.transl)[:, 2].abs() + (new[1].transl - left.transl)[:, 2].abs()
    assert residual.mean() < 0.3 * depth_move[penetrates].mean()


def test_pairs_that_do_not_collide_do_not_move() -> None:
    right, left = stacked_near_pairs(MODELS, 2)
    apart = HandParameters(left.global_orient, left.hand_pose, left.betas, left.transl + 0.5)
    move = _compliance(right, apart).resolving(Collision.of(STEP, right, apart), longest=1.0)
    assert (move == 0).all()


def test_returning_brings_small_moves_back_to_the_image() -> None:
    right, left = stacked_near_pairs(MODELS, 6)
    seen, compliance = _seen(right, left), _compliance(right, left, image_m=1e-4)
    generator = torch.Generator().manual_seed(0)
    off = moved(right, left, 0.02 * torch.randn(6, 2, 51, generator=generator))
    residual = seen.residual(CODEC.points(*off))
    back = moved(*off, compliance.returning(residual))
    left_over = seen.residual(CODEC.points(*back)).square().sum().sqrt() / residual.square().sum().sqrt()
    assert left_over < COMPLIANCE_RETURN_SHARE


def test_the_cost_is_that_of_the_descent() -> None:
    """Both pages of the same formula agree but for the axes of abduction and twist, which one takes at rest."""
    right, left = stacked_near_pairs(MODELS, 1)
    factor = _compliance(right, left)._factor[0]
    for k, (model, hand) in enumerate(zip(MODELS, (right, left), strict=True)):
        metric = hand_metric(Anatomy.of(model), hand[0], camera=_camera(), confidence=None, errors=ERRORS)
        mine = factor[k] @ factor[k].mT
        apart = (mine - metric.precision).abs().max() / metric.precision.abs().max()
        assert apart < 0.25


def test_pairs_are_projected_out_of_each_other() -> None:
    right, left = stacked_near_pairs(MODELS, 16)
    projected = project(STEP, _compliance(right, left), (right, left), ProjectionConfig(), None)
    depth = Collision.of(STEP, projected.right, projected.left).max_depth
    torch.testing.assert_close(depth, projected.max_depth, rtol=0, atol=1e-9)
    assert (depth <= 0.5e-3).float().mean() > 0.7
    assert (depth <= Collision.of(STEP, right, left).max_depth).all()


def test_the_way_back_towards_contact_leaves_hands_deeper_but_not_too_deep() -> None:
    right, left = stacked_near_pairs(MODELS, 16)
    config = ProjectionConfig(bisections=0)
    straight = project(STEP, _compliance(right, left), (right, left), config, None).max_depth
    closer = project(STEP, _compliance(right, left), (right, left), replace(config, bisections=3), None).max_depth
    done = straight <= config.target_m
    assert done.float().mean() > 0.7
    assert (closer[done] <= config.target_m).all()
    assert closer[done].mean() > 1.2 * straight[done].mean()


def test_the_projection_brings_seen_keypoints_back_to_their_rays() -> None:
    right, left = stacked_near_pairs(MODELS, 6)
    left = replace(left, transl=left.transl + torch.tensor([0.0, 0.0, 0.3]))
    image = HeldImage(_seen(right, left), CODEC.points)
    off = moved(right, left, 0.02 * torch.randn(6, 2, 51, generator=torch.Generator().manual_seed(0)))
    config = ProjectionConfig(longest_return=200.0)
    found = project(STEP, _compliance(*off), off, config, image)
    assert (image.shift((found.right, found.left)) < 0.15 * image.shift(off)).all()


def test_a_long_move_is_shortened_and_a_short_one_is_not() -> None:
    right, left = stacked_near_pairs(MODELS, 3)
    compliance = _compliance(right, left)
    move = torch.randn(3, 2, 51, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(compliance.shortened(1e-6 * move, 2.0), 1e-6 * move)
    short = compliance.shortened(move, 2.0)
    torch.testing.assert_close(compliance.shortened(3 * short, 2.0), short)


def test_a_projected_pair_does_not_depend_on_its_neighbours() -> None:
    right, left = stacked_near_pairs(MODELS, 5)
    together = project(STEP, _compliance(right, left), (right, left), ProjectionConfig(), None)
    row = torch.tensor([3])
    alone = project(STEP, _compliance(right[row], left[row]), (right[row], left[row]), ProjectionConfig(), None)
    torch.testing.assert_close(together.left.transl[3], alone.left.transl[0], rtol=0, atol=1e-5)


def test_hands_inside_one_another_give_finite_hands() -> None:
    right, left = (stacked([hand]) for hand in on_top_of_each_other(MODELS))
    projected = project(STEP, _compliance(right, left), (right, left), ProjectionConfig(evaluations=5), None)
    assert torch.isfinite(projected.right.transl).all()
    assert torch.isfinite(projected.max_depth).all()


def _camera():
    from a2p.camera import Camera

    return Camera(1000.0, 1000.0, 500.0, 500.0)
