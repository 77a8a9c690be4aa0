"""Libraries that give the signed distance of points to a mesh."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar

import numpy as np

from benchmarks.cases import Pairs
from benchmarks.peers.peer import DistancePeer


class LibiglPseudonormal(DistancePeer):
    """libigl, inside told by pseudonormals (its quickest exact sign)."""

    name: ClassVar[str] = "libigl, pseudonormal"
    package: ClassVar[str] = "libigl"
    threads: ClassVar[str] = "1 (IGL_NUM_THREADS)"
    sign: ClassVar[str] = "SIGNED_DISTANCE_TYPE_PSEUDONORMAL"

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.igl = import_module("igl")
        self.kind = getattr(self.igl.SignedDistanceType, self.sign)

    def depth(self, points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Returns how deep each point lies in the mesh."""
        depth: np.ndarray = -self.igl.signed_distance(
            points.astype(np.float64), vertices.astype(np.float64), faces, self.kind
        )[0]
        return depth


class LibiglWinding(LibiglPseudonormal):
    """libigl, inside told by the fast winding number, an approximation."""

    name: ClassVar[str] = "libigl, fast winding number"
    sign: ClassVar[str] = "SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER"


class Open3D(DistancePeer):
    """Open3D's RaycastingScene, which is built anew for every pose: it has no refit."""

    name: ClassVar[str] = "Open3D RaycastingScene"
    package: ClassVar[str] = "open3d"
    threads: ClassVar[str] = "1 (argument)"

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        open3d = import_module("open3d")
        self.tensor = open3d.core.Tensor.from_numpy
        self.scene = open3d.t.geometry.RaycastingScene

    def depth(self, points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Returns how deep each point lies in the mesh."""
        scene = self.scene(nthreads=1)
        scene.add_triangles(self.tensor(vertices), self.tensor(faces.astype(np.uint32)))
        depth: np.ndarray = -scene.compute_signed_distance(self.tensor(points), nthreads=1).numpy()
        return depth


class Trimesh(DistancePeer):
    """trimesh, its rays cast by embreex."""

    name: ClassVar[str] = "trimesh + embreex"
    package: ClassVar[str] = "trimesh"
    threads: ClassVar[str] = "1 (has no more)"

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        import_module("rtree")  # trimesh needs it for distances
        import_module("embreex")  # without it the rays take minutes
        self.trimesh = import_module("trimesh")
        self.signed_distance = import_module("trimesh.proximity").signed_distance

    def depth(self, points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Returns how deep each point lies in the mesh."""
        depth: np.ndarray = self.signed_distance(self.trimesh.Trimesh(vertices, faces, process=False), points)
        return depth


class Pysdf(DistancePeer):
    """pysdf."""

    name: ClassVar[str] = "pysdf"
    package: ClassVar[str] = "pysdf"
    threads: ClassVar[str] = "1 (argument)"

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.sdf = import_module("pysdf").SDF

    def depth(self, points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Returns how deep each point lies in the mesh."""
        depth: np.ndarray = self.sdf(vertices, faces.astype(np.uint32))(points, n_threads=1)
        return depth.reshape(-1)


class PointCloudUtils(DistancePeer):
    """point-cloud-utils."""

    name: ClassVar[str] = "point-cloud-utils"
    package: ClassVar[str] = "point-cloud-utils"
    threads: ClassVar[str] = "1 (IGL_NUM_THREADS)"

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.signed_distance = import_module("point_cloud_utils").signed_distance_to_mesh

    def depth(self, points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Returns how deep each point lies in the mesh."""
        depth: np.ndarray = -self.signed_distance(points.astype(np.float64), vertices.astype(np.float64), faces)[0]
        return depth
