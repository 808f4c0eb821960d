"""A small float64 evaluator of the normalised operators of zkinfer.graph, written as definitions.

Independent of the importer and of the fixed-point operators: loops over windows, numpy elsewhere.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Graph

Floats = npt.NDArray[np.float64]
Attrs = Mapping[str, Any]


def evaluate(graph: Graph, inputs: Mapping[str, npt.ArrayLike]) -> dict[str, Floats]:
    """Every tensor by name. Fails unless each has the shape that the graph declares."""
    assert set(inputs) == set(graph.inputs)
    values = {name: np.asarray(value, dtype=np.float64) for name, value in inputs.items()}
    values.update(graph.constants)
    for node in graph.nodes:
        assert node.output not in values, f"{node.output} is made twice"
        operands = [values[name] for name in node.inputs]
        values[node.output] = np.asarray(OPS[node.op](node.attrs, *operands), dtype=np.float64)
    for name, value in values.items():
        assert value.shape == graph.shapes[name], name
    return values


def _padded(x: Floats, pads: Sequence[int], fill: float) -> Floats:
    """x [N, C, spatial...] with pads (begins..., ends...) on its spatial axes."""
    rank = x.ndim - 2
    width = [(0, 0), (0, 0)] + [(pads[axis], pads[axis + rank]) for axis in range(rank)]
    return np.pad(x, width, constant_values=fill)


def _windows(
    extents: Sequence[int], kernel: Sequence[int], attrs: Attrs
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Output positions and the part of the padded input that each one reads."""
    reaches = [d * (k - 1) + 1 for d, k in zip(attrs["dilations"], kernel, strict=True)]
    counts = [
        (extent - reach) // stride + 1
        for extent, reach, stride in zip(extents, reaches, attrs["strides"], strict=True)
    ]
    for position in itertools.product(*map(range, counts)):
        starts = [p * s for p, s in zip(position, attrs["strides"], strict=True)]
        yield (
            position,
            tuple(
                slice(start, start + reach, dilation)
                for start, reach, dilation in zip(starts, reaches, attrs["dilations"], strict=True)
            ),
        )


def _over_windows(
    x: Floats, kernel: Sequence[int], attrs: Attrs, reduce: Callable[[Floats], Floats]
) -> Floats:
    """reduce takes [N, C, kernel...] to [N, channels]; its results, as [N, channels, output...]."""
    results = {
        position: reduce(x[(slice(None), slice(None), *window)])
        for position, window in _windows(x.shape[2:], kernel, attrs)
    }
    shape = tuple(last + 1 for last in max(results))
    stacked = np.stack([results[position] for position in np.ndindex(shape)], axis=-1)
    return stacked.reshape(*stacked.shape[:2], *shape)


def _conv(attrs: Attrs, x: Floats, w: Floats, bias: Floats | None = None) -> Floats:
    groups = attrs["groups"]
    parts = []
    for data, weights in zip(
        np.split(_padded(x, attrs["pads"], 0.0), groups, axis=1),
        np.split(w, groups, axis=0),
        strict=True,
    ):
        axes = tuple(range(1, w.ndim))

        def product(
            window: Floats, weights: Floats = weights, axes: tuple[int, ...] = axes
        ) -> Floats:
            return np.tensordot(window, weights, axes=(axes, axes))

        parts.append(_over_windows(data, w.shape[2:], attrs, product))
    y = np.concatenate(parts, axis=1)
    return y if bias is None else y + bias.reshape(1, -1, *(1,) * (w.ndim - 2))


def _matmul(_: Attrs, a: Floats, b: Floats, bias: Floats | None = None) -> Floats:
    y = np.matmul(a, b)
    return y if bias is None else y + bias


def _max_pool(attrs: Attrs, x: Floats) -> Floats:
    axes = tuple(range(2, x.ndim))
    padded = _padded(x, attrs["pads"], -np.inf)
    return _over_windows(padded, attrs["kernel"], attrs, lambda window: window.max(axis=axes))


def _average_pool(attrs: Attrs, x: Floats) -> Floats:
    """The mean over entries that count: those of x, those of pads if told so, no others."""
    axes = tuple(range(2, x.ndim))
    none = (0,) * (x.ndim - 2)
    counted = np.ones_like(x)
    counted = _padded(counted, attrs["pads"], float(attrs["count_include_pad"]))
    counted = _padded(counted, (*none, *attrs["extra_pads"]), 0.0)
    padded = _padded(_padded(x, attrs["pads"], 0.0), (*none, *attrs["extra_pads"]), 0.0)

    def total(window: Floats) -> Floats:
        return window.sum(axis=axes)

    sums = _over_windows(padded, attrs["kernel"], attrs, total)
    return sums / _over_windows(counted, attrs["kernel"], attrs, total)


def _slice(attrs: Attrs, x: Floats) -> Floats:
    index = [slice(None)] * x.ndim
    lists = (attrs[key] for key in ("axes", "starts", "stops", "steps"))
    for axis, start, stop, step in zip(*lists, strict=True):
        index[axis] = slice(start, stop, step)
    return x[tuple(index)]


def _pad(attrs: Attrs, x: Floats) -> Floats:
    pads = attrs["pads"]
    width = [(pads[axis], pads[axis + x.ndim]) for axis in range(x.ndim)]
    return np.pad(x, width, constant_values=attrs["value"])


def _softmax(attrs: Attrs, x: Floats) -> Floats:
    e = np.exp(x - x.max(axis=attrs["axis"], keepdims=True))
    return e / e.sum(axis=attrs["axis"], keepdims=True)


OPS: Mapping[str, Callable[..., Floats]] = {
    "conv": _conv,
    "matmul": _matmul,
    "add": lambda _, a, b: a + b,
    "sub": lambda _, a, b: a - b,
    "mul": lambda _, a, b: a * b,
    "neg": lambda _, x: -x,
    "relu": lambda _, x: np.maximum(x, 0.0),
    "leaky_relu": lambda attrs, x: np.where(x < 0, attrs["alpha"] * x, x),
    "prelu": lambda _, x, slope: np.where(x < 0, slope * x, x),
    "clip": lambda attrs, x: np.minimum(np.maximum(x, attrs["low"]), attrs["high"]),
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "reduce_mean": lambda a, x: x.mean(axis=a["axes"], keepdims=a["keepdims"]),
    "reduce_sum": lambda a, x: x.sum(axis=a["axes"], keepdims=a["keepdims"]),
    "reshape": lambda attrs, x: x.reshape(attrs["shape"]),
    "transpose": lambda attrs, x: x.transpose(attrs["perm"]),
    "slice": _slice,
    "concat": lambda attrs, *xs: np.concatenate(xs, axis=attrs["axis"]),
    "pad": _pad,
    "softmax": _softmax,
}
"""Every normalised operator and no other."""
