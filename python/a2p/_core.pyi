"""
Native operations of a2p.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['DistanceField', 'FusedStep', 'KeypointFit', 'MeshTopology', 'PenetrationPair', 'PictureRenderer', 'SkinningModel', 'intersection_volume', 'isa', 'rasterize', 'resolve', 'runnable_isas', 'sample_window', 'set_isa', 'set_thread_count', 'surface_distance', 'thread_count', 'vertex_collisions', 'winding_number']
class PictureRenderer:
    """
    Renders training pictures of two hands. See a2p/picture/render.h.
    """
    @staticmethod
    def scene_dtype() -> numpy.dtype[typing.Any]:
        """
        The dtype of one scene; see a2p/picture/scene.h.
        """
    def __init__(self, right: dict[str, numpy.ndarray], left: dict[str, numpy.ndarray], *, skin_maps: list[numpy.ndarray], x: typing.SupportsFloat | typing.SupportsIndex, z: typing.SupportsFloat | typing.SupportsIndex, texels_per_metre: typing.SupportsFloat | typing.SupportsIndex, photos: list[numpy.ndarray]) -> None:
        ...
    def render(self, scenes: numpy.ndarray, vertices: typing.Any, joints: typing.Any, keypoints: typing.Any, seeds: typing.Any, *, width: typing.SupportsInt | typing.SupportsIndex, height: typing.SupportsInt | typing.SupportsIndex, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> tuple[numpy.typing.NDArray[numpy.uint8], numpy.typing.NDArray[numpy.uint8], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.uint8], dict[str, float]]:
        """
        Returns rgb (b, h, w, 3) and label (b, h, w) uint8, depth (b, h, w) float32, visible (b, 2, 21) uint8 and milliseconds by stage.
        """
class SkinningModel:
    """
    A hand model laid out for skinning. See a2p/skinning.h.
    """
    def __init__(self, v_template: typing.Any, shapedirs: typing.Any, posedirs: typing.Any, joint_template: typing.Any, joint_shapedirs: typing.Any, weights: typing.Any, parents: typing.Any) -> None:
        ...
    def forward(self, global_orient: typing.Any, hand_pose: typing.Any, betas: typing.Any, transl: typing.Any, *, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        Returns vertices (b, v, 3), joints (b, 16, 3) and joint_rotmats (b, 16, 3, 3).
        """
    def vjp(self, global_orient: typing.Any, hand_pose: typing.Any, betas: typing.Any, transl: typing.Any, d_vertices: typing.Any, d_joints: typing.Any, d_joint_rotmats: typing.Any, *, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        Returns the gradient for each parameter; None stands for a zero gradient.
        """
    @property
    def vertex_count(self) -> int:
        ...
class MeshTopology:
    """
    Faces grouped for queries. See a2p/topology.h.
    """
    def __init__(self, faces: typing.Any, is_cap: typing.Any, rest_vertices: typing.Any) -> None:
        """
        Prepares faces (f, 3) int64 with is_cap (f,) bool; rest_vertices (v, 3) float32 tell which are neighbours.
        """
    @property
    def cluster_count(self) -> int:
        ...
    @property
    def face_count(self) -> int:
        ...
    @property
    def vertex_count(self) -> int:
        ...
class PenetrationPair:
    """
    Two topologies, ready to be evaluated in many poses.
    """
    def __call__(self, vertices_a: typing.Any, vertices_b: typing.Any, *, loss: str = 'squared', scale: typing.SupportsFloat | typing.SupportsIndex = 0.001, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        Returns loss (b,) float64, depth_a (b, va), depth_b (b, vb), gradient_a (b, va, 3) and gradient_b (b, vb, 3), of float32 vertices (b, va, 3) and (b, vb, 3). See a2p/penetration.h.
        """
    def __init__(self, topology_a: MeshTopology, topology_b: MeshTopology) -> None:
        ...
class DistanceField:
    """
    A topology, ready to be queried in many poses.
    """
    def __call__(self, points: typing.Any, vertices: typing.Any, *, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]]:
        """
        Returns distance (b, p), face (b, p) int32 and weights (b, p, 3), of float32 points (b, p, 3) and vertices (b, v, 3). See a2p/signed_distance.h.
        """
    def __init__(self, topology: MeshTopology) -> None:
        ...
class FusedStep:
    """
    Two hand models and their surfaces. See a2p/fused_step.h.
    """
    def __call__(self, right: tuple[typing.Any, typing.Any, typing.Any, typing.Any], left: tuple[typing.Any, typing.Any, typing.Any, typing.Any], *, loss: str = 'squared', scale: typing.SupportsFloat | typing.SupportsIndex = 0.001, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> tuple[numpy.typing.NDArray[numpy.float64], tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]], tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        Returns loss (b,) float64, its gradient for the right and the left hand, depth_right and depth_left (b, v). Hands are given as (global_orient, hand_pose, betas, transl), and so are gradients.
        """
    def __init__(self, model_right: SkinningModel, model_left: SkinningModel, topology_right: MeshTopology, topology_left: MeshTopology) -> None:
        ...
class KeypointFit:
    """
    Least squares of hands to keypoints. Evidence is (model, points_2d, sigma_2d, points_3d, sigma_3d, confidence) of n hands, a state (orient_rotmat, root, angles, betas) of m; state i is one of hand[i]. See a2p/keypoint_fit.h.
    """
    def __init__(self, *, bones: typing.Any, arms: typing.Any, arm_joint: typing.Any, axes: typing.Any, rest_turns: typing.Any, hinges: typing.Any, angle_mean: typing.Any, angle_precision: typing.Any, angle_lower: typing.Any, angle_upper: typing.Any, beta_precision: typing.SupportsFloat | typing.SupportsIndex, size_sigma: typing.SupportsFloat | typing.SupportsIndex, robust_2d: typing.SupportsFloat | typing.SupportsIndex, robust_3d: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    def linearise(self, evidence: tuple[typing.Any, typing.Any, typing.Any, typing.Any, typing.Any, typing.Any], hand: typing.Any, state: tuple[typing.Any, typing.Any, typing.Any, typing.Any]) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """
        Returns cost (m,), gradient (m, 38) and Gauss-Newton Hessian (m, 38, 38).
        """
    def minimise(self, evidence: tuple[typing.Any, typing.Any, typing.Any, typing.Any, typing.Any, typing.Any], hand: typing.Any, state: tuple[typing.Any, typing.Any, typing.Any, typing.Any], *, max_iterations: typing.SupportsInt | typing.SupportsIndex, tolerance: typing.SupportsFloat | typing.SupportsIndex, initial_damping: typing.SupportsFloat | typing.SupportsIndex, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> tuple[tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.int32]]:
        """
        Returns the states reached, their costs (m,) and the iterations (m,).
        """
    def minimise_pairs(self, evidence: tuple[typing.Any, typing.Any, typing.Any, typing.Any, typing.Any, typing.Any], hand: typing.Any, state: tuple[typing.Any, typing.Any, typing.Any, typing.Any], depth_mean: typing.Any, depth_sigma: typing.Any, *, max_iterations: typing.SupportsInt | typing.SupportsIndex, tolerance: typing.SupportsFloat | typing.SupportsIndex, initial_damping: typing.SupportsFloat | typing.SupportsIndex, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> tuple[tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.int32]]:
        """
        Returns the states that both hands of each pair reach together, costs (m / 2,) and iterations (m / 2,).
        """
    def pose(self, model: typing.Any, state: tuple[typing.Any, typing.Any, typing.Any, typing.Any]) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """
        Returns points (m, 42, 3), their derivatives (m, 42, 3, 38) and the finger joints' rotations (m, 15, 3, 3).
        """
def intersection_volume(vertices_a: typing.Any, faces_a: typing.Any, vertices_b: typing.Any, faces_b: typing.Any, *, columns: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    Returns the shared volume (m^3). See a2p/intersection_volume.h.
    """
def isa() -> str:
    """
    Instruction set that native operations run with.
    """
def rasterize(vertices: typing.Any, faces: typing.Any, cameras: typing.Any, *, width: typing.SupportsInt | typing.SupportsIndex, height: typing.SupportsInt | typing.SupportsIndex, near: typing.SupportsFloat | typing.SupportsIndex, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
    """
    Returns face (b, h, w) int32, weights (b, h, w, 3) and depth (b, h, w) float32. See a2p/rasterize.h.
    """
def resolve(faces: typing.Any, values: typing.Any, face: typing.Any, weights: typing.Any, *, samples: typing.SupportsInt | typing.SupportsIndex, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> numpy.typing.NDArray[numpy.float32]:
    """
    Returns pixel values (b, h, w, c) float32. See a2p/raster_resolve.h.
    """
def runnable_isas() -> list[str]:
    """
    Instruction sets that run on this processor, by ascending preference.
    """
def sample_window(picture: typing.Any, *, centre: tuple[typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex], side: typing.SupportsFloat | typing.SupportsIndex, rotation: typing.SupportsFloat | typing.SupportsIndex, mirrored: bool, size: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float32]:
    """
    See a2p/sample_window.h. Returns (size, size, 3) float32.
    """
def set_isa(name: str | None) -> None:
    """
    Chooses the instruction set of later calls; None restores the best.
    """
def set_thread_count(count: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Sets the default number of threads; 0 restores the hardware's number.
    """
def surface_distance(vertices_a: typing.Any, faces_a: typing.Any, vertices_b: typing.Any, faces_b: typing.Any) -> float:
    """
    Returns the smallest distance (m) between two surfaces. See a2p/surface_distance.h.
    """
def thread_count() -> int:
    """
    Number of threads native operations use by default.
    """
def vertex_collisions(vertices_a: typing.Any, faces_a: typing.Any, vertices_b: typing.Any, faces_b: typing.Any, *, max_distance: typing.SupportsFloat | typing.SupportsIndex, max_cosine: typing.SupportsFloat | typing.SupportsIndex, rho: typing.SupportsFloat | typing.SupportsIndex) -> tuple[float, numpy.typing.NDArray[numpy.bool], numpy.typing.NDArray[numpy.bool], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    """
    Returns loss, collides_a (va,), collides_b (vb,), gradient_a (va, 3) and gradient_b (vb, 3). See a2p/vertex_criterion.h.
    """
def winding_number(points: typing.Any, vertices: typing.Any, faces: typing.Any, *, threads: typing.SupportsInt | typing.SupportsIndex = 0) -> numpy.typing.NDArray[numpy.float64]:
    """
    Returns the solid angle over 4 pi (p,) float64. See a2p/winding_number.h.
    """
__version__: str = '0.1.0'
