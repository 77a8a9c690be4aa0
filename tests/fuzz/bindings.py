"""Calls every entry point of the extension with arguments drawn from bytes: an answer or a clear error, never a crash.

python -m tests.fuzz.bindings --seconds 600            # random bytes
python -m tests.fuzz.bindings --atheris -- FOLDER      # atheris, where it is installed; libFuzzer's options follow --

A build with sanitizers sees more: give CMake -DA2P_SANITIZE=address,undefined and preload the sanitizer's library.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from a2p.native import core
from tests.fuzz.arguments import Choices, array

_MOST_BYTES = 400
_NAMES = [
    "faces",
    "is_cap",
    "rest_vertices",
    "topology_a",
    "topology_b",
    "vertices",
    "vertices_a",
    "vertices_b",
    "points",
    "loss",
    "scale",
    "threads",
    "right",
    "left",
    "model_right",
    "model_left",
    "topology_right",
    "topology_left",
    "v_template",
    "shapedirs",
    "posedirs",
    "joint_template",
    "joint_shapedirs",
    "weights",
    "parents",
    "global_orient",
    "hand_pose",
    "betas",
    "transl",
    "d_vertices",
    "d_joints",
    "d_joint_rotmats",
    "cameras",
    "width",
    "height",
    "near",
    "picture",
    "centre",
    "side",
    "rotation",
    "size",
    "columns",
    "max_distance",
    "max_cosine",
    "rho",
    "values",
    "face",
    "samples",
    "mesh",
    "count",
    "name",
    "isa",
    "bones",
    "arms",
    "arm_joint",
    "axes",
    "rest_turns",
    "hinges",
    "angle_mean",
    "angle_precision",
    "angle_lower",
    "angle_upper",
    "beta_precision",
    "size_sigma",
    "robust_2d",
    "robust_3d",
    "evidence",
    "model",
    "points_2d",
    "points_3d",
    "sigma_2d",
    "sigma_3d",
    "confidence",
    "hand",
    "state",
    "orient_rotmat",
    "root",
    "angles",
    "depth_mean",
    "depth_sigma",
    "max_iterations",
    "tolerance",
    "initial_damping",
]


class UnclearError(AssertionError):
    """An error that does not name an argument."""


def _topology(choices: Choices, vertices: int | None = None) -> core.MeshTopology:
    vertices = choices.integer(12) if vertices is None else vertices
    faces = choices.integer(40) if vertices else 0
    return core.MeshTopology(
        array(choices, (faces, 3), np.int64, below=vertices),
        array(choices, (faces,), np.bool_, below=2),
        array(choices, (vertices, 3), np.float32),
    )


def _options(choices: Choices) -> dict[str, Any]:
    options: dict[str, Any] = {"threads": choices.pick([0, 1, 2, 3, -1, -(2**31), 2**31 - 1])}
    if choices.one_in(4):
        options["scale"] = choices.number()
    if choices.one_in(2):
        options["loss"] = choices.pick(["huber", "gmof", "squared", "", "cubic", "\0"])
    return options


def _penetration(choices: Choices) -> object:
    a, b = _topology(choices), _topology(choices)
    batch = choices.integer(4)
    arrays = (array(choices, (batch, mesh.vertex_count, 3), np.float32) for mesh in (a, b))
    return core.PenetrationPair(a, b)(*arrays, **_options(choices))


def _distance(choices: Choices) -> object:
    mesh = _topology(choices)
    batch, count = choices.integer(4), choices.integer(6)
    points = array(choices, (batch, count, 3), np.float32)
    vertices = array(choices, (batch, mesh.vertex_count, 3), np.float32)
    return core.DistanceField(mesh)(points, vertices, threads=_options(choices)["threads"])


def _model(choices: Choices, vertices: int) -> core.SkinningModel:
    parents = np.array([-1, *(j // 2 for j in range(1, 16))], dtype=np.int32)
    return core.SkinningModel(
        array(choices, (vertices, 3), np.float32),
        array(choices, (vertices, 3, 10), np.float32),
        array(choices, (vertices, 3, 135), np.float32),
        array(choices, (16, 3), np.float32),
        array(choices, (16, 3, 10), np.float32),
        array(choices, (vertices, 16), np.float32),
        array(choices, (16,), np.int32, below=17) if choices.one_in(6) else parents,
    )


def _parameters(choices: Choices, batch: int) -> tuple[Any, ...]:
    shapes = ((batch, 3), (batch, 15, 3), (batch, 10), (batch, 3))
    hand = tuple(array(choices, shape, np.float32) for shape in shapes)
    return hand[:3] if choices.one_in(20) else hand


def _skinning(choices: Choices) -> object:
    model = _model(choices, choices.integer(20))
    batch, threads = choices.integer(4), _options(choices)["threads"]
    hand = tuple(array(choices, shape, np.float32) for shape in ((batch, 3), (batch, 15, 3), (batch, 10), (batch, 3)))
    if choices.one_in(2):
        return model.forward(*hand, threads=threads)
    shapes = ((batch, model.vertex_count, 3), (batch, 16, 3), (batch, 16, 3, 3))
    cotangents = (None if choices.one_in(3) else array(choices, shape, np.float32) for shape in shapes)
    return model.vjp(*hand, *cotangents, threads=threads)


def _fused(choices: Choices) -> object:
    counts = choices.integer(12), choices.integer(12)
    models = [_model(choices, count) for count in counts]
    meshes = [_topology(choices, count + choices.one_in(20)) for count in counts]
    step = core.FusedStep(*models, *meshes)
    batch = choices.integer(4)
    return step(_parameters(choices, batch), _parameters(choices, batch), **_options(choices))  # type: ignore[arg-type]


def _rasterize(choices: Choices) -> object:
    batch, vertices = choices.integer(3), choices.integer(8)
    faces = choices.integer(8) if vertices else 0
    cameras = array(choices, (batch, 4), np.float64)
    if isinstance(cameras, np.ndarray) and cameras.dtype == np.float64 and choices.one_in(2):
        cameras = 100 * np.abs(cameras)
    positions = array(choices, (batch, vertices, 3), np.float32)
    if isinstance(positions, np.ndarray) and positions.dtype == np.float32 and positions.shape[-1:] == (3,):
        positions = positions + np.float32([0, 0, 0.1])
    return core.rasterize(
        positions,
        array(choices, (faces, 3), np.int32, below=vertices),
        cameras,
        width=choices.pick([8, 1, 3, 0, -1, 2**31 - 1]),
        height=choices.pick([8, 1, 5, 0, -7, 1 << 20]),
        near=choices.number(),
        threads=_options(choices)["threads"],
    )


def _resolve(choices: Choices) -> object:
    batch, vertices, faces = choices.integer(3), 1 + choices.integer(6), choices.integer(6)
    samples = choices.pick([1, 2, 4, 0, -1, 3])
    height, width = 4 * choices.integer(3), 4 * choices.integer(3)
    seen = array(choices, (batch, height, width), np.int32, below=faces + 1)
    if isinstance(seen, np.ndarray) and seen.dtype == np.int32:
        seen = np.ascontiguousarray(seen) - np.int32(1)
    return core.resolve(
        array(choices, (faces, 3), np.int32, below=vertices),
        array(choices, (batch, vertices, choices.integer(5)), np.float32),
        seen,
        array(choices, (batch, height, width, 3), np.float32),
        samples=samples,
        threads=_options(choices)["threads"],
    )


def _measures(choices: Choices) -> object:
    counts = choices.integer(10), choices.integer(10)
    positions = [array(choices, (count, 3), np.float64) for count in counts]
    faces = [array(choices, (choices.integer(12) if n else 0, 3), np.int64, below=n) for n in counts]
    meshes = (positions[0], faces[0], positions[1], faces[1])
    which = choices.integer(4)
    if which == 0:
        return core.intersection_volume(*meshes, columns=choices.pick([4, 1, 0, -1, 2**40]))
    if which == 1:
        return core.surface_distance(*meshes)
    if which == 2:
        return core.winding_number(positions[1], positions[0], faces[0], threads=_options(choices)["threads"])
    numbers = {name: choices.number() for name in ("max_distance", "max_cosine", "rho")}
    return core.vertex_collisions(*meshes, **numbers)


def _sample_window(choices: Choices) -> object:
    picture = array(
        choices, (choices.integer(12), choices.integer(12), choices.pick([3, 3, 3, 4])), np.uint8, below=256
    )
    numbers = {name: choices.number() for name in ("side", "rotation")}
    centre = (choices.number(), choices.number())
    size = choices.pick([1, 4, 9, 0, -1, 2**40])
    seen = core.sample_window(picture, centre=centre, **numbers, mirrored=choices.one_in(2), size=size)
    if not (np.isfinite(seen).all() and seen.min() >= 0.0 and seen.max() <= 1.0001):
        raise AssertionError("a window on a picture shows something beyond [0, 1]")
    return seen


def _doubles(choices: Choices, *shape: int) -> Any:
    """Returns numbers, seldom spoiled: this entry takes many arrays."""
    return array(choices if choices.one_in(8) else Choices(bytes([choices.integer(256)])), shape, np.float64)


def _sigmas(choices: Choices, *shape: int) -> Any:
    """Returns numbers from 0 to about 0.2, seldom spoiled."""
    drawn = _doubles(choices, *shape)
    return np.abs(drawn) if isinstance(drawn, np.ndarray) and drawn.dtype == np.float64 else drawn


def _numbers(choices: Choices, below: int, *shape: int) -> Any:
    source = choices if choices.one_in(8) else Choices(bytes([choices.integer(256)]))
    return array(source, shape, np.int64, below=below)


def _scale(choices: Choices) -> float:
    return choices.pick([0.1, 1.0, 1e-3, 1e-30, 1e29, 0.0, -1.0, np.inf, np.nan]) if choices.one_in(8) else 0.3


def _fit_problem(choices: Choices, models: int) -> core.KeypointFit:
    return core.KeypointFit(
        bones=_doubles(choices, models, 15, 3, 11),
        arms=_doubles(choices, models, 42, 3, 11),
        arm_joint=_numbers(choices, 16, 42),
        axes=_doubles(choices, models, 15, 3, 3),
        rest_turns=_doubles(choices, models, 15, 3, 3),
        hinges=_numbers(choices, 45, 22),
        angle_mean=_doubles(choices, 22),
        angle_precision=_doubles(choices, 22, 22),
        angle_lower=_doubles(choices, 22),
        angle_upper=np.ones(22),
        **{name: _scale(choices) for name in ("beta_precision", "size_sigma", "robust_2d", "robust_3d")},
    )


def _keypoint_fit(choices: Choices) -> object:
    models, hands, states = 1 + choices.integer(2), 1 + choices.integer(3), 2 * choices.integer(3)
    fit = _fit_problem(choices, models)
    evidence = (
        _numbers(choices, models, hands),
        _doubles(choices, hands, 21, 2),
        _sigmas(choices, hands, 2),
        _doubles(choices, hands, 21, 3),
        _sigmas(choices, hands),
        _sigmas(choices, hands, 21),
    )
    state: Any = tuple(_doubles(choices, states, *shape) for shape in ((3, 3), (3,), (22,), (10,)))
    which, hand = choices.integer(4), _numbers(choices, hands, states)
    if which == 0:
        return fit.pose(_numbers(choices, models, states), state)
    if which == 1:
        return fit.linearise(evidence, hand, state)
    settings: dict[str, Any] = {
        "max_iterations": choices.pick([3, 0, 9, -1]),
        "tolerance": _scale(choices),
        "initial_damping": _scale(choices),
        "threads": _options(choices)["threads"],
    }
    depths = _doubles(choices, states // 2), _sigmas(choices, states // 2)
    if which == 2:
        reached = fit.minimise(evidence, hand, state, **settings)
    else:
        reached = fit.minimise_pairs(evidence, hand, state, *depths, **settings)
    if not all(np.isfinite(values).all() for values in reached[0]):
        raise AssertionError("a fit of finite numbers reached a state that is not finite")
    return reached


def _settings(choices: Choices) -> object:
    before = core.thread_count()
    try:
        core.set_thread_count(choices.pick([0, 1, 2, -1, -(2**31), 64]))
        core.set_isa(choices.pick([None, *core.runnable_isas(), "", "sse9"]))
        return core.isa()
    finally:
        core.set_isa(None)
        core.set_thread_count(before)


ENTRY_POINTS: tuple[Callable[[Choices], object], ...] = (
    _penetration,
    _distance,
    _skinning,
    _fused,
    _rasterize,
    _resolve,
    _measures,
    _sample_window,
    _keypoint_fit,
    _topology,
    _settings,
)


def call(data: bytes) -> str:
    """Makes one call and returns how it ended: 'answer', or the name of the error, which must name an argument."""
    choices = Choices(data)
    try:
        choices.pick(ENTRY_POINTS)(choices)
    except MemoryError:
        return "MemoryError"
    except (ValueError, TypeError, OverflowError) as error:
        if not any(name in str(error) for name in _NAMES):
            raise UnclearError(f"{data!r}: {type(error).__name__} names no argument: {error}") from error
        return type(error).__name__
    return "answer"


def run(seconds: float, seed: int = 0) -> dict[str, int]:
    """Calls with random bytes for so long and returns how often each ending came."""
    generator = random.Random(seed)
    endings: dict[str, int] = {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ending = call(generator.randbytes(generator.randrange(_MOST_BYTES)))
        endings[ending] = endings.get(ending, 0) + 1
    return endings


def main() -> None:
    """Runs until the time is up, or until atheris ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true")
    parser.add_argument("libfuzzer", nargs="*", help="folders and options of libFuzzer")
    given = parser.parse_args()
    if not given.atheris:
        print(run(given.seconds, given.seed))
        return
    import atheris

    atheris.Setup([sys.argv[0], *given.libfuzzer], call)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
