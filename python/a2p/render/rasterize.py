"""Which triangle each pixel of an image sees: the ground of every picture and label that a2p renders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int32, Integer

from a2p.camera import Camera
from a2p.errors import MeshError
from a2p.native import core

NEAR = 0.01
"""Distance (m) of the plane in front of which nothing is drawn."""


@dataclass(frozen=True)
class Raster:
    """What the samples of one image, or of a batch of images, see; supersampled `samples` times a side."""

    faces: Int32[np.ndarray, "f 3"]
    """The triangles that were drawn."""
    face: Int32[np.ndarray, "*batch h w"]
    """The face seen at each sample's centre; -1 where nothing is."""
    weights: Float32[np.ndarray, "*batch h w 3"]
    """Barycentric weights on that face, in space; 0 where nothing is seen."""
    depth: Float32[np.ndarray, "*batch h w"]
    """Distance (m) along z; infinite where nothing is seen."""
    samples: int = 1
    """Samples a side of each pixel."""

    def resolve(self, values: Float[np.ndarray, "*batch v c"]) -> Float32[np.ndarray, "*batch rows columns c"]:
        """Returns the pixels' values: those of the vertices, interpolated, averaged over each pixel's samples.

        A sample that sees nothing counts as zero: a constant 1 gives the coverage, and every other value comes
        premultiplied by it.
        """
        *batch, height, width = self.face.shape
        count = math.prod(batch)
        pixels: Float32[np.ndarray, "b rows columns c"] = core.resolve(
            self.faces,
            np.ascontiguousarray(values.reshape(count, *values.shape[-2:]), dtype=np.float32),
            self.face.reshape(count, height, width),
            self.weights.reshape(count, height, width, 3),
            samples=self.samples,
        )
        shape = (*batch, height // self.samples, width // self.samples, values.shape[-1])
        return pixels.reshape(shape)


def rasterize(
    vertices: Float[np.ndarray, "*batch v 3"],
    faces: Integer[np.ndarray, "f 3"],
    camera: Camera | Sequence[Camera],
    *,
    width: int,
    height: int,
    samples: int = 1,
    near: float = NEAR,
    threads: int = 0,
) -> Raster:
    """Returns the nearest face, the place on it and its depth for every sample of `width` x `height` pixels.

    Vertices are in the camera frame (m); a batch shares its faces and has one camera, or one each. Both sides of a
    face are seen; what is nearer than `near` (m) is clipped away. Faces that share an edge cover each sample along it
    exactly once (top-left rule), equal depths go to the lowest face, and the result is the same for any number of
    threads (0: the default number).
    """
    *batch, count, _ = vertices.shape
    with np.errstate(over="ignore"):
        flat = np.ascontiguousarray(vertices.reshape(math.prod(batch), count, 3), dtype=np.float32)
    if not np.isfinite(flat).all():
        raise MeshError("vertices must be finite; got NaN or infinity. Drop the meshes that have no position.")
    if faces.size and not 0 <= faces.min() <= faces.max() < count:
        raise MeshError(f"faces must index {count} vertices; got {faces.min()} to {faces.max()}. Number from 0.")
    triangles = np.ascontiguousarray(faces, dtype=np.int32)
    face, weights, depth = core.rasterize(
        flat,
        triangles,
        _intrinsics(camera, len(flat)) * samples,
        width=width * samples,
        height=height * samples,
        near=near,
        threads=threads,
    )
    return Raster(
        faces=triangles,
        face=face.reshape(*batch, *face.shape[1:]),
        weights=weights.reshape(*batch, *weights.shape[1:]),
        depth=depth.reshape(*batch, *depth.shape[1:]),
        samples=samples,
    )


def _intrinsics(camera: Camera | Sequence[Camera], batch: int) -> Float[np.ndarray, "b 4"]:
    cameras = [camera] * batch if isinstance(camera, Camera) else list(camera)
    if len(cameras) != batch:
        raise MeshError(f"camera must be one, or one a mesh of {batch}; got {len(cameras)}. Repeat it for every mesh.")
    return np.array([(c.fx, c.fy, c.cx, c.cy) for c in cameras], dtype=np.float64).reshape(batch, 4)
