"""The operations as PyTorch operators, with gradients, shapes for tracing, and batching rules.

They are opaque to `torch.compile`, which may hold them in one graph. The gradient is computed in the forward pass, so
that no operation differentiates twice: a second derivative raises.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from a2p.errors import ShapeError
from a2p.penetration.backends.contract import Surface
from a2p.penetration.dispatch import backend_named
from a2p.penetration.loss import DepthLoss, LossKind

_FACES = "Tensor faces_a, Tensor is_cap_a, Tensor faces_b, Tensor is_cap_b"


def require_finite(name: str, tensor: Tensor) -> None:
    """Raises unless every element is finite."""
    if not bool(torch.isfinite(tensor).all()):
        where = (~torch.isfinite(tensor)).nonzero()[0].tolist()
        raise ShapeError(
            f"{name} must be finite; element {where} is {tensor[tuple(where)].item()}. "
            "Drop or repair the hand it belongs to."
        )


def _looks_itself(backend: str, tensor: Tensor) -> bool:
    """Returns whether the backend refuses positions that are not finite, without saying whose they are."""
    return backend == "cpu" and tensor.dtype == torch.float32


def _require_all_finite(positions: dict[str, Tensor]) -> None:
    for name, tensor in positions.items():
        require_finite(name, tensor)


def _narrowed(values: Tensor, like: Tensor) -> Tensor:
    return values if values.dtype == like.dtype else values.to(like.dtype)


def _penetration(  # noqa: PLR0913 (an operator takes no structures)
    vertices_a: Tensor,
    vertices_b: Tensor,
    faces_a: Tensor,
    is_cap_a: Tensor,
    faces_b: Tensor,
    is_cap_b: Tensor,
    loss_kind: LossKind,
    loss_scale: float,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    surfaces = Surface(faces_a, is_cap_a), Surface(faces_b, is_cap_b)
    positions = {"vertices_a": vertices_a, "vertices_b": vertices_b}
    if not _looks_itself(backend, vertices_a):
        _require_all_finite(positions)
    try:
        values = backend_named(backend).penetration(vertices_a, vertices_b, *surfaces, DepthLoss(loss_kind, loss_scale))
    except ShapeError:
        _require_all_finite(positions)
        raise
    return (
        _narrowed(values.loss, vertices_a),
        _narrowed(values.depth_a, vertices_a),
        _narrowed(values.depth_b, vertices_a),
        _narrowed(values.gradient_a, vertices_a),
        _narrowed(values.gradient_b, vertices_a),
    )


penetration = torch.library.custom_op(
    "a2p::penetration",
    _penetration,
    mutates_args=(),
    schema=f"(Tensor vertices_a, Tensor vertices_b, {_FACES}, str loss_kind, float loss_scale, str backend) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
"""Loss (b,), depths (b, va) and (b, vb), and the gradients of the loss (b, va, 3) and (b, vb, 3)."""


@penetration.register_fake
def _(vertices_a: Tensor, vertices_b: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return (
        vertices_a.new_empty(vertices_a.shape[0]),
        vertices_a.new_empty(vertices_a.shape[:2]),
        vertices_b.new_empty(vertices_b.shape[:2]),
        vertices_a.new_empty(vertices_a.shape),
        vertices_b.new_empty(vertices_b.shape),
    )


def _save_gradients(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    del inputs
    ctx.save_for_backward(*output[3:])
    ctx.set_materialize_grads(False)


def _penetration_backward(ctx: Any, grad_loss: Tensor | None, *grad_others: Tensor | None) -> tuple[Tensor | None, ...]:
    if any(grad is not None for grad in grad_others):
        raise NotImplementedError(
            "only the loss of penetration_depth has a gradient, and only a first one: "
            "detach the depths, and do not differentiate the loss's gradient."
        )
    if grad_loss is None:
        return (None,) * 9
    gradient_a, gradient_b = ctx.saved_tensors
    scale = grad_loss[:, None, None]
    return (scale * gradient_a, scale * gradient_b, *(None,) * 7)


penetration.register_autograd(_penetration_backward, setup_context=_save_gradients)


class _Penetration(torch.autograd.Function):
    """The operator `penetration` without PyTorch's dispatch, which costs more than the kernel."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        """Returns what the operator returns."""
        output = _penetration(*inputs)
        _save_gradients(ctx, inputs, output)
        return output

    backward = staticmethod(_penetration_backward)


def evaluate_penetration(vertices_a: Tensor, vertices_b: Tensor, *others: Any) -> tuple[Tensor, ...]:
    """Returns what `penetration` returns for the same arguments, by the shortest way that does."""
    if not _is_plain(vertices_a, vertices_b):
        operator: tuple[Tensor, ...] = penetration(vertices_a, vertices_b, *others)
        return operator
    if not (torch.is_grad_enabled() and (vertices_a.requires_grad or vertices_b.requires_grad)):
        return _penetration(vertices_a, vertices_b, *others)
    outputs: tuple[Tensor, ...] = _Penetration.apply(vertices_a, vertices_b, *others)  # type: ignore[no-untyped-call]
    return outputs


def _locate(
    points: Tensor, vertices: Tensor, faces: Tensor, is_cap: Tensor, backend: str
) -> tuple[Tensor, Tensor, Tensor]:
    positions = {"points": points, "vertices": vertices}
    if not _looks_itself(backend, points):
        _require_all_finite(positions)
    try:
        located = backend_named(backend).locate(points, vertices, Surface(faces, is_cap))
    except ShapeError:
        _require_all_finite(positions)
        raise
    return _narrowed(located.distance, points), located.face.to(torch.int64), _narrowed(located.weights, points)


locate = torch.library.custom_op(
    "a2p::locate",
    _locate,
    mutates_args=(),
    schema="(Tensor points, Tensor vertices, Tensor faces, Tensor is_cap, str backend) -> (Tensor, Tensor, Tensor)",
)
"""Signed distance (b, p), and the face (b, p) and barycentric weights (b, p, 3) of the closest surface point."""


@locate.register_fake
def _(points: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return (
        points.new_empty(points.shape[:2]),
        points.new_empty(points.shape[:2], dtype=torch.int64),
        points.new_empty(points.shape),
    )


def _save_closest(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    points, vertices, faces, *_ = inputs
    ctx.save_for_backward(points, vertices, faces, *output)
    ctx.set_materialize_grads(False)


def _locate_backward(ctx: Any, grad_distance: Tensor | None, *grad_others: Tensor | None) -> tuple[Tensor | None, ...]:
    del grad_others  # the face is an integer, and the weights are constants of the derivative
    if grad_distance is None:
        return (None,) * 5
    points, vertices, faces, distance, face, weights = ctx.saved_tensors
    rows = faces.to(face.device)[face]
    index = rows.flatten(1)[..., None].expand(-1, -1, 3)
    corners = vertices.gather(1, index).unflatten(1, rows.shape[1:])
    offset = points - (weights[..., None] * corners).sum(dim=-2)
    usable = torch.isfinite(distance) & (distance != 0)
    slope = torch.where(usable, grad_distance / torch.where(usable, distance, 1.0), 0.0)
    grad_points = slope[..., None] * offset
    grad_corners = (-weights[..., None] * grad_points[..., None, :]).flatten(1, 2)
    grad_vertices = torch.zeros_like(vertices).scatter_add(1, index, grad_corners)
    return grad_points, grad_vertices, None, None, None


locate.register_autograd(_locate_backward, setup_context=_save_closest)


class _Locate(torch.autograd.Function):
    """The operator `locate` without PyTorch's dispatch."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        """Returns what the operator returns."""
        output = _locate(*inputs)
        ctx.mark_non_differentiable(output[1])
        _save_closest(ctx, inputs, output)
        return output

    backward = staticmethod(_locate_backward)


def evaluate_locate(points: Tensor, vertices: Tensor, *others: Any) -> tuple[Tensor, ...]:
    """Returns what `locate` returns for the same arguments, by the shortest way that does."""
    if not _is_plain(points, vertices):
        operator: tuple[Tensor, ...] = locate(points, vertices, *others)
        return operator
    if not (torch.is_grad_enabled() and (points.requires_grad or vertices.requires_grad)):
        return _locate(points, vertices, *others)
    outputs: tuple[Tensor, ...] = _Locate.apply(points, vertices, *others)  # type: ignore[no-untyped-call]
    return outputs


def _is_plain(*tensors: Tensor) -> bool:
    """Returns whether nothing traces, transforms or wraps these tensors, so that no operator needs to be seen."""
    if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None:
        return False
    return torch._C._len_torch_dispatch_stack() == 0 and all(type(tensor) in (Tensor, Parameter) for tensor in tensors)


def _batched(argument: Tensor, dim: int | None, size: int) -> Tensor:
    """Returns the tensor with the mapped dimension merged into its first."""
    first = argument.expand(size, *argument.shape) if dim is None else argument.movedim(dim, 0)
    return first.flatten(0, 1)


def _map_penetration(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
    _refuse_mapped_faces(in_dims[2:6])
    pair = [_batched(args[k], in_dims[k], info.batch_size) for k in range(2)]
    outputs = penetration(*pair, *args[2:])
    return tuple(output.unflatten(0, (info.batch_size, -1)) for output in outputs), (0,) * 5


def _map_locate(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
    _refuse_mapped_faces(in_dims[2:4])
    pair = [_batched(args[k], in_dims[k], info.batch_size) for k in range(2)]
    outputs = locate(*pair, *args[2:])
    return tuple(output.unflatten(0, (info.batch_size, -1)) for output in outputs), (0,) * 3


def _refuse_mapped_faces(dims: tuple[int | None, ...]) -> None:
    if any(dim is not None for dim in dims):
        raise NotImplementedError("vmap over topologies is not possible; map over vertices and points only.")


if hasattr(torch.library, "register_vmap"):  # PyTorch 2.5; before it vmap raises an error that names the operator
    torch.library.register_vmap(penetration, _map_penetration)
    torch.library.register_vmap(locate, _map_locate)
