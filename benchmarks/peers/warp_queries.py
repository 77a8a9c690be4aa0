"""NVIDIA Warp's own mesh queries, on the CPU; its meshes are refitted to every pose."""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module
from typing import ClassVar

import numpy as np

from benchmarks.cases import Pairs
from benchmarks.peers.peer import Depths, Peer


class WarpForward(Peer):
    """wp.mesh_query_point, forward only."""

    name: ClassVar[str] = "Warp mesh_query_point, forward"
    package: ClassVar[str] = "warp-lang"
    threads: ClassVar[str] = "1 (has no more)"
    kernel: ClassVar[str] = "by_ray"
    backward: ClassVar[bool] = False

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.wp = import_module("warp")
        self.wp.config.log_level = self.wp.LOG_WARNING
        self.wp.init()
        self.launched = getattr(import_module("benchmarks.peers.warp_kernels"), self.kernel)
        winding = self.kernel == "by_winding_number"
        self.points, self.meshes = [], []
        for vertices, faces in zip((pairs.vertices_a, pairs.vertices_b), self.faces, strict=True):
            points = self.array(vertices[0].numpy(), self.wp.vec3)
            indices = self.array(faces.astype(np.int32).ravel(), self.wp.int32)
            self.points.append(points)
            self.meshes.append(self.wp.Mesh(points, indices, support_winding_number=winding))

    def array(self, values: np.ndarray, dtype: type) -> object:
        """Returns an array of Warp's."""
        tracked = self.backward and values.dtype == np.float32
        return self.wp.array(values, dtype=dtype, device="cpu", requires_grad=tracked)

    def evaluate(self, a: np.ndarray, b: np.ndarray) -> Depths:
        """Evaluates one pair, backward too where the class says so."""
        for points, mesh, vertices in zip(self.points, self.meshes, (a, b), strict=True):
            self.wp.copy(points, self.wp.array(vertices, dtype=self.wp.vec3, device="cpu", copy=False))
            mesh.refit()
        loss = self.array(np.zeros(1, np.float32), float)
        depths = [self.array(np.zeros(len(vertices), np.float32), float) for vertices in (a, b)]
        tape = self.wp.Tape() if self.backward else None
        with tape or nullcontext():
            for mine, other in ((0, 1), (1, 0)):
                inputs = [self.points[mine], self.meshes[other].id, depths[mine], loss]
                self.wp.launch(self.launched, dim=len(self.points[mine]), inputs=inputs, device="cpu")
        if tape is not None:
            tape.backward(loss)
            tape.zero()
        return depths[0].numpy(), depths[1].numpy()


class WarpBackward(WarpForward):
    """wp.mesh_query_point with wp.Tape: a gradient for the points, none for the vertices of the mesh they lie in."""

    name: ClassVar[str] = "Warp mesh_query_point, forward and backward"
    gradient: ClassVar[str] = "half: not of the mesh"
    backward: ClassVar[bool] = True


class WarpWinding(WarpForward):
    """wp.mesh_query_point_sign_winding_number, forward only."""

    name: ClassVar[str] = "Warp winding number, forward"
    kernel: ClassVar[str] = "by_winding_number"
