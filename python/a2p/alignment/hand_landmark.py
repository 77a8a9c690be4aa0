"""Encoder weights that have learnt hands from photos: MediaPipe's, out of the packaged TensorFlow Lite file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from a2p.alignment.encoder import HandLandmarkEncoder
from a2p.errors import WeightsError

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def load_hand_landmark(encoder: HandLandmarkEncoder, path: Path) -> None:
    """Loads the convolutions of `hand_landmark_full.tflite` (Apache-2.0, Google), in the order in which they run.

    Raises:
        WeightsError: The file is not that model.
    """
    if encoder.first_block:
        raise WeightsError("an encoder without a stem takes its blocks from a whole one; load that first.")
    layers = [layer for layer in encoder.modules() if isinstance(layer, nn.Conv2d) and layer is not encoder.target_stem]
    stored = _convolutions(path)
    for index, (layer, (weight, bias)) in enumerate(zip(layers, stored, strict=False)):
        if layer.weight.shape != weight.shape or layer.bias is None or layer.bias.shape != bias.shape:
            raise WeightsError(
                f"{path.name} must be MediaPipe's hand_landmark_full.tflite: convolution {index} should have weights "
                f"of {tuple(layer.weight.shape)} and has {tuple(weight.shape)}. Choose the packaged file."
            )
    if len(stored) < len(layers):
        raise WeightsError(
            f"{path.name} must be MediaPipe's hand_landmark_full.tflite with at least {len(layers)} convolutions; it "
            f"has {len(stored)}. Choose the packaged file."
        )
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, stored, strict=False):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)  # type: ignore[union-attr]


def _convolutions(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Returns weights (out, in, rows, columns) and biases of every convolution of a model's graph."""
    try:
        graph = _Graph(path)
        return [graph.convolution(operator) for operator in graph.operators if graph.kind(operator) in _CONVOLUTIONS]
    except (OSError, struct.error, ValueError, TypeError, AttributeError, LookupError) as error:
        raise WeightsError(f"{path.name} must be a TensorFlow Lite model: {error!r}. Fetch it again.") from error


class _Graph:
    """A TensorFlow Lite file's main graph, whose numbers are stored in float16 and widened as it runs."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert import schema_py_generated as schema

        content = path.read_bytes()
        if content[4:8] != b"TFL3":
            raise ValueError(f"it starts with {content[:8]!r}")
        self._model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
        self._graph = self._model.subgraphs[0]
        self._names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
        self.operators: list[Any] = self._graph.operators
        self._widened = {op.outputs[0]: op.inputs[0] for op in self.operators if self.kind(op) == "DEQUANTIZE"}

    def kind(self, operator: Any) -> str:
        """Returns an operator's name."""
        code = self._model.operatorCodes[operator.opcodeIndex]
        name: str = self._names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        return name

    def convolution(self, operator: Any) -> tuple[Tensor, Tensor]:
        """Returns weights and bias of a convolution as PyTorch lays them out."""
        weight, bias = (self._numbers(int(index)) for index in operator.inputs[1:3])
        axes = (0, 3, 1, 2) if self.kind(operator) == "CONV_2D" else (3, 0, 1, 2)
        return torch.from_numpy(np.ascontiguousarray(weight.transpose(axes))), torch.from_numpy(bias)

    def _numbers(self, index: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        tensor = self._graph.tensors[self._widened.get(index, index)]
        content = bytes(self._model.buffers[tensor.buffer].data)
        kind = {0: np.float32, 1: np.float16}[tensor.type]
        return np.frombuffer(content, kind).astype(np.float32).reshape(tuple(tensor.shape))
