"""What made a result: the content and the size of everything that was learned or built."""

from __future__ import annotations

import gc
import hashlib
import math
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import numpy as np
from safetensors import safe_open

from a2p.evaluation.methods import Method
from a2p.hand.hand_data import HandData
from a2p.hand.hand_file import read_hand_data
from a2p.pipeline import Reconstructor

_PACKAGE = Path(__file__).parents[1]
_TEACHERS = "a2p.alignment.teachers"
_LEARNED = (".tflite", ".safetensors", ".npz", ".onnx", ".pt")
_FLOATING_POINT = {0: 4, 1: 2}
"""Bytes a number of TensorFlow Lite's types float32 and float16."""


def weights_sha256(hand_model: str, weights: Path | None = None) -> str:
    """Returns the SHA-256 of the packaged networks, of the hand model's two hands, and of a weights file, if any."""
    digest = hashlib.sha256()
    for path in _packaged():
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    if weights is not None:
        digest.update(weights.read_bytes())
    hands: list[HandData] = [read_hand_data(hand_model, side="right"), read_hand_data(hand_model, side="left")]
    for hand in hands:
        for array in (hand.v_template, hand.shapedirs, hand.posedirs, hand.weights, hand.faces):
            digest.update(array.tobytes())
    return digest.hexdigest()


def parameter_count(method: Method) -> int:
    """Returns how many learned numbers a method loads; the hand model does not count."""
    areas = {
        "pipeline": {"perception", "detection", "alignment"},
        "keypoints": {"perception", "detection"},
        "network": {"alignment"},
    }[method.stage1.source]
    weights = method.stage1.weights
    if weights is not None or (method.stage1.source == "pipeline" and not _looks_with_network()):
        areas = areas - {"alignment"}
    if method.stage2 == "diffusion":
        areas = areas | {"plausibility"}
    files = [path for path in _packaged() if path.parent.parent.name in areas]
    return sum(map(_numbers, files if weights is None else [*files, weights]))


def teachers_loaded() -> int:
    """Returns how many teachers this process holds, whoever loaded them: training needs them, inference does not."""
    protocol = sys.modules.get(f"{_TEACHERS}.protocol")
    if protocol is None:
        return 0
    own = (thing for thing in gc.get_objects() if str(type(thing).__module__).startswith(_TEACHERS))
    return sum(isinstance(thing, protocol.Teacher) for thing in own)


def _looks_with_network() -> bool:
    """Returns whether the pipeline takes the packaged alignment network unless told otherwise."""
    return bool(signature(Reconstructor).parameters["network"].default)


def _packaged() -> list[Path]:
    return sorted(path for path in _PACKAGE.glob("*/assets/*") if path.suffix in _LEARNED)


def _numbers(path: Path) -> int:
    if path.suffix == ".tflite":
        return sum(_constants(path))
    with safe_open(path, framework="np") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 - not a dict


def _constants(path: Path) -> Iterator[int]:
    """Yields how many floating point numbers each constant of a TensorFlow Lite model holds."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is not None and tensor.type in _FLOATING_POINT:
                yield np.asarray(data).nbytes // _FLOATING_POINT[tensor.type]
