"""Inverted residuals written as a TensorFlow Lite model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from a2p.alignment.encoder import InvertedResidual
from a2p.errors import ConfigError

_FORMAT_VERSION = 3
_Array = Float[np.ndarray, "..."]


def blocks_as_tflite(
    trunk: Sequence[InvertedResidual],
    branches: Sequence[Sequence[InvertedResidual]] = (),
    *,
    taps: Sequence[int],
    shape: tuple[int, int, int],
) -> bytes:
    """Returns a model of blocks without batch norms: a map (1, rows, columns, channels) in, several maps out.

    Every branch goes on from the trunk's end; blocks are numbered from the trunk's start along each way. Outputs are
    the trunk's blocks at `taps`, then each branch's. `shape` is channels, rows and columns of the input.
    """
    graph = _Graph()
    channels, rows, columns = shape
    fork = graph.tensor((1, rows, columns, channels))
    graph.inputs.append(fork)
    for number, block in enumerate(trunk):
        fork = graph.block(fork, block)
        if number in taps:
            graph.outputs.append(fork)
    for branch in branches:
        x = fork
        for number, block in enumerate(branch, start=len(trunk)):
            x = graph.block(x, block)
            if number in taps:
                graph.outputs.append(x)
    return graph.packed()


class _AlignedBuffer:
    """A weight's bytes, at a multiple of 16 bytes as the format asks; the generated writer aligns bytes to one."""

    def __init__(self, content: _Array) -> None:
        self._content = np.ascontiguousarray(content, np.float32).tobytes()

    def Pack(self, builder: Any) -> int:  # noqa: N802 - the generated writer's name
        """Writes the buffer and returns its place."""
        from ai_edge_litert import schema_py_generated as schema

        count = len(self._content)
        builder.StartVector(1, count, 16)
        start = builder.Head() - count
        builder.head = start
        builder.Bytes[start : start + count] = self._content
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        place: int = schema.BufferEnd(builder)
        return place


class _Graph:
    """A TensorFlow Lite graph that grows layer by layer."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema: Any = schema
        self._buffers: list[Any] = [schema.BufferT()]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes = (
            schema.BuiltinOperator.CONV_2D,
            schema.BuiltinOperator.DEPTHWISE_CONV_2D,
            schema.BuiltinOperator.ADD,
        )
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def tensor(self, shape: Sequence[int], content: _Array | None = None) -> int:
        """Adds a tensor of float32 and returns its index; without content an operator or the caller fills it."""
        buffer = 0
        if content is not None:
            buffer = len(self._buffers)
            self._buffers.append(_AlignedBuffer(content))
        index = len(self._tensors)
        self._tensors.append(self._schema.TensorT(shape=list(shape), buffer=buffer, name=f"t{index}"))
        return index

    def block(self, x: int, block: InvertedResidual) -> int:
        """Adds an inverted residual and returns its output."""
        y = x if block.expand_conv is None else self.convolution(x, block.expand_conv, clamps=True)
        y = self.convolution(y, block.depthwise_conv, clamps=True)
        y = self.convolution(y, block.project_conv, clamps=False)
        if not block.has_skip:
            return y
        options = self._schema.AddOptionsT(potScaleInt16=False)
        return self._add("ADD", [x, y], self._tensors[x].shape, self._schema.BuiltinOptions.AddOptions, options)

    def convolution(self, x: int, layer: nn.Conv2d, *, clamps: bool) -> int:
        """Adds a convolution, padded as TensorFlow pads, that is clamped to 0 to 6 if asked; returns its output."""
        if layer.bias is None:
            raise ConfigError("convolutions must have biases here. Fold batch norms first.")
        schema = self._schema
        stride = layer.stride[0]
        activation = schema.ActivationFunctionType
        common = {
            "padding": schema.Padding.SAME,
            "strideW": stride,
            "strideH": stride,
            "fusedActivationFunction": activation.RELU6 if clamps else activation.NONE,
        }
        weight = layer.weight.detach().cpu()
        _, rows, columns, _ = self._tensors[x].shape
        shape = (1, -(-rows // stride), -(-columns // stride), layer.out_channels)
        if layer.groups == 1:
            name, options = "CONV_2D", schema.Conv2DOptionsT(**common)
            kind, axes = schema.BuiltinOptions.Conv2DOptions, (0, 2, 3, 1)
        else:
            name, options = "DEPTHWISE_CONV_2D", schema.DepthwiseConv2DOptionsT(depthMultiplier=1, **common)
            kind, axes = schema.BuiltinOptions.DepthwiseConv2DOptions, (1, 2, 3, 0)
        inputs = [x, self._constant(weight.permute(axes)), self._constant(layer.bias.detach().cpu())]
        return self._add(name, inputs, shape, kind, options)

    def packed(self) -> bytes:
        """Returns the file."""
        import flatbuffers  # type: ignore[import-untyped]

        schema = self._schema
        graph = schema.SubGraphT(
            tensors=self._tensors, inputs=self.inputs, outputs=self.outputs, operators=self._operators, name="main"
        )
        codes = [schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code) for code in self._codes]
        model = schema.ModelT(
            version=_FORMAT_VERSION, operatorCodes=codes, subgraphs=[graph], buffers=self._buffers, description="a2p"
        )
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _constant(self, value: Tensor) -> int:
        return self.tensor(tuple(value.shape), value.float().numpy())

    def _add(self, name: str, inputs: list[int], shape: Sequence[int], kind: int, options: Any) -> int:
        output = self.tensor(shape)
        code = self._codes.index(getattr(self._schema.BuiltinOperator, name))
        operator = self._schema.OperatorT(
            opcodeIndex=code, inputs=inputs, outputs=[output], builtinOptionsType=kind, builtinOptions=options
        )
        self._operators.append(operator)
        return output
