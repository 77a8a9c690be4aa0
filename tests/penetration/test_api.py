from __future__ import annotations

import numpy as np
import pytest
import torch

from a2p.errors import BackendError, ConfigError, ShapeError
from a2p.penetration import DepthLoss, penetration_depth, runnable_backends, signed_distance
from tests.penetration.meshes import box, sphere


def test_auto_says_which_backend_ran() -> None:
    a = sphere(1.0, subdivisions=1).to(torch.float32)
    result = penetration_depth(a.vertices, a.vertices, a.topology, a.topology)
    assert result.backend == runnable_backends()[0]


def test_a_backend_asked_for_by_name_runs_or_raises() -> None:
    a = sphere(1.0, subdivisions=1)
    assert penetration_depth(a.vertices, a.vertices, a.topology, a.topology, backend="reference").backend == "reference"
    if not torch.cuda.is_available():
        with pytest.raises(BackendError, match=r"backend 'cuda' cannot handle tensors on 'cpu' here: .*Runnable: "):
            penetration_depth(a.vertices, a.vertices, a.topology, a.topology, backend="cuda")


def test_leading_dimensions_and_dtype_are_those_of_the_input() -> None:
    a, b = sphere(1.0, subdivisions=1).to(torch.float32), box(1, 1, 1).to(torch.float32)
    result = penetration_depth(a.vertices.expand(2, 3, -1, -1), b.vertices.expand(2, 3, -1, -1), a.topology, b.topology)
    assert result.depth_a.shape == (2, 3, len(a.vertices))
    assert result.depth_b.shape == (2, 3, len(b.vertices))
    assert result.loss.shape == (2, 3)
    assert {result.depth_a.dtype, result.depth_b.dtype, result.loss.dtype} == {torch.float32}
    single = penetration_depth(a.vertices, b.vertices, a.topology, b.topology)
    assert single.loss.shape == ()
    assert torch.equal(single.depth_b, result.depth_b[1, 2])


def test_an_empty_batch_gives_an_empty_result() -> None:
    a = sphere(1.0, subdivisions=1).to(torch.float32)
    for backend in runnable_backends():
        none = a.vertices.expand(0, -1, -1)
        result = penetration_depth(none, none, a.topology, a.topology, backend=backend)  # type: ignore[arg-type]
        assert result.depth_a.shape == (0, len(a.vertices))
        assert result.loss.shape == (0,)
        assert signed_distance(none, none, a.topology, backend=backend).shape == (0, len(a.vertices))  # type: ignore[arg-type]


def test_numpy_arrays_are_welcome() -> None:
    a, b = sphere(1.0, subdivisions=1), box(1, 1, 1)
    from_numpy = penetration_depth(a.vertices.numpy(), b.vertices.numpy(), a.topology, b.topology)
    from_torch = penetration_depth(a.vertices, b.vertices, a.topology, b.topology)
    assert torch.equal(from_numpy.depth_b, from_torch.depth_b)
    assert torch.equal(
        signed_distance(np.zeros((1, 3)), b.vertices.numpy(), b.topology), torch.tensor([-0.5], dtype=torch.float64)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v[..., :2], r"vertices_a must have shape \(\.\.\., n, 3\), in metres; got \(42, 2\)"),
        (lambda v: v[0], r"vertices_a must have shape"),
        (lambda v: v[:-1], "vertices_a must hold the 42 vertices of its topology; got 41"),
        (lambda v: v.half(), r"vertices_a must be float32 or float64; got torch.float16"),
        (lambda v: v.double(), "vertices_a and vertices_b must share dtype and device"),
        (lambda v: v.expand(2, -1, -1), "must have the same leading dimensions"),
        (lambda v: v.index_fill(0, torch.tensor([7]), float("nan")), r"vertices_a must be finite; element \[0, 7, 0\]"),
        (lambda v: v.index_fill(0, torch.tensor([7]), float("inf")), "vertices_a must be finite"),
    ],
)
def test_an_unusable_input_is_an_error_that_names_it(change, message: str) -> None:
    a, b = sphere(1.0, subdivisions=1).to(torch.float32), box(1, 1, 1).to(torch.float32)
    with pytest.raises(ShapeError, match=message):
        penetration_depth(change(a.vertices), b.vertices, a.topology, b.topology)


def test_points_that_do_not_fit_the_mesh_are_an_error() -> None:
    b = box(1, 1, 1)
    with pytest.raises(ShapeError, match="points and vertices must have the same leading dimensions"):
        signed_distance(torch.zeros(2, 1, 3, dtype=torch.float64), b.vertices, b.topology)
    with pytest.raises(ShapeError, match="points must be finite"):
        signed_distance(torch.full((1, 3), torch.nan, dtype=torch.float64), b.vertices, b.topology)


def test_a_loss_without_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="scale must be a positive depth in metres; got 0"):
        DepthLoss("huber", 0.0)


def test_only_the_loss_has_a_gradient_and_only_a_first_one() -> None:
    a, b = sphere(1.0, subdivisions=1), box(1, 1, 1)
    vertices = a.vertices.clone().requires_grad_()
    result = penetration_depth(vertices, b.vertices, a.topology, b.topology)
    assert not result.depth_a.requires_grad
    (gradient,) = torch.autograd.grad(result.loss, vertices, create_graph=True)
    with pytest.raises(NotImplementedError, match="only a first one"):
        gradient.square().sum().backward()
