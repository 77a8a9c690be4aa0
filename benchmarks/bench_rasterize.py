"""How many pictures of two hands the rasteriser draws a second.

python -m pytest benchmarks/bench_rasterize.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from a2p import Camera
from a2p.hand import HandModel, HandParameters
from a2p.render.mesh import joined, smooth_mesh
from a2p.render.rasterize import rasterize

BATCH = 64


def two_hands() -> tuple[np.ndarray, np.ndarray]:
    """Returns a batch of pictures' vertices: a right and a left hand that fill most of a 35 degree view."""
    meshes = []
    for side, x in (("right", -0.05), ("left", 0.05)):
        model = HandModel.load("open", side=side)  # type: ignore[arg-type]
        parameters = HandParameters.zeros()
        turned = torch.tensor([0.0, 0.0, 1.57 if side == "right" else -1.57])
        posed = model(HandParameters(turned, parameters.hand_pose, parameters.betas, torch.tensor([x, 0.09, 0.4])))
        meshes.append(smooth_mesh(posed.vertices.numpy(), model.topology.faces.numpy()))
    scene = joined(meshes)
    return np.repeat(scene.vertices[None].astype(np.float32), BATCH, axis=0), scene.faces


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("threads", [1, 2])
def test_images_of_128_px_a_second(benchmark: Any, samples: int, threads: int) -> None:
    """Draws the batch; images_per_second is in the row's extra information."""
    vertices, faces = two_hands()
    camera = Camera.from_fov(128, 128, fov_deg=35.0)
    raster = benchmark(rasterize, vertices, faces, camera, width=128, height=128, samples=samples, threads=threads)
    assert (raster.face >= 0).mean() > 0.1
    benchmark.extra_info["images_per_second"] = BATCH / benchmark.stats["median"]
    benchmark.extra_info["covered"] = float((raster.face >= 0).mean())
