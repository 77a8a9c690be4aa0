"""Native skinning equals the PyTorch definition in float64, in value and gradient."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from a2p.errors import ShapeError
from a2p.hand import HandModel, HandParameters, PosedHand
from a2p.native import core
from tests.tolerances import (
    NATIVE_SKINNING_DIFFERENCES_REL,
    NATIVE_SKINNING_GRADIENT_REL,
    NATIVE_SKINNING_M,
    NATIVE_SKINNING_ROTMAT,
)

Arrays = list[npt.NDArray[np.float32]]


@pytest.fixture(autouse=True)
def restored_isa() -> Iterator[None]:
    yield
    core.set_isa(None)


@pytest.fixture(scope="module")
def model() -> HandModel:
    return HandModel.load("open")


@pytest.fixture(scope="module")
def definition(model: HandModel) -> HandModel:
    return copy.deepcopy(model).double()


def draw_parameters(*batch: int, seed: int = 0, angle: float = 0.6) -> HandParameters:
    """Returns poses of every strength: whole turns of the wrist, angles near zero and up to several radians."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*batch, *shape, generator=generator)

    return HandParameters(2 * normal(3), angle * normal(15, 3), normal(10), 0.3 * normal(3))


def dense_model(model: HandModel, vertex_count: int) -> HandModel:
    """Returns a model like MANO: pose blend shapes and weights of every joint at every vertex."""
    dense = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(7)
    dense.v_template = dense.v_template[:vertex_count].clone()
    dense.shapedirs = dense.shapedirs[:vertex_count].clone()
    dense.posedirs = 1e-3 * torch.randn(vertex_count, 3, 135, generator=generator)
    dense.weights = torch.rand(vertex_count, 16, generator=generator).softmax(-1)
    return dense


def tensors_of(parameters: HandParameters) -> list[Tensor]:
    return [parameters.global_orient, parameters.hand_pose, parameters.betas, parameters.transl]


def arrays_of(parameters: HandParameters) -> Arrays:
    return [tensor.numpy() for tensor in tensors_of(parameters)]


def gradients(model: HandModel, parameters: HandParameters, weights: PosedHand) -> list[Tensor]:
    leaves = parameters.map(lambda tensor: tensor.clone().requires_grad_())
    posed = model(leaves)
    loss = (
        (posed.vertices * weights.vertices).sum()
        + (posed.joints * weights.joints).sum()
        + (posed.joint_rotmats * weights.joint_rotmats).sum()
    )
    return list(torch.autograd.grad(loss, tensors_of(leaves)))


def draw_posed(model: HandModel, *batch: int) -> PosedHand:
    generator = torch.Generator().manual_seed(11)
    count = len(model.v_template)
    return PosedHand(
        torch.randn(*batch, count, 3, generator=generator),
        torch.randn(*batch, 16, 3, generator=generator),
        torch.randn(*batch, 16, 3, 3, generator=generator),
    )


def as_double(posed: PosedHand) -> PosedHand:
    return PosedHand(posed.vertices.double(), posed.joints.double(), posed.joint_rotmats.double())


def assert_same_posed(model: HandModel, parameters: HandParameters) -> None:
    actual = model(parameters)
    expected = copy.deepcopy(model).double()(parameters.to(dtype=torch.float64))
    assert actual.vertices.dtype == torch.float32
    for name, tolerance in {
        "vertices": NATIVE_SKINNING_M,
        "joints": NATIVE_SKINNING_M,
        "joint_rotmats": NATIVE_SKINNING_ROTMAT,
    }.items():
        torch.testing.assert_close(getattr(actual, name).double(), getattr(expected, name), rtol=0, atol=tolerance)


def assert_same_gradients(model: HandModel, parameters: HandParameters) -> None:
    weights = draw_posed(model, *parameters.betas.shape[:-1])
    actual = gradients(model, parameters, weights)
    double = copy.deepcopy(model).double()
    expected = gradients(double, parameters.to(dtype=torch.float64), as_double(weights))
    for ours, theirs in zip(actual, expected, strict=True):
        tolerance = NATIVE_SKINNING_GRADIENT_REL * theirs.abs().max().item()
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("isa", core.runnable_isas())
@pytest.mark.parametrize("vertex_count", [1, 15, 16, 17, 778])
def test_a_dense_model_of_any_size_matches_the_definition_on_every_instruction_set(
    model: HandModel, isa: str, vertex_count: int
) -> None:
    core.set_isa(isa)
    dense = dense_model(model, vertex_count)
    assert_same_posed(dense, draw_parameters(2))
    assert_same_gradients(dense, draw_parameters(2))


@pytest.mark.parametrize("isa", core.runnable_isas())
@pytest.mark.parametrize("side", ["right", "left"])
def test_the_open_hand_matches_the_definition_on_every_instruction_set(isa: str, side: str) -> None:
    core.set_isa(isa)
    hand = HandModel.load("open", side=side)  # type: ignore[arg-type]
    assert_same_posed(hand, draw_parameters(20))
    assert_same_gradients(hand, draw_parameters(5))


def test_a_mean_pose_is_added_and_gradients_pass_through_it(model: HandModel) -> None:
    curled = HandModel.load("open", flat_hand_mean=False)
    parameters = draw_parameters(3)
    flat = HandParameters(
        parameters.global_orient, parameters.hand_pose + curled.hands_mean, parameters.betas, parameters.transl
    )
    torch.testing.assert_close(curled(parameters).vertices, model(flat).vertices, rtol=0, atol=0)
    assert_same_gradients(curled, parameters)


@pytest.mark.parametrize("angle", [0.0, 1e-20, 1e-6, 1e-3])
def test_values_and_gradients_are_right_at_and_near_zero_rotation(model: HandModel, angle: float) -> None:
    parameters = draw_parameters(2)
    small = HandParameters(
        angle * parameters.global_orient, angle * parameters.hand_pose, parameters.betas, parameters.transl
    )
    assert_same_posed(model, small)
    assert_same_gradients(model, small)


@pytest.mark.parametrize("angle", [1.3, 1.41421, 1.41422, 1.5, 3.1415, 6.2, 20.0])
def test_the_series_and_the_closed_form_of_a_rotation_agree_with_the_definition(model: HandModel, angle: float) -> None:
    parameters = draw_parameters(2)
    axes = torch.nn.functional.normalize(parameters.hand_pose, dim=-1)
    turned = HandParameters(parameters.global_orient, angle * axes, parameters.betas, parameters.transl)
    assert_same_gradients(model, turned)


def test_gradients_match_finite_differences(definition: HandModel) -> None:
    """Of the float64 definition, so that the gradient is checked against values alone, not against autograd."""
    model = copy.deepcopy(definition).float()
    parameters = draw_parameters(1)
    weights = draw_posed(model, 1)
    actual = torch.cat([gradient.flatten() for gradient in gradients(model, parameters, weights)])
    point = torch.cat([tensor.flatten() for tensor in tensors_of(parameters)]).double()

    def loss(flat: Tensor) -> float:
        orient, pose, betas, transl = flat.split([3, 45, 10, 3])
        posed = definition(HandParameters(orient[None], pose.reshape(1, 15, 3), betas[None], transl[None]))
        ours = (posed.vertices, posed.joints, posed.joint_rotmats)
        theirs = (weights.vertices, weights.joints, weights.joint_rotmats)
        return sum(float((a * b).sum()) for a, b in zip(ours, theirs, strict=True))

    step, scale = 1e-5, actual.abs().max().item()
    for index in range(len(point)):
        offset = torch.zeros_like(point)
        offset[index] = step
        difference = (loss(point + offset) - loss(point - offset)) / (2 * step)
        assert actual[index].item() == pytest.approx(difference, abs=NATIVE_SKINNING_DIFFERENCES_REL * scale)


@pytest.mark.parametrize("batch", [(), (1,), (2, 3), (0,), (2, 0)])
def test_leading_dimensions_are_kept(model: HandModel, definition: HandModel, batch: tuple[int, ...]) -> None:
    parameters = draw_parameters(*batch)
    posed = model(parameters)
    assert posed.vertices.shape == (*batch, 1630, 3)
    assert posed.joints.shape == (*batch, 16, 3)
    assert posed.joint_rotmats.shape == (*batch, 16, 3, 3)
    expected = definition(parameters.to(dtype=torch.float64)).vertices
    torch.testing.assert_close(posed.vertices.double(), expected, rtol=0, atol=NATIVE_SKINNING_M)
    for gradient, tensor in zip(
        gradients(model, parameters, draw_posed(model, *batch)), tensors_of(parameters), strict=True
    ):
        assert gradient.shape == tensor.shape


def test_the_number_of_threads_does_not_change_a_bit(model: HandModel) -> None:
    native = model.native_skinning().native
    parameters = arrays_of(draw_parameters(61))
    d_posed = [tensor.numpy() for tensor in vars(draw_posed(model, 61)).values()]
    for call in (
        lambda n: native.forward(*parameters, threads=n),
        lambda n: native.vjp(*parameters, *d_posed, threads=n),
    ):
        alone = call(1)
        for threads in (2, 3, 7):
            for ours, theirs in zip(call(threads), alone, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_concurrent_calls_do_not_disturb_each_other(model: HandModel) -> None:
    hands = [draw_parameters(3, seed=seed) for seed in range(16)]
    expected = [model(hand).vertices for hand in hands]
    with ThreadPoolExecutor(4) as pool:
        for ours, theirs in zip(pool.map(lambda hand: model(hand).vertices, hands), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_inputs_may_be_views_that_are_not_contiguous(model: HandModel) -> None:
    parameters = draw_parameters(4)
    views = parameters.map(lambda tensor: torch.stack([tensor, tensor], dim=-1)[..., 0])
    assert not views.betas.is_contiguous()
    torch.testing.assert_close(model(views).vertices, model(parameters).vertices, rtol=0, atol=0)


def test_an_unused_output_costs_no_gradient_and_does_not_change_the_others(model: HandModel) -> None:
    weights = draw_posed(model, 2)
    parameters = draw_parameters(2).map(lambda tensor: tensor.requires_grad_())
    only_joints = torch.autograd.grad((model(parameters).joints * weights.joints).sum(), tensors_of(parameters))
    zeros = PosedHand(torch.zeros_like(weights.vertices), weights.joints, torch.zeros_like(weights.joint_rotmats))
    for ours, theirs in zip(only_joints, gradients(model, parameters, zeros), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


COMPILED = """
import torch
from a2p.hand import HandModel, HandParameters
model = HandModel.load("open", flat_hand_mean=False)
generator = torch.Generator().manual_seed(0)
leaves = [torch.randn(2, *shape, generator=generator).requires_grad_() for shape in ((3,), (15, 3), (10,), (3,))]
weight = torch.randn(2, 1630, 3, generator=generator)

def loss(*tensors):
    posed = model(HandParameters(*tensors))
    return (posed.vertices * weight).sum() + posed.joints.square().sum()

graphs = []
compiled = torch.compile(loss, fullgraph=True, backend=lambda graph, inputs: graphs.append(graph) or graph)
value, expected = compiled(*leaves), loss(*leaves)
torch.testing.assert_close(value, expected)
for ours, theirs in zip(torch.autograd.grad(value, leaves), torch.autograd.grad(expected, leaves)):
    torch.testing.assert_close(ours, theirs)
assert any("a2p.skin" in str(node.target) for node in graphs[0].graph.nodes), graphs[0].graph
print("one graph")
"""


def test_a_compiled_model_is_one_graph_with_the_same_values_and_gradients() -> None:
    """In a process of its own, because the run-time type checks of the test run cannot be compiled."""
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.strip() == "one graph", done.stderr


def test_the_operator_passes_the_checks_of_torch_library(model: HandModel) -> None:
    leaves = [tensor.requires_grad_() for tensor in tensors_of(draw_parameters(2))]
    torch.library.opcheck(
        torch.ops.a2p.skin.default,
        (model.native_skinning().handle, *leaves),
        test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
    )


def test_second_derivatives_and_function_transforms_match_the_definition(
    model: HandModel, definition: HandModel
) -> None:
    parameters = draw_parameters(2)

    def energy(hand: HandModel, pose: Tensor, like: HandParameters) -> Tensor:
        return hand(HandParameters(like.global_orient, pose, like.betas, like.transl)).vertices.square().sum()

    def curvature(hand: HandModel, like: HandParameters) -> Tensor:
        pose = like.hand_pose.clone().requires_grad_()
        (first,) = torch.autograd.grad(energy(hand, pose, like), pose, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), pose)
        return second

    double = parameters.to(dtype=torch.float64)
    torch.testing.assert_close(
        curvature(model, parameters).double(), curvature(definition, double), rtol=1e-4, atol=1e-3
    )

    def mapped(hand: HandModel, like: HandParameters) -> Tensor:
        return torch.func.vmap(
            torch.func.grad(lambda pose, *rest: energy(hand, pose, HandParameters(rest[0], pose, *rest[1:])))
        )(like.hand_pose, like.global_orient, like.betas, like.transl)

    torch.testing.assert_close(mapped(model, parameters).double(), mapped(definition, double), rtol=1e-4, atol=1e-4)


def test_an_edit_of_the_constants_is_seen(model: HandModel) -> None:
    edited = copy.deepcopy(model)
    before = edited(HandParameters.zeros(1)).vertices
    edited.v_template += 0.01
    torch.testing.assert_close(edited(HandParameters.zeros(1)).vertices, before + 0.01)
    edited.v_template = edited.v_template - 0.01
    torch.testing.assert_close(edited(HandParameters.zeros(1)).vertices, before)


def test_constants_that_are_optimised_receive_gradients(model: HandModel) -> None:
    optimised = copy.deepcopy(model)
    optimised.v_template.requires_grad_()
    optimised(draw_parameters(1)).vertices.sum().backward()
    assert optimised.v_template.grad is not None
    assert optimised.v_template.grad.abs().min() > 0


def test_a_copy_and_a_pickle_of_the_model_skin_the_same(model: HandModel) -> None:
    parameters = draw_parameters(1)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.deepcopy(model).double().float()):
        torch.testing.assert_close(twin(parameters).vertices, model(parameters).vertices, rtol=0, atol=0)
        assert twin.native_skinning() is not model.native_skinning()


def bad_arguments() -> list[tuple[str, object, str]]:
    good = arrays_of(draw_parameters(2))
    return [
        ("hand_pose", good[1][:1], r"hand_pose must have shape \(2, 15, 3\); got \(1, 15, 3\)"),
        ("hand_pose", good[1].reshape(2, 45), r"hand_pose must have shape \(2, 15, 3\); got \(2, 45\)"),
        ("betas", good[2].astype(np.float64), r"betas must be float32; got float64\. Convert it to float32"),
        ("transl", np.asfortranarray(good[3]), r"transl must be C-contiguous"),
        ("global_orient", [[0.0, 0.0, 0.0]], r"global_orient must be a numpy array or support DLPack; got list"),
        ("global_orient", None, r"global_orient must be a numpy array or support DLPack; got NoneType"),
        ("betas", torch.zeros(2, 10, requires_grad=True), r"betas must be an array in CPU memory that needs no grad"),
    ]


@pytest.mark.parametrize(("name", "value", "message"), bad_arguments())
def test_a_bad_argument_is_named_with_what_to_do(model: HandModel, name: str, value: object, message: str) -> None:
    names = ("global_orient", "hand_pose", "betas", "transl")
    arguments: dict[str, object] = dict(zip(names, arrays_of(draw_parameters(2)), strict=True))
    arguments[name] = value
    with pytest.raises(ShapeError, match=message):
        model.native_skinning().native.forward(**arguments)


def test_dlpack_tensors_are_taken_without_numpy(model: HandModel) -> None:
    parameters = draw_parameters(2)
    vertices = model.native_skinning().native.forward(*tensors_of(parameters))[0]
    np.testing.assert_array_equal(vertices, model(parameters).vertices.numpy())


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("weights", lambda a: a[:-1], r"weights must have shape \(1630, 16\); got \(1629, 16\)"),
        (
            "v_template",
            lambda a: np.where(a == a.max(), np.nan, a),
            r"v_template must be finite; got nan at flat index",
        ),
        ("posedirs", lambda a: np.where(a == a.max(), np.inf, a), r"posedirs must be finite; got inf at flat index"),
        ("parents", lambda a: a[::-1].copy(), r"parents must name a lower joint"),
    ],
)
def test_a_bad_model_is_refused(model: HandModel, name: str, edit: object, message: str) -> None:
    names = ("v_template", "shapedirs", "posedirs", "J_template", "J_shapedirs", "weights", "parents")
    arrays = {key: getattr(model, key).numpy() for key in names}
    arrays["parents"] = arrays["parents"].astype(np.int32)
    arrays[name] = edit(arrays[name])  # type: ignore[operator]
    with pytest.raises(ShapeError, match=message):
        core.SkinningModel(*arrays.values())


def test_no_memory_is_kept_by_repeated_calls(model: HandModel) -> None:
    resource = pytest.importorskip("resource")
    parameters = draw_parameters(1)
    weights = draw_posed(model, 1)

    def run(times: int) -> int:
        for _ in range(times):
            gradients(model, parameters, weights)
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    before = run(100)
    assert run(500) - before < 4 * 1024  # KiB; the vertices of one call are 20, so that a leak would be 10,000
