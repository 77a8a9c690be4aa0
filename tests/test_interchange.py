"""Arrays of other libraries go in without a copy, and errors name the argument."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from a2p.errors import ShapeError
from a2p.hand import HandModel, HandParameters
from a2p.interchange import as_tensor
from a2p.penetration import FusedPenetration, penetration_depth, signed_distance
from tests.penetration.meshes import box, sphere


class Producer:
    """An array of some other library: it knows DLPack and nothing else."""

    def __init__(self, tensor: Tensor, device: tuple[int, int] = (1, 0)) -> None:
        self.tensor = tensor
        self.device = device
        self.exports = 0

    def __dlpack__(self, **options: Any) -> Any:
        self.exports += 1
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


class ArrayInterface:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__


class CudaArrayInterface:
    def __init__(self) -> None:
        self.__cuda_array_interface__ = {"shape": (1, 3), "typestr": "<f4", "data": (0, False), "version": 3}


def in_every_kind(tensor: Tensor) -> dict[str, Any]:
    array = tensor.numpy()
    frozen = array.view()
    frozen.flags.writeable = False
    return {
        "torch": tensor,
        "numpy": array,
        "read-only numpy": frozen,
        "DLPack": Producer(tensor),
        "capsule": tensor.__dlpack__(),
        "array interface": ArrayInterface(array),
        "read-only array interface": ArrayInterface(frozen),
    }


@pytest.mark.parametrize("kind", in_every_kind(torch.zeros(1)))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool])
def test_every_kind_of_array_shares_its_memory(kind: str, dtype: torch.dtype) -> None:
    tensor = torch.arange(12).reshape(4, 3).to(dtype)
    shared = as_tensor("vertices", in_every_kind(tensor)[kind])
    assert shared.data_ptr() == tensor.data_ptr()
    assert torch.equal(shared, tensor)


def test_strided_arrays_share_their_memory_and_reversed_ones_are_copied() -> None:
    array = np.arange(24.0).reshape(4, 6)
    assert as_tensor("points", array[:, ::2]).data_ptr() == array.ctypes.data
    assert torch.equal(as_tensor("points", array[::-1]), torch.from_numpy(array[::-1].copy()))


@pytest.mark.parametrize("kind", in_every_kind(torch.zeros(1)))
def test_penetration_is_the_same_for_every_kind_of_array(kind: str) -> None:
    a, b = sphere(0.05, subdivisions=1).to(torch.float32), box(0.05, 0.05, 0.05).to(torch.float32)
    expected = penetration_depth(a.vertices, b.vertices, a.topology, b.topology)
    arrays = [in_every_kind(solid.vertices)[kind] for solid in (a, b)]
    actual = penetration_depth(arrays[0], arrays[1], a.topology, b.topology)
    assert expected.depth_b.max() > 0
    assert torch.equal(actual.depth_b, expected.depth_b)
    points = in_every_kind(a.vertices)[kind]
    distances = signed_distance(points, in_every_kind(b.vertices)[kind], b.topology)
    assert torch.equal(distances, signed_distance(a.vertices, b.vertices, b.topology))


def test_what_comes_back_goes_on_without_a_copy() -> None:
    a = sphere(0.05, subdivisions=1).to(torch.float32)
    depth = penetration_depth(a.vertices.numpy(), a.vertices.numpy(), a.topology, a.topology).depth_a
    assert np.from_dlpack(depth).ctypes.data == depth.data_ptr()
    assert np.asarray(depth).ctypes.data == depth.data_ptr()


@pytest.mark.parametrize("kind", in_every_kind(torch.zeros(1)))
def test_the_fused_step_takes_every_kind_of_array(kind: str) -> None:
    models = HandModel.load_pair("open")
    zeros = HandParameters.zeros(2)
    names = ("global_orient", "hand_pose", "betas", "transl")
    parameters = HandParameters.from_arrays(**{name: in_every_kind(getattr(zeros, name))[kind] for name in names})
    assert parameters.betas.data_ptr() == zeros.betas.data_ptr()
    fused = FusedPenetration(models.right, models.left)
    assert torch.equal(fused(parameters, parameters).loss, fused(zeros, zeros).loss)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[0.0, 0.0, 0.0]], r"points must be a torch tensor, a numpy array, or .*; got list"),
        (None, "points must be a torch tensor, .*; got NoneType"),
        ("points", "points must be a torch tensor, .*; got str"),
        (np.array([[None] * 3]), "points must be an array of numbers that PyTorch can share; ndarray refused"),
        (np.zeros((1, 3), dtype=">f4"), "points must be an array of numbers that PyTorch can share; ndarray refused"),
        (np.zeros((1, 3), dtype=np.int32), r"points must be float32 or float64; got torch.int32"),
        (np.zeros((1, 3), dtype=np.complex64), r"points must be float32 or float64; got torch.complex64"),
        (Producer(torch.zeros(1, 3, requires_grad=True)), "points must be an array .*; Producer refused: "),
        (Producer(torch.zeros(1, 3).half()), "points must be float32 or float64; got torch.float16"),
        (np.zeros((1, 3), dtype=np.float32), "points and vertices must share dtype and device"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_an_error_that_names_it(value: Any, message: str) -> None:
    mesh = box(1, 1, 1)
    with pytest.raises(ShapeError, match=message):
        signed_distance(value, mesh.vertices, mesh.topology)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the arrays can be used where CUDA is")
@pytest.mark.parametrize("value", [Producer(torch.zeros(1, 3), (2, 0)), CudaArrayInterface()], ids=["DLPack", "CAI"])
def test_memory_of_another_device_is_refused_with_the_reason(value: Any) -> None:
    mesh = box(1, 1, 1)
    with pytest.raises(ShapeError, match=r"points lies in the memory of a CUDA device, which this PyTorch .* cannot"):
        signed_distance(value, mesh.vertices, mesh.topology)
    if isinstance(value, Producer):
        assert value.exports == 0
