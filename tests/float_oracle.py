"""The meaning of every operator of zkinfer.graph in plain numpy, for tests to compare with."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from zkinfer.graph import Graph

Array = np.ndarray[Any, Any]


def evaluate(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor of the graph in float64, computed from its inputs."""
    values: dict[str, Array] = {name: np.asarray(x, float) for name, x in graph.constants.items()}
    for name in graph.inputs:
        values[name] = np.asarray(inputs[name], float)
        assert values[name].shape == graph.shape(name)
    for node in graph.nodes:
        (output,) = node.outputs
        values[output] = OPS[node.op](node.attrs, *(values[name] for name in node.inputs))
        assert values[output].shape == graph.shape(output), node
    return values


def windows(x: Array, attrs: Mapping[str, Any], kernel: tuple[int, ...], fill: float) -> Array:
    """Windows [N, C, outputs..., kernel...] of x with its padding, entry by entry."""
    rank = len(kernel)
    pads = np.array(attrs["pads"]).reshape(2, rank)
    pads[1] += attrs.get("extra_pads", (0,) * rank)
    x = np.pad(x, [(0, 0), (0, 0), *pads.T], constant_values=fill)
    steps = list(zip(kernel, attrs["strides"], attrs["dilations"], strict=True))
    counts = [
        (extent - d * (k - 1) - 1) // s + 1
        for extent, (k, s, d) in zip(x.shape[2:], steps, strict=True)
    ]
    out = np.empty((*x.shape[:2], *counts, *kernel))
    for place in itertools.product(*map(range, (*counts, *kernel))):
        o, k = place[:rank], place[rank:]
        at = tuple(i * s + j * d for i, j, (_, s, d) in zip(o, k, steps, strict=True))
        out[(..., *place)] = x[(..., *at)]
    return out


def conv(attrs: Mapping[str, Any], x: Array, w: Array, *bias: Array) -> Array:
    groups, rank = attrs["groups"], w.ndim - 2
    view = windows(x, attrs, w.shape[2:], 0.0)
    parts = []
    for xs, ws in zip(np.split(view, groups, 1), np.split(w, groups), strict=True):
        axes = ([1, *range(2 + rank, 2 + 2 * rank)], list(range(1, 2 + rank)))
        parts.append(np.moveaxis(np.tensordot(xs, ws, axes), -1, 1))
    y = np.concatenate(parts, 1)
    return y + bias[0].reshape(-1, *(1,) * rank) if bias else y


def matmul(attrs: Mapping[str, Any], a: Array, b: Array, *bias: Array) -> Array:
    return a @ b + bias[0] if bias else a @ b


def max_pool(attrs: Mapping[str, Any], x: Array) -> Array:
    view = windows(x, attrs, attrs["kernel"], -np.inf)
    return view.max(axis=tuple(range(x.ndim, view.ndim)))


def average_pool(attrs: Mapping[str, Any], x: Array) -> Array:
    view = windows(x, attrs, attrs["kernel"], 0.0)
    rank = x.ndim - 2
    counted = np.ones_like(x)
    if attrs["count_include_pad"]:
        pads = np.array(attrs["pads"]).reshape(2, rank)
        counted = np.pad(counted, [(0, 0), (0, 0), *pads.T], constant_values=1.0)
        pads = (0,) * (2 * rank)
    else:
        pads = attrs["pads"]
    counts = windows(counted, {**attrs, "pads": pads}, attrs["kernel"], 0.0)
    axes = tuple(range(x.ndim, view.ndim))
    return view.sum(axis=axes) / counts.sum(axis=axes)


def reshape(attrs: Mapping[str, Any], x: Array) -> Array:
    return x.reshape(attrs["shape"])


def slice_(attrs: Mapping[str, Any], x: Array) -> Array:
    index = [slice(None)] * x.ndim
    names = ("axes", "starts", "stops", "steps")
    for axis, start, stop, step in zip(*(attrs[name] for name in names), strict=True):
        index[axis] = slice(start, stop, step)
    return x[tuple(index)]


def pad(attrs: Mapping[str, Any], x: Array) -> Array:
    pads = np.array(attrs["pads"]).reshape(2, x.ndim).T
    return np.pad(x, pads, constant_values=attrs["value"])


def log_softmax(attrs: Mapping[str, Any], x: Array) -> Array:
    less = x - x.max(axis=attrs["axis"], keepdims=True)
    return less - np.log(np.exp(less).sum(axis=attrs["axis"], keepdims=True))


def softmax(attrs: Mapping[str, Any], x: Array) -> Array:
    e = np.exp(x - x.max(axis=attrs["axis"], keepdims=True))
    return e / e.sum(axis=attrs["axis"], keepdims=True)


def masked_softmax(attrs: Mapping[str, Any], x: Array, marks: Array) -> Array:
    y = np.empty(np.broadcast_shapes(x.shape, marks.shape))
    lines = (np.moveaxis(np.broadcast_to(a, y.shape), attrs["axis"], -1) for a in (x, marks))
    out = np.moveaxis(y, attrs["axis"], -1)
    scored, counted = lines
    for place in np.ndindex(out.shape[:-1]):
        scores, marked = scored[place], counted[place]
        left = np.flatnonzero(marked == marked.min())
        level = attrs["absorbing"] and marked.min() > 0
        out[place] = 0
        out[place][left] = softmax({"axis": 0}, scores[left] * (not level))
    return y


def arg_max(attrs: Mapping[str, Any], x: Array, numbers: Array) -> Array:
    (axis,) = attrs["axes"]
    top = np.moveaxis(x == x.max(axis, keepdims=True), axis, -1)
    found = np.where(top, numbers, np.inf).min(-1)
    return np.expand_dims(found, axis) if attrs["keepdims"] else found


def top_k(attrs: Mapping[str, Any], x: Array, numbers: Array) -> Array:
    y = np.empty((*x.shape[:-1], attrs["count"]))
    for place in np.ndindex(x.shape[:-1]):
        ranked = sorted(zip(-x[place], numbers, strict=True))
        y[place] = [number for _, number in ranked[: attrs["count"]]]
    return y


def gather(attrs: Mapping[str, Any], table: Array, index: Array, *starts: Array) -> Array:
    return table[sum(starts, index % attrs["extent"]).astype(int)]


def trees(attrs: Mapping[str, Any], x: Array, *table: Array) -> Array:
    features, thresholds, children, values = (part.reshape(-1, *part.shape[2:]) for part in table)
    y = np.empty((len(x), attrs["trees"], values.shape[-1]))
    for sample, tree in np.ndindex(y.shape[:2]):
        row = tree
        for _ in range(attrs["depth"]):
            at, side = row, int(x[sample, int(features[row])] > thresholds[row])
            row = int(children[at, side])
        y[sample, tree] = values[at, side]
    return y


def around(attrs: Mapping[str, Any], x: Array) -> Array:
    axes = tuple(attrs["axes"])
    return (
        x - np.sum(x, axes, keepdims=True) / np.prod([x.shape[a] for a in axes])
        if attrs["centered"]
        else x
    )


def deviation(attrs: Mapping[str, Any], x: Array) -> Array:
    square = around(attrs, x) ** 2
    return np.sqrt(np.mean(square, tuple(attrs["axes"]), keepdims=True) + attrs["epsilon"])


def function(attrs: Mapping[str, Any], x: Array) -> Array:
    def value(number: float) -> float:
        try:
            return float(FUNCTIONS[attrs["function"]](number))
        except ValueError:  # it is not defined there
            return math.nan

    with np.errstate(over="ignore"):
        return np.vectorize(value, otypes=[float])(x)


def power(attrs: Mapping[str, Any], x: Array) -> Array:
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.power(x, attrs["exponent"])


def normal(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def coupled(x: float) -> float:
    r = min(max(1 / (1 + np.exp(-x)), 1e-7), 1 - 1e-7)
    q, p = np.array([[(1 - r) ** 2, (r - 1) * r], [(r - 1) * r, r**2]]), np.full(2, 0.5)
    for _ in range(100):
        if abs(q @ p - p @ q @ p).max() < 0.0025:
            break
        for t in range(2):
            p[t] += (p @ q @ p - q[t] @ p) / q[t, t]
            p /= p.sum()
    return float(p[0])


def probit(x: float) -> float:
    """Winitzki's approximation: erf(y)^2 is nearly 1 - exp(-y^2 (4/pi + a y^2) / (1 + a y^2))."""
    a, less = 0.147, math.log(1 - (2 * x - 1) ** 2)
    b = 2 / (math.pi * a) + less / 2
    return math.copysign(math.sqrt(2 * (math.sqrt(b * b - less / a) - b)), x - 0.5)


FUNCTIONS: dict[str, Any] = {
    "coupled": coupled,
    "probit": probit,
    **{name: getattr(math, name) for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh")},
    **{name: getattr(math, name) for name in ("cos", "cosh", "erf", "exp", "log", "sin", "sinh")},
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "gelu": lambda x: x * normal(x),
    "gelu_tanh": lambda x: x / (1 + np.exp(-math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))),
    "mish": lambda x: x * math.tanh(np.logaddexp(0, x)),
    "quick_gelu": lambda x: x / (1 + np.exp(-1.702 * x)),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + abs(x)),
    "tanh": math.tanh,
}


def listed(attrs: Mapping[str, Any], name: str, x: Array) -> Array:
    """One number for each entry of x."""
    numbers = np.array(attrs[name])
    if len(numbers) == 1:
        return np.full(x.shape, numbers[0])
    last = np.moveaxis(np.empty(x.shape), x.ndim - 1 - attrs["behind"], -1)
    return np.moveaxis(np.broadcast_to(numbers, last.shape), -1, x.ndim - 1 - attrs["behind"])


def quantize(attrs: Mapping[str, Any], x: Array) -> Array:
    scales = listed(attrs, "scales", x).astype(np.float32)
    x = x.astype(np.float32)
    if "held" in attrs:
        x = x * listed(attrs, "held", x).astype(np.float32)
    product = x / scales if attrs["divides"] else x * scales
    y = np.round(product.astype(float)) + listed(attrs, "zeros", x)
    return np.minimum(np.maximum(y, attrs["low"]), attrs["high"])


OPS: dict[str, Any] = {
    "conv": conv,
    "matmul": matmul,
    "add": lambda attrs, a, b: a + b,
    "sub": lambda attrs, a, b: a - b,
    "mul": lambda attrs, a, b: a * b,
    "divide": lambda attrs, a, b: a / b,
    "integer_divide": lambda attrs, a, b: np.floor(a / b + 0.5),
    "less": lambda attrs, a, b: 0.0 + (a < b),
    "round": lambda attrs, x: np.floor(x) if attrs["down"] else np.round(x),
    "sqrt": lambda attrs, x: x**0.5,
    "deviation": deviation,
    "normalize": lambda attrs, x, by: around(attrs, x) / by,
    "neg": lambda attrs, x: -x,
    "relu": lambda attrs, x: np.maximum(x, 0),
    "leaky_relu": lambda attrs, x: np.where(x < 0, attrs["alpha"] * x, x),
    "prelu": lambda attrs, x, slope: np.where(x < 0, slope * x, x),
    "clip": lambda attrs, x: np.clip(x, attrs["low"], attrs["high"]),
    "function": function,
    "power": power,
    "gather": gather,
    "trees": trees,
    "quantize_linear": quantize,
    "dequantize_linear": lambda attrs, x: (
        (x - listed(attrs, "zeros", x)) * listed(attrs, "scales", x)
    ),
    "table": lambda attrs, x: np.array(attrs["values"], float)[x.astype(int) - attrs["first"]],
    "max_pool": max_pool,
    "average_pool": average_pool,
    "reduce_mean": lambda a, x: x.mean(axis=a["axes"], keepdims=a["keepdims"]),
    "reduce_sum": lambda a, x: x.sum(axis=a["axes"], keepdims=a["keepdims"]),
    "reshape": reshape,
    "transpose": lambda attrs, x: x.transpose(attrs["perm"]),
    "slice": slice_,
    "concat": lambda attrs, *parts: np.concatenate(parts, attrs["axis"]),
    "pad": pad,
    "softmax": softmax,
    "masked_softmax": masked_softmax,
    "log_softmax": log_softmax,
    "sigmoid": lambda attrs, x: 1 / (1 + np.exp(-x)),
    "arg_max": arg_max,
    "top_k": top_k,
}
