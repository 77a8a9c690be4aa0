"""
Operations of a2p on CUDA devices. Work is queued on the given stream of the current device.
"""
from __future__ import annotations
import a2p._core
import typing
__all__: list[str] = ['DeviceHand', 'DeviceStep', 'DeviceTopology', 'device_count', 'locate', 'locate_workspace_bytes', 'penetrate', 'penetration_workspace_bytes']
class DeviceTopology:
    """
    A prepared topology in the memory of one CUDA device.
    """
    def __init__(self, topology: a2p._core.MeshTopology) -> None:
        """
        Copies the topology to the current device.
        """
class DeviceHand:
    """
    A hand model in the memory of one CUDA device.
    """
    def __init__(self, model: a2p._core.SkinningModel) -> None:
        """
        Copies the model to the current device.
        """
class DeviceStep:
    """
    Two hand models and their surfaces. See a2p/cuda/fused_step.h.
    """
    def __call__(self, right: tuple[typing.Any, typing.Any, typing.Any, typing.Any], left: tuple[typing.Any, typing.Any, typing.Any, typing.Any], *, gradient_right: tuple[typing.Any, typing.Any, typing.Any, typing.Any], gradient_left: tuple[typing.Any, typing.Any, typing.Any, typing.Any], loss_out: typing.Any, depth_right: typing.Any, depth_left: typing.Any, workspace: typing.Any, loss: str, scale: typing.SupportsFloat | typing.SupportsIndex, stream: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Writes loss, gradients and depths of pairs. Hands are given as (global_orient, hand_pose, betas, transl), and so are gradients.
        """
    def __init__(self, model_right: DeviceHand, model_left: DeviceHand, topology_right: DeviceTopology, topology_left: DeviceTopology) -> None:
        ...
    def workspace_bytes(self, count: typing.SupportsInt | typing.SupportsIndex) -> int:
        """
        Bytes of device memory that a call needs for `count` pairs.
        """
def device_count() -> int:
    """
    Number of CUDA devices that can run here; 0 without a driver.
    """
def locate(topology: DeviceTopology, points: typing.Any, vertices: typing.Any, *, distance: typing.Any, face: typing.Any, weights: typing.Any, workspace: typing.Any, stream: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Writes where points lie relative to meshes; see a2p/cuda/penetration.h.
    """
def locate_workspace_bytes(topology: DeviceTopology, count: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Bytes of device memory that `locate` needs for `count` meshes.
    """
def penetrate(topology_a: DeviceTopology, topology_b: DeviceTopology, vertices_a: typing.Any, vertices_b: typing.Any, *, loss_out: typing.Any, depth_a: typing.Any, depth_b: typing.Any, gradient_a: typing.Any, gradient_b: typing.Any, workspace: typing.Any, loss: str, scale: typing.SupportsFloat | typing.SupportsIndex, stream: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Writes loss, depths and gradients of pairs; see a2p/cuda/penetration.h.
    """
def penetration_workspace_bytes(topology_a: DeviceTopology, topology_b: DeviceTopology, count: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Bytes of device memory that `penetrate` needs for `count` pairs.
    """
