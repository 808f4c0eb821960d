"""What a fixed-point graph means, in Python integers of any length, one entry at a time.

Written from docs/ops.md alone: it shares no code with the operators, and cannot overflow.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zkinfer.fixed import FixedGraph

Objects = Any  # an object array of Python integers
Attrs = Mapping[str, Any]


def run(
    graph: FixedGraph, weights: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray]
) -> dict[str, Objects]:
    """Every tensor of the graph."""
    tensors = {name: array.astype(object) for name, array in {**weights, **inputs}.items()}
    for node in graph.nodes:
        operands = [tensors[name] for name in node.inputs]
        tensors[node.outputs[0]] = MEANINGS[node.op](node.attrs, *operands)
    return tensors


def filled(shape: tuple[int, ...], entry: Callable[[tuple[int, ...]], int]) -> Objects:
    """The array with what a function says of each index."""
    result = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        result[index] = entry(index)
    return result


def each(function: Callable[..., int], *arrays: Objects) -> Objects:
    """A function of the entries of arrays, which broadcast."""
    wide = np.broadcast_arrays(*arrays)
    return filled(wide[0].shape, lambda index: function(*(int(array[index]) for array in wide)))


def add(attrs: Attrs, a: Objects, b: Objects) -> Objects:
    return each(lambda p, q: p * 2 ** attrs["shift_a"] + q * 2 ** attrs["shift_b"], a, b)


def sub(attrs: Attrs, a: Objects, b: Objects) -> Objects:
    return each(lambda p, q: p * 2 ** attrs["shift_a"] - q * 2 ** attrs["shift_b"], a, b)


def neg(attrs: Attrs, a: Objects) -> Objects:
    return each(lambda p: -p, a)


def mul(attrs: Attrs, a: Objects, b: Objects) -> Objects:
    return each(lambda p, q: p * q, a, b)


def distances(attrs: Attrs, x: Objects) -> Objects:
    return filled(x.shape, lambda index: max(x[index[:-1]]) - x[index])


def gather(attrs: Attrs, table: Objects, index: Objects) -> Objects:
    shape = (*index.shape, table.shape[1])
    return filled(shape, lambda place: table[index[place[:-1]], place[-1]])


def trees(
    attrs: Attrs, x: Objects, features: Objects, thresholds: Objects, children: Objects, v: Objects
) -> Objects:
    inner = features.shape[1]

    def leaf(place: tuple[int, ...]) -> int:
        sample, tree, number = place
        at, side = divmod(tree, inner), 0
        for step in range(attrs["depth"]):
            at = divmod(children[at][side], inner) if step else at
            side = int(x[sample, features[at]] > thresholds[at])
        return v[at][side, number]

    return filled((len(x), attrs["trees"], v.shape[-1]), leaf)


def interpolate(attrs: Attrs, x: Objects) -> Objects:
    values, step = attrs["values"], 2 ** attrs["shift"]

    def line(p: int) -> int:
        place, rest = divmod(p - attrs["first"], step)
        return step * values[place] + (values[place + 1] - values[place]) * rest

    return each(line, x)


def requantize(attrs: Attrs, x: Objects) -> Objects:
    shift, low, high = attrs["shift"], attrs["low"], attrs["high"]

    def entry(p: int) -> int:
        quotient = (2 * p + 2**shift) // 2 ** (shift + 1) if shift else p
        return min(max(quotient, low), high)

    return each(entry, x)


def rescale(attrs: Attrs, x: Objects) -> Objects:
    series = [attrs[name] for name in ("multipliers", "divisors", "offsets", "skews")]
    count, behind = len(series[0]), attrs["behind"]

    def entry(index: tuple[int, ...]) -> int:
        at = index[len(index) - 1 - behind] if count > 1 else 0
        m, d, c, e = (numbers[at] for numbers in series)
        dividend = m * x[index] + c
        most = dividend // d + 1
        begun = (y for y in range(most, most - 3, -1) if dividend >= d * y + e * (y % 2))
        return min(max(next(begun), attrs["low"]), attrs["high"])

    return filled(x.shape, entry)


def divide(attrs: Attrs, a: Objects, b: Objects) -> Objects:
    """The integer nearest to the quotient, the greater one of two."""

    def entry(p: int, q: int) -> int:
        below = p * 2 ** attrs["shift"] // q
        return below + (2 * (p * 2 ** attrs["shift"] - below * q) >= q)

    return each(entry, a, b)


def sqrt(attrs: Attrs, x: Objects) -> Objects:
    return each(lambda p: math.isqrt(p * 2 ** attrs["shift"]), x)


def is_negative(attrs: Attrs, x: Objects) -> Objects:
    return each(lambda p: int(p < 0), x)


def leaky_relu(attrs: Attrs, x: Objects) -> Objects:
    return each(lambda p: p * (2 ** attrs["shift"] if p > 0 else attrs["alpha"]), x)


def prelu(attrs: Attrs, x: Objects, slope: Objects) -> Objects:
    return each(lambda p, s: p * (2 ** attrs["shift"] if p > 0 else s), x, slope)


def label(attrs: Attrs, x: Objects) -> Objects:
    kept = x.shape[: attrs["kept"]]
    found = np.empty(kept, dtype=object)
    for index in np.ndindex(kept):
        scores = [int(score) for score in x[index].reshape(-1)]
        found[index] = scores.index(max(scores))
    return found


def reshape(attrs: Attrs, x: Objects) -> Objects:
    return x.reshape(attrs["shape"])


def transpose(attrs: Attrs, x: Objects) -> Objects:
    perm = attrs["perm"]

    def entry(index: tuple[int, ...]) -> int:
        source = [0] * len(perm)
        for position, axis in enumerate(perm):
            source[axis] = index[position]
        return x[tuple(source)]

    return filled(tuple(x.shape[axis] for axis in perm), entry)


def slice_(attrs: Attrs, x: Objects) -> Objects:
    kept = [list(range(extent)) for extent in x.shape]
    lists = (attrs[name] for name in ("axes", "starts", "stops", "steps"))
    for axis, start, stop, step in zip(*lists, strict=True):
        extent = x.shape[axis]
        # a negative bound counts from the end; then it is cut to what the step can reach
        least, most = (0, extent) if step > 0 else (-1, extent - 1)
        first, end = (
            min(max(bound + extent if bound < 0 else bound, least), most) for bound in (start, stop)
        )
        kept[axis] = list(range(first, end, step))
    return filled(
        tuple(map(len, kept)),
        lambda index: x[tuple(k[i] for k, i in zip(kept, index, strict=True))],
    )


def pad(attrs: Attrs, x: Objects) -> Objects:
    before, after = attrs["pads"][: x.ndim], attrs["pads"][x.ndim :]
    shape = tuple(b + e + a for b, e, a in zip(before, x.shape, after, strict=True))

    def entry(index: tuple[int, ...]) -> int:
        return read(x, tuple(i - b for i, b in zip(index, before, strict=True)), attrs["value"])

    return filled(shape, entry)


def concat(attrs: Attrs, *parts: Objects) -> Objects:
    axis = attrs["axis"]
    places = [(part, i) for part in parts for i in range(part.shape[axis])]
    shape = [max(extents) for extents in zip(*(part.shape for part in parts), strict=True)]
    shape[axis] = len(places)

    def entry(index: tuple[int, ...]) -> int:
        part, position = places[index[axis]]
        inside = [min(i, extent - 1) for i, extent in zip(index, part.shape, strict=True)]
        inside[axis] = position
        return part[tuple(inside)]

    return filled(tuple(shape), entry)


def reduce_sum(attrs: Attrs, x: Objects) -> Objects:
    axes = attrs["axes"]
    shape = tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape))
    result = filled(shape, lambda _: 0)
    for index in np.ndindex(*x.shape):
        place = tuple(0 if axis in axes else i for axis, i in enumerate(index))
        result[place] += x[index] * attrs["multiplier"]
    if attrs["keepdims"]:
        return result
    return result.reshape([e for axis, e in enumerate(shape) if axis not in axes])


def read(x: Objects, index: tuple[int, ...], outside: Any) -> Any:
    """The entry at an index, or something else where there is none."""
    inside = all(0 <= i < extent for i, extent in zip(index, x.shape, strict=True))
    return x[index] if inside else outside


def taps(
    attrs: Attrs, kernel: tuple[int, ...], extents: tuple[int, ...]
) -> dict[tuple[int, ...], list[tuple[tuple[int, ...], tuple[int, ...]]]]:
    """For each output position the kernel's positions, and where they lie in the input."""
    axes = []
    for axis, extent in enumerate(extents):
        stride, dilation = attrs["strides"][axis], attrs["dilations"][axis]
        begin, end = attrs["pads"][axis], attrs["pads"][axis + len(extents)]
        starts, start = [], -begin
        while start + dilation * (kernel[axis] - 1) < extent + end:
            starts.append(start)
            start += stride
        axes.append([[s + dilation * k for k in range(kernel[axis])] for s in starts])
    positions = list(np.ndindex(*kernel))
    found = {}
    for out in itertools.product(*(range(len(axis)) for axis in axes)):
        found[out] = [(k, tuple(axes[a][o][k[a]] for a, o in enumerate(out))) for k in positions]
    return found


def pooled(x: Objects, attrs: Attrs, entry: Callable[[tuple[int, ...], list[int]], int]) -> Objects:
    """A function of the entries that lie in each window; padding is left out."""
    windows = taps(attrs, attrs["kernel"], x.shape[2:])
    extents = tuple(1 + max(out[axis] for out in windows) for axis in range(x.ndim - 2))

    def one(index: tuple[int, ...]) -> int:
        read_at = [read(x, (*index[:2], *place), None) for _, place in windows[index[2:]]]
        return entry(index[2:], [value for value in read_at if value is not None])

    return filled((*x.shape[:2], *extents), one)


def max_pool(attrs: Attrs, x: Objects) -> Objects:
    return pooled(x, attrs, lambda _, values: max(values))


def average_pool(attrs: Attrs, x: Objects) -> Objects:
    def entry(out: tuple[int, ...], values: list[int]) -> int:
        chosen = (m[o] for m, o in zip(attrs["multipliers"], out, strict=True))
        return sum(values) * math.prod(chosen)

    return pooled(x, attrs, entry)


def conv(attrs: Attrs, x: Objects, w: Objects, *bias: Objects) -> Objects:
    filters, depth, *kernel = w.shape
    windows = taps(attrs, tuple(kernel), x.shape[2:])
    extents = tuple(1 + max(out[axis] for out in windows) for axis in range(x.ndim - 2))

    def entry(index: tuple[int, ...]) -> int:
        n, m, *out = index
        first = m // (filters // attrs["groups"]) * depth
        total = bias[0][m] if bias else 0
        for k, place in windows[tuple(out)]:
            for c in range(depth):
                total += read(x, (n, first + c, *place), 0) * w[(m, c, *k)]
        return total

    return filled((x.shape[0], filters, *extents), entry)


def matmul(attrs: Attrs, a: Objects, b: Objects, *bias: Objects) -> Objects:
    rows = a if a.ndim > 1 else a[None]
    columns = b if b.ndim > 1 else b[:, None]
    batch = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    rows = np.broadcast_to(rows, (*batch, *rows.shape[-2:]))
    columns = np.broadcast_to(columns, (*batch, *columns.shape[-2:]))

    def entry(index: tuple[int, ...]) -> int:
        *outer, i, j = index
        left, right = rows[(*outer, i)], columns[tuple(outer)]
        return sum(left[k] * right[k, j] for k in range(len(left)))

    y = filled((*batch, rows.shape[-2], columns.shape[-1]), entry)
    y = y if b.ndim > 1 else y[..., 0]
    y = y if a.ndim > 1 else y[..., 0, :] if b.ndim > 1 else y[..., 0]
    return each(lambda p, q: p + q, y, bias[0]) if bias else y


MEANINGS: dict[str, Callable[..., Objects]] = {
    "add": add,
    "average_pool": average_pool,
    "concat": concat,
    "conv": conv,
    "gather": gather,
    "trees": trees,
    "interpolate": interpolate,
    "distances": distances,
    "divide": divide,
    "is_negative": is_negative,
    "label": label,
    "leaky_relu": leaky_relu,
    "matmul": matmul,
    "max_pool": max_pool,
    "mul": mul,
    "neg": neg,
    "pad": pad,
    "prelu": prelu,
    "reduce_sum": reduce_sum,
    "requantize": requantize,
    "rescale": rescale,
    "reshape": reshape,
    "slice": slice_,
    "sqrt": sqrt,
    "sub": sub,
    "transpose": transpose,
}
