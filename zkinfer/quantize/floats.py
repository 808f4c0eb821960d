"""The float network in numpy: float64 values of every tensor, and their intervals.

Values serve to calibrate ranges; intervals bound the ranges when only the input's range is known.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Graph, Node
from zkinfer.ops import OPS, windows
from zkinfer.quantize import lift

Floats = npt.NDArray[np.float64]
Attrs = Mapping[str, Any]


def values(graph: Graph, samples: Mapping[str, Floats]) -> dict[str, Floats]:
    """Every tensor that the graph computes, [samples, ...], and the inputs.

    samples: the inputs, [samples, ...].
    """
    arrays: dict[str, Floats] = dict(samples)
    for node in graph.nodes:
        operands = [
            (arrays[name], True) if name in arrays else (graph.constants[name], False)
            for name in node.inputs
        ]
        arrays[node.output] = lift.apply(node.op, node.attrs, FORWARD[node.op], operands)
    return arrays


def pool_pads(attrs: Attrs) -> tuple[int, ...]:
    """All padding of an average pool, begins and ends, with what ceil mode adds."""
    rank = len(attrs["kernel"])
    ends = zip(attrs["pads"][rank:], attrs["extra_pads"], strict=True)
    return (*attrs["pads"][:rank], *(pad + extra for pad, extra in ends))


def window_counts(attrs: Attrs, extents: tuple[int, ...]) -> list[npt.NDArray[np.int64]]:
    """For each spatial axis, how many entries the average at each output position divides by."""
    kernel, strides, dilations = attrs["kernel"], attrs["strides"], attrs["dilations"]
    pads, rank = attrs["pads"], len(kernel)
    outputs = windows.output_extents(extents, kernel, strides, pool_pads(attrs), dilations)
    counts = []
    for axis in range(rank):
        start, stop = 0, extents[axis]
        if attrs["count_include_pad"]:
            start, stop = -pads[axis], stop + pads[axis + rank]
        first = np.arange(outputs[axis])[:, None] * strides[axis] - pads[axis]
        index = first + np.arange(kernel[axis]) * dilations[axis]
        counts.append(np.maximum(((index >= start) & (index < stop)).sum(axis=1), 1))
    return counts


def _conv(attrs: Attrs, x: Floats, w: Floats, bias: Floats | None = None) -> Floats:
    return windows.convolve(attrs, x, w, bias, np.matmul)


def _matmul(attrs: Attrs, a: Floats, b: Floats, bias: Floats | None = None) -> Floats:
    y: Floats = np.matmul(a, b)
    return y if bias is None else y + bias


def _average_pool(attrs: Attrs, x: Floats) -> Floats:
    kernel = attrs["kernel"]
    view = windows.view(x, kernel, attrs["strides"], pool_pads(attrs), attrs["dilations"])
    y: Floats = view.sum(axis=tuple(range(-len(kernel), 0)))
    for axis, count in enumerate(window_counts(attrs, x.shape[2:])):
        shape = [1] * y.ndim
        shape[2 + axis] = -1
        y = y / count.reshape(shape)
    return y


def _softmax(attrs: Attrs, x: Floats) -> Floats:
    powers = np.exp(x - x.max(axis=attrs["axis"], keepdims=True))
    y: Floats = powers / powers.sum(axis=attrs["axis"], keepdims=True)
    return y


def _moved(op: str) -> Callable[..., Any]:
    """An operator that computes nothing, as the fixed-point networks have it."""
    forward: Callable[..., Any] = OPS[op].forward
    return lambda attrs, *arrays: forward(attrs, *arrays)[0]


FORWARD: dict[str, Callable[..., Any]] = {
    "conv": _conv,
    "matmul": _matmul,
    "add": lambda attrs, a, b: a + b,
    "sub": lambda attrs, a, b: a - b,
    "mul": lambda attrs, a, b: a * b,
    "neg": lambda attrs, x: -x,
    "relu": lambda attrs, x: np.maximum(x, 0),
    "leaky_relu": lambda attrs, x: np.where(x < 0, attrs["alpha"] * x, x),
    "prelu": lambda attrs, x, slope: np.where(x < 0, slope * x, x),
    "clip": lambda attrs, x: np.clip(x, attrs["low"], attrs["high"]),
    "max_pool": _moved("max_pool"),
    "average_pool": _average_pool,
    "reduce_mean": lambda attrs, x: x.mean(axis=attrs["axes"], keepdims=attrs["keepdims"]),
    "reduce_sum": lambda attrs, x: x.sum(axis=attrs["axes"], keepdims=attrs["keepdims"]),
    "reshape": _moved("reshape"),
    "transpose": _moved("transpose"),
    "slice": _moved("slice"),
    "concat": _moved("concat"),
    "pad": _moved("pad"),
    "softmax": _softmax,
}


def intervals(
    graph: Graph, inputs: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """The least and the greatest value that each tensor can take, for inputs in these ranges."""
    bounds: dict[str, tuple[Floats, Floats]] = {
        name: (np.full(graph.shapes[name], low), np.full(graph.shapes[name], high))
        for name, (low, high) in inputs.items()
    }
    for node in graph.nodes:
        operands = [
            bounds[name] if name in bounds else (graph.constants[name],) * 2 for name in node.inputs
        ]
        bounds[node.output] = _interval(node, operands)
    return {name: (float(low.min()), float(high.max())) for name, (low, high) in bounds.items()}


def _interval(node: Node, operands: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    op, attrs, forward = node.op, node.attrs, FORWARD[node.op]
    if op in ("conv", "matmul"):
        (a, a_radius), (b, b_radius) = (_ball(*pair) for pair in operands[:2])
        center = forward(attrs, a, b)
        radius = forward(attrs, abs(a), b_radius) + forward(attrs, a_radius, abs(b) + b_radius)
        if len(operands) == 3:
            bias = operands[2][0]
            center = center + (
                bias.reshape(-1, *(1,) * (center.ndim - 2)) if op == "conv" else bias
            )
        return center - radius, center + radius
    if op == "sub":
        (a_low, a_high), (b_low, b_high) = operands
        return a_low - b_high, a_high - b_low
    if op == "neg":
        low, high = operands[0]
        return -high, -low
    if op == "mul":
        corners = [a * b for a in operands[0] for b in operands[1]]
        return np.minimum.reduce(corners), np.maximum.reduce(corners)
    if op in ("leaky_relu", "prelu"):
        low, high = operands[0]
        rest = [pair[0] for pair in operands[1:]]
        corners = [forward(attrs, x, *rest) for x in (low, high, np.clip(0, low, high))]
        return np.minimum.reduce(corners), np.maximum.reduce(corners)
    if op == "softmax":
        shape = operands[0][0].shape
        return np.zeros(shape), np.ones(shape)
    return (
        forward(attrs, *(low for low, _ in operands)),
        forward(attrs, *(high for _, high in operands)),
    )


def _ball(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Center and radius."""
    return (low + high) / 2, (high - low) / 2
