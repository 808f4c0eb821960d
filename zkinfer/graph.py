"""The float graph: what an ONNX model computes, in a small set of normalised operators.

Made by zkinfer.onnx_import, read by zkinfer.quantize. Operators and their attributes:

    conv(x, w, [bias])       strides, dilations, pads (begins..., ends...), groups; w, bias constant
    matmul(a, b, [bias])     numpy's matmul; a bias is constant and broadcasts to the output
    add sub mul (a, b)       numpy broadcasting
    neg relu (x)   leaky_relu(x) alpha   prelu(x, slope)   clip(x) low, high (may be infinite)
    max_pool(x)              kernel, strides, pads, dilations; padding never wins
    average_pool(x)          kernel, strides, pads, dilations, count_include_pad, extra_pads
    reduce_mean reduce_sum (x)   axes, keepdims
    reshape(x) shape   transpose(x) perm   slice(x) starts, stops, axes, steps
    concat(x...) axis   pad(x) pads, value
    softmax log_softmax (x) axis   sigmoid(x)   arg_max(x) axes (one), keepdims

The end padding of an average_pool is that of pads plus extra_pads, one number per spatial axis,
which comes from ceil mode. The divisor counts entries of x, with count_include_pad also those of
pads, never those of extra_pads. A slice reads as Python's x[start:stop:step] on each of its axes.
The last four stand only before an output or one another (HEADS).
Axes are never negative. Operators other than conv, matmul and prelu may read constants anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

HEADS = {
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "sigmoid": "Sigmoid",
    "arg_max": "ArgMax",
}
"""What classifiers end with, and ONNX's names: the largest score is the same before each."""


@dataclass(frozen=True)
class Node:
    """One operator. inputs name tensors or constants; output names the one tensor it makes."""

    name: str
    op: str
    inputs: tuple[str, ...]
    output: str
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """A float model: nodes in topological order, every shape fixed.

    constants: float64 arrays by name. shapes: of every tensor, constants included. batch_axis: by
    input name, whether axis 0 is a batch axis, so that calibration samples stack along it.
    integers: by the name of each input of an integer type, the least and greatest it can hold.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, npt.NDArray[np.float64]]
    shapes: Mapping[str, tuple[int, ...]]
    batch_axis: Mapping[str, bool]
    integers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
