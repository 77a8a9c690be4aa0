from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
import torch
from torch import Tensor

from a2p.penetration import DepthLoss, operators, penetration_depth, signed_distance
from a2p.penetration.backends import reference
from a2p.penetration.backends.contract import Surface
from tests.penetration.meshes import box, random_star

LOSSES = (DepthLoss(), DepthLoss("huber", 4e-3), DepthLoss("gmof", 5e-3))


def test_the_loss_compiles_into_one_graph_with_its_gradient() -> None:
    """In a process of its own: run-time type checks, which the tests turn on, are no part of a graph."""
    program = textwrap.dedent("""
        import torch
        from a2p.penetration import penetration_depth, signed_distance
        from tests.penetration.meshes import box, random_star

        a, b = random_star(1, subdivisions=1), box(0.06, 0.06, 0.06)

        def loss(x, y):
            depth = penetration_depth(x, y, a.topology, b.topology)
            return depth.loss + signed_distance(x, y, b.topology).sum()

        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        leaves = [m.vertices.float().requires_grad_() for m in (a, b)]
        expected = torch.autograd.grad(loss(*leaves), leaves)
        actual = torch.autograd.grad(compiled(*leaves), leaves)
        assert float(expected[0].abs().max()) > 0
        for left, right in zip(expected, actual):
            torch.testing.assert_close(left, right, rtol=0, atol=0)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_pytorchs_own_check_passes_both_operators() -> None:
    """Schema, autograd registration, shapes for tracing, and tracing with dynamic shapes, of a batch of two."""
    a, b = random_star(1, subdivisions=1), box(0.06, 0.06, 0.06)
    vertices = [torch.stack([m.vertices, m.vertices + 0.01]).float().requires_grad_() for m in (a, b)]
    surfaces = [part for m in (a, b) for part in (m.topology.faces, m.topology.is_cap)]
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(operators.penetration, (*vertices, *surfaces, "squared", 1e-3, "cpu"), test_utils=checks)
    torch.library.opcheck(operators.locate, (*vertices, *surfaces[2:], "cpu"), test_utils=checks)


def test_the_short_way_is_the_operators() -> None:
    a, b = random_star(1, subdivisions=1), box(0.06, 0.06, 0.06)
    leaves = [m.vertices[None].float().requires_grad_() for m in (a, b)]
    surfaces = [part for m in (a, b) for part in (m.topology.faces, m.topology.is_cap)]
    pairs = (
        (operators.penetration, operators.evaluate_penetration, (*leaves, *surfaces, "huber", 1e-3, "cpu")),
        (operators.locate, operators.evaluate_locate, (*leaves, *surfaces[2:], "cpu")),
    )
    for operator, short, arguments in pairs:
        expected, actual = operator(*arguments), short(*arguments)
        for left, right in zip(expected, actual, strict=True):
            assert torch.equal(left, right)
        gradients = [torch.autograd.grad(found[0].sum(), leaves) for found in (expected, actual)]
        assert any(gradient.any() for gradient in gradients[0])
        for left, right in zip(*gradients, strict=True):
            assert torch.equal(left, right)
        with torch.no_grad():
            assert all(torch.equal(left, right) for left, right in zip(expected, short(*arguments), strict=True))


@pytest.mark.skipif(not hasattr(torch.library, "register_vmap"), reason="needs torch.library.register_vmap (2.5)")
def test_vmap_gives_what_a_loop_gives() -> None:
    a, b = random_star(1, subdivisions=1), box(0.06, 0.06, 0.06)
    shifts = torch.tensor([[0.0, 0.0, 0.0], [0.02, 0.0, 0.0], [0.5, 0.0, 0.0]], dtype=torch.float64)

    def loss(shift: Tensor) -> Tensor:
        depth = penetration_depth(a.vertices + shift, b.vertices, a.topology, b.topology, backend="reference")
        return depth.loss + signed_distance(a.vertices + shift, b.vertices, b.topology, backend="reference").sum()

    leaves = shifts.requires_grad_()
    expected = torch.stack([loss(shift) for shift in leaves])
    actual = torch.func.vmap(loss)(leaves)
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)
    gradients = [torch.autograd.grad(values.sum(), leaves)[0] for values in (actual, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-15)
    with pytest.raises(RuntimeError, match=r"functorch transforms \(vmap, grad, jvp"):
        torch.func.grad(loss)(shifts[0].detach())


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
def test_the_written_gradient_is_the_one_that_autograd_derives(loss: DepthLoss) -> None:
    a, b = random_star(1), random_star(2).moved(x=0.06)
    leaves = [mesh.vertices.clone().requires_grad_() for mesh in (a, b)]
    surfaces = [Surface(mesh.topology.faces, mesh.topology.is_cap) for mesh in (a, b)]
    expected = torch.autograd.grad(
        reference.penetration_loss((leaves[0], leaves[1]), (surfaces[0], surfaces[1]), loss), leaves
    )
    values = reference.penetration(a.vertices[None], b.vertices[None], *surfaces, loss)
    scale = float(expected[0].abs().max())
    torch.testing.assert_close(values.gradient_a[0], expected[0], rtol=0, atol=1e-14 * scale)
    torch.testing.assert_close(values.gradient_b[0], expected[1], rtol=0, atol=1e-14 * scale)


def test_the_gradient_of_the_distance_is_the_one_that_autograd_derives() -> None:
    mesh = random_star(5, subdivisions=1)
    points = torch.rand(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.12 - 0.06
    leaves = [points.requires_grad_(), mesh.vertices.clone().requires_grad_()]
    faces, is_cap = mesh.topology.faces, mesh.topology.is_cap
    expected = torch.autograd.grad(reference.signed_distance(leaves[0], leaves[1], faces, is_cap).sum(), leaves)
    actual = torch.autograd.grad(
        signed_distance(leaves[0], leaves[1], mesh.topology, backend="reference").sum(), leaves
    )
    for left, right in zip(expected, actual, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-12)
