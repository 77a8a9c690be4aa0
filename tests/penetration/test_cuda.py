"""The CUDA kernels against the reference; they run where a GPU is, and import where none is."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest
import torch

from a2p.errors import ShapeError
from a2p.hand import HandModel, HandParameters
from a2p.penetration import DepthLoss, FusedPenetration, penetration_depth, signed_distance
from a2p.penetration.backends import cuda
from a2p.penetration.backends.contract import Surface
from a2p.penetration.backends.prepared import native_topology
from tests import tolerances
from tests.penetration.meshes import Solid, box, rotation, sphere

DEVICE = torch.device("cuda")


@pytest.fixture
def gpu() -> None:
    """Skips with the reason where the kernels cannot run."""
    reason = cuda.reason_unavailable(DEVICE)
    if reason is None and not torch.cuda.is_available():
        reason = "this PyTorch is a build without CUDA."
    if reason is not None:
        pytest.skip(f"backend cuda: {reason}")


def test_the_module_imports_without_a_driver() -> None:
    if find_spec("a2p._cuda") is None:
        pytest.skip("this build comes without the CUDA backend")
    assert import_module("a2p._cuda").device_count() >= 0


def test_cpu_tensors_are_refused_with_a_hint() -> None:
    reason = cuda.reason_unavailable(torch.device("cpu"))
    assert reason is not None
    assert "CUDA tensors only" in reason or "without it" in reason


def _scenes() -> list[tuple[Solid, Solid]]:
    turned = rotation(0.3, -0.8, 0.5)
    return [
        (sphere(1.0), sphere(1.0).moved(x=0.7)),
        (sphere(1.0), box(0.5, 0.5, 0.5).turned(turned).moved(x=0.8)),
        (box(1, 1, 1), box(1, 1, 1).moved(x=0.5, y=0.25)),
        (sphere(1.0), sphere(1.0).moved(x=3.0)),
        (sphere(1.0), sphere(0.3)),
    ]


def _random_parameters(count: int) -> tuple[HandParameters, HandParameters]:
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int, scale: float) -> torch.Tensor:
        return scale * torch.randn(count, *shape, generator=generator)

    return tuple(
        HandParameters(draw(3, scale=1), draw(15, 3, scale=0.2), draw(10, scale=1), draw(3, scale=0.03))
        for _ in range(2)
    )  # type: ignore[return-value]


def _tensors(parameters: HandParameters) -> list[torch.Tensor]:
    return [parameters.global_orient, parameters.hand_pose, parameters.betas, parameters.transl]


def _random_hands(count: int) -> tuple[torch.Tensor, torch.Tensor, HandModel, HandModel]:
    generator = torch.Generator().manual_seed(0)
    right, left = HandModel.load_pair("open")

    def draw(*shape: int, scale: float) -> torch.Tensor:
        return scale * torch.randn(*shape, generator=generator)

    a = HandParameters(
        draw(count, 3, scale=1), draw(count, 15, 3, scale=0.2), draw(count, 10, scale=1), torch.zeros(count, 3)
    )
    b = HandParameters(draw(count, 3, scale=1), draw(count, 15, 3, scale=0.2), a.betas, draw(count, 3, scale=0.03))
    return right(a).vertices.double(), left(b).vertices.double(), right, left


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("kind", ["squared", "huber", "gmof"])
def test_hands_match_the_reference(kind: str) -> None:
    a, b, right, left = _random_hands(16)
    loss = DepthLoss(kind, 2e-3)  # type: ignore[arg-type]
    pair = [vertices.float().double().requires_grad_() for vertices in (a, b)]
    expected = penetration_depth(*pair, right.topology, left.topology, loss=loss, backend="reference")
    expected.loss.sum().backward()
    there = [vertices.detach().float().to(DEVICE).requires_grad_() for vertices in pair]
    actual = penetration_depth(*there, right.topology, left.topology, loss=loss, backend="cuda")
    actual.loss.sum().backward()
    for mine, truth in ((actual.depth_a, expected.depth_a), (actual.depth_b, expected.depth_b)):
        assert torch.equal(mine.cpu() > 0, truth > 0)
        torch.testing.assert_close(mine.cpu().double(), truth, rtol=0, atol=tolerances.CUDA_DEPTH_M)
    for mine, truth in zip(there, pair, strict=True):
        assert mine.grad is not None
        assert truth.grad is not None
        error = (mine.grad.cpu().double() - truth.grad).abs().max() / truth.grad.abs().max()
        assert error < tolerances.CUDA_GRADIENT_REL


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("scene", range(5))
def test_solids_match_the_reference(scene: int) -> None:
    a, b = _scenes()[scene]
    expected = penetration_depth(a.vertices, b.vertices, a.topology, b.topology, backend="reference")
    there = [solid.vertices.float().to(DEVICE) for solid in (a, b)]
    actual = penetration_depth(*there, a.topology, b.topology, backend="cuda")
    torch.testing.assert_close(actual.depth_a.cpu().double(), expected.depth_a, rtol=0, atol=1e-6)
    torch.testing.assert_close(actual.depth_b.cpu().double(), expected.depth_b, rtol=0, atol=1e-6)


@pytest.mark.usefixtures("gpu")
def test_signed_distance_matches_the_reference() -> None:
    generator = torch.Generator().manual_seed(1)
    solid = sphere(1.0)
    points = 1.5 * torch.randn(500, 3, generator=generator)
    expected = signed_distance(points.double(), solid.vertices.float().double(), solid.topology, backend="reference")
    actual = signed_distance(points.to(DEVICE), solid.vertices.float().to(DEVICE), solid.topology, backend="cuda")
    torch.testing.assert_close(actual.cpu().double(), expected, rtol=0, atol=1e-6)


def test_the_reference_on_a_gpu_is_that_of_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("PyTorch finds no CUDA device")
    a, b, right, left = _random_hands(2)

    def values(device: torch.device) -> list[torch.Tensor]:
        leaves = [vertices.to(device, copy=True).requires_grad_() for vertices in (a, b)]
        depth = penetration_depth(*leaves, right.topology, left.topology, backend="reference")
        distance = signed_distance(leaves[0][:, :100], leaves[1], left.topology, backend="reference")
        (depth.loss.sum() + distance.sum()).backward()
        return [depth.depth_a, depth.depth_b, depth.loss.detach(), distance.detach(), *[v.grad for v in leaves]]  # type: ignore[list-item]

    for there, here in zip(values(DEVICE), values(torch.device("cpu")), strict=True):
        assert there.device.type == "cuda"
        assert here.abs().max() > 0
        # Sums of a few thousand numbers in another order.
        torch.testing.assert_close(there.cpu(), here, rtol=0, atol=1e-12 * max(1.0, float(here.abs().max())))


@pytest.mark.usefixtures("gpu")
def test_runs_and_streams_give_the_same_bits() -> None:
    a, b, right, left = _random_hands(64)
    there = [vertices.float().to(DEVICE) for vertices in (a, b)]

    def run() -> torch.Tensor:
        leaves = [vertices.clone().requires_grad_() for vertices in there]
        penetration_depth(*leaves, right.topology, left.topology, backend="cuda").loss.sum().backward()
        assert leaves[0].grad is not None
        return leaves[0].grad

    first = run()
    with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
        second = run()
        torch.cuda.current_stream().synchronize()
    assert torch.equal(first, second)


@pytest.mark.usefixtures("gpu")
def test_host_memory_is_refused_by_the_binding() -> None:
    native = import_module("a2p._cuda")
    solid = sphere(1.0, subdivisions=1)
    surface = Surface(solid.topology.faces, solid.topology.is_cap)
    topology = cuda.uploaded(native_topology(surface, solid.vertices.float()), torch.device("cuda", 0))
    empty = torch.empty(0)
    with pytest.raises(ShapeError, match="points must be an array in CUDA memory"):
        native.locate(topology, empty, empty, distance=empty, face=empty, weights=empty, workspace=empty, stream=0)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("kind", ["squared", "huber", "gmof"])
@pytest.mark.parametrize("count", [1, 37])
def test_the_fused_step_is_that_of_the_cpu(kind: str, count: int) -> None:
    loss = DepthLoss(kind, 2e-3)  # type: ignore[arg-type]
    right, left = _random_parameters(count)
    expected = FusedPenetration(*HandModel.load_pair("open"), loss=loss)(right, left)
    models = [model.to(DEVICE) for model in HandModel.load_pair("open")]
    actual = FusedPenetration(models[0], models[1], loss=loss)(right.to(device=DEVICE), left.to(device=DEVICE))
    assert expected.loss.max() > 0
    torch.testing.assert_close(actual.loss.cpu(), expected.loss, rtol=tolerances.CUDA_FUSED_REL, atol=0)
    for mine, truth in ((actual.depth_right, expected.depth_right), (actual.depth_left, expected.depth_left)):
        torch.testing.assert_close(mine.cpu(), truth, rtol=0, atol=tolerances.CUDA_FUSED_DEPTH_M)
    for hand, other in (
        (actual.gradient_right, expected.gradient_right),
        (actual.gradient_left, expected.gradient_left),
    ):
        for mine, truth in zip(_tensors(hand), _tensors(other), strict=True):
            atol = tolerances.CUDA_FUSED_REL * truth.abs().max().item()
            torch.testing.assert_close(mine.cpu(), truth, rtol=0, atol=atol)


@pytest.mark.usefixtures("gpu")
def test_the_fused_step_gives_the_same_bits_on_any_stream_and_waits_for_nothing() -> None:
    models = [model.to(DEVICE) for model in HandModel.load_pair("open")]
    fused = FusedPenetration(models[0], models[1])
    right, left = (parameters.to(device=DEVICE) for parameters in _random_parameters(64))
    first = fused(right, left)
    torch.cuda.set_sync_debug_mode("error")  # type: ignore[no-untyped-call]
    try:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            second = fused(right, left)
    finally:
        torch.cuda.set_sync_debug_mode("default")  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    assert torch.equal(first.loss, second.loss)
    for mine, other in zip(_tensors(first.gradient_left), _tensors(second.gradient_left), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.usefixtures("gpu")
def test_a_batch_that_takes_several_launches_is_its_pairs_one_by_one() -> None:
    models = [model.to(DEVICE) for model in HandModel.load_pair("open")]
    fused = FusedPenetration(models[0], models[1])
    right, left = (parameters.to(device=DEVICE) for parameters in _random_parameters(5))
    rows = torch.arange(4100, device=DEVICE) % 5
    few, many = fused(right, left), fused(right[rows], left[rows])
    assert torch.equal(many.loss, few.loss[rows])
    assert torch.equal(many.gradient_right.hand_pose, few.gradient_right.hand_pose[rows])


@pytest.mark.usefixtures("gpu")
def test_parameters_that_are_not_finite_give_nan_for_their_pair_alone() -> None:
    models = [model.to(DEVICE) for model in HandModel.load_pair("open")]
    fused = FusedPenetration(models[0], models[1])
    right, left = (parameters.to(device=DEVICE) for parameters in _random_parameters(3))
    expected = fused(right, left).loss
    right.betas[1, 3] = torch.inf
    actual = fused(right, left)
    assert torch.equal(actual.loss.isnan().cpu(), torch.tensor([False, True, False]))
    assert bool(actual.gradient_left.transl[1].isnan().all())
    assert torch.equal(actual.loss[[0, 2]], expected[[0, 2]])


@pytest.mark.usefixtures("gpu")
def test_parameters_elsewhere_than_the_models_are_refused_by_name() -> None:
    models = [model.to(DEVICE) for model in HandModel.load_pair("open")]
    right, left = _random_parameters(2)
    with pytest.raises(ShapeError, match="right global_orient must be float32 on cuda"):
        FusedPenetration(models[0], models[1])(right, left)
