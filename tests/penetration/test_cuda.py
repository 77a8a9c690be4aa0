"""The CUDA kernels against the reference; they run where a GPU is, and import where none is."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest
import torch

from a2p.errors import ShapeError
from a2p.hand import HandModel, HandParameters
from a2p.penetration import DepthLoss, penetration_depth, signed_distance
from a2p.penetration.backends import cuda
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
    surface = cuda.Surface(solid.topology.faces, solid.topology.is_cap)
    topology = cuda._on_device(surface, solid.vertices.float()[None].to(DEVICE))
    empty = torch.empty(0)
    with pytest.raises(ShapeError, match="points must be an array in CUDA memory"):
        native.locate(topology, empty, empty, distance=empty, face=empty, weights=empty, workspace=empty, stream=0)
