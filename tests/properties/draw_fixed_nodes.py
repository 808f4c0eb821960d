"""Operands and attributes for a node of each operator, mostly such that the graph takes it."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.properties.draw_fixed_tensors import Drawing, Shape
from zkinfer.fixed import FixedNode, FixedTensor
from zkinfer.ops.rescale import SERIES

Drawn = tuple[tuple[str, ...], dict[str, Any]]
"""A node's operands and attributes."""

PRODUCTS = ("conv", "matmul", "mul", "prelu")


def _add(d: Drawing) -> Drawn:
    a = d.operand()
    x = d.tensors[a]
    if d.nodes and d.nodes[-1].op in PRODUCTS and d.chance(50):
        return _twins(d, d.nodes[-1])
    if d.chance(20):
        shift = d.one((0, 1, d.integer(0, 62)))
        return (a, a), {"shift_a": shift, "shift_b": shift}
    other = d.any() if d.chance(30) else d.any(lambda t: t.shape == x.shape)
    if other is None or d.chance(40):
        shape = d.narrower(x.shape) if d.chance(80) else d.extents()
        other = d.odd(shape, min(x.scale + d.one((0, 0, 1, 5, d.integer(-40, 40))), 256))
    difference = x.scale - d.tensors[other].scale
    more = d.one((0, 0, 0, 1, d.integer(0, 40)))
    shifts = {"shift_a": max(-difference, 0) + more, "shift_b": max(difference, 0) + more}
    if d.chance(50):
        return (other, a), {"shift_a": shifts["shift_b"], "shift_b": shifts["shift_a"]}
    return (a, other), shifts


def _twins(d: Drawing, node: FixedNode) -> Drawn:
    """A product, and another one of its shape and scale."""
    x, w = (d.tensors[name] for name in node.inputs[:2])
    made, op, attrs = d.tensors[node.outputs[0]], node.op, dict(node.attrs)
    scale = x.scale if op == "prelu" else d.scale()
    if d.chance(30):
        x, w, op, attrs = made, made, "mul", {}
    left = d.odd(x.shape, scale, max(1, d.small(w) - 5))
    right = node.inputs[1] if op == node.op and scale == x.scale else None
    if right is None or d.chance(50):
        right = d.odd(w.shape, made.scale - scale, max(1, d.small(d.tensors[left]) - 5))
    twin = d.add(op, left, right, **attrs)
    return (node.outputs[0], twin), {"shift_a": 0, "shift_b": 0}


def _mul(d: Drawing) -> Drawn:
    a = d.operand()
    x = d.tensors[a]
    other = d.one((a, d.any(), None))
    if other is None:
        other = d.odd(d.narrower(x.shape), d.scale(), d.small(x))
    return (a, other) if d.chance(50) else (other, a), {}


def _divide(d: Drawing) -> Drawn:
    a = d.operand()
    x = d.tensors[a]
    other = d.any(lambda t: t.low >= 1) if d.chance(50) else None
    if other is None:
        other = _clipped(d, d.odd(d.narrower(x.shape), d.scale(), d.integer(1, 61)), 1)
    room = 62 - max(abs(x.low), abs(x.high)).bit_length()
    return (a, other), {"shift": d.one((0, 1, room, d.integer(0, max(room, 0)), d.integer(0, 62)))}


def _sqrt(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    x = d.tensors[name]
    if x.low < 0:
        name = _clipped(d, name, 0)
    room = 62 - d.tensors[name].high.bit_length()
    shift = d.one((0, room, d.integer(0, max(room, 0)), d.integer(0, 62)))
    return (name,), {"shift": shift - (shift + x.scale) % 2 if d.chance(90) else shift}


def _clipped(d: Drawing, name: str, low: int) -> str:
    """A tensor from a bound on."""
    high = max(low, d.tensors[name].high - d.one((0, 0, 1, d.size(61))))
    ends = {"low_saturates": d.chance(50), "high_saturates": d.chance(50)}
    return d.add("requantize", name, shift=0, low=low, high=high, **ends)


def _unary(d: Drawing) -> Drawn:
    return (d.operand(0, 8),), {}


def _label(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    rank = len(d.tensors[name].shape)
    return (name,), {"kept": d.one((0, 0, 1, d.integer(0, rank), rank + 1))}


def _requantize(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    x = d.tensors[name]
    width = max(abs(x.low), abs(x.high)).bit_length()
    shift = d.one((0, 0, 1, 4, max(width - 8, 0), d.integer(0, 62), 62, width % 63))
    ends = [end >> shift for end in (x.low, x.high)]
    places = (*ends, 0, sum(ends) // 2, -(2 ** d.integer(1, 62)), 2 ** d.integer(1, 62))
    low, high = sorted((d.near(*places), d.near(*places)))
    if d.chance(10):
        low, high = sorted((d.hostile(), d.hostile()))
    saturates = {f"{end}_saturates": d.chance(50) for end in ("low", "high")}
    return (name,), {"shift": shift, "low": low, "high": high, **saturates}


def _rescale(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    x = d.tensors[name]
    axes = [axis for axis, extent in enumerate(x.shape) if extent > 1]
    axis = d.one((None, *axes))
    count, behind = (1, 0) if axis is None else (x.shape[axis], len(x.shape) - 1 - axis)
    width = d.one((0, 1, 2, 4, d.integer(0, 40), d.integer(0, 61)))
    least = (1 << width >> 1) + 1 if width else 1
    divisors = [d.one((1 << width, least, d.integer(least, 1 << width))) for _ in range(count)]
    skews = [d.one((1, -1, d.near(0, n // 2, -n // 2))) for n in divisors]
    if d.chance(50):
        skews = [0] * count
    divisors = [n + abs(skew) for n, skew in zip(divisors, skews, strict=True)]
    room = max(62 - max(abs(x.low), abs(x.high), 1).bit_length(), 1)
    most = 1 << min(room, 40)
    multipliers = [d.one((1, 1, d.integer(1, min(most, 99)), d.size(room))) for _ in range(count)]
    offsets = [d.one((0, n >> 1, n - 1, d.near(0, n), -d.size(room))) for n in divisors]
    if d.chance(5):
        multipliers[0], divisors[0] = d.hostile(), d.hostile()
    parts = list(zip(multipliers, offsets, divisors, strict=True))
    ends = [(m * end + c) // n for m, c, n in parts for end in (x.low, x.high) if n]
    places = (*ends, 0, sum(ends) // 2, -(2 ** d.integer(1, 62)), 2 ** d.integer(1, 62))
    low, high = sorted((d.near(*places), d.near(*places)))
    series = (multipliers, divisors, offsets, skews)
    attrs = {key: tuple(some) for key, some in zip(SERIES, series, strict=True)}
    return (name,), {**attrs, "behind": behind, "low": low, "high": high, "scale": d.scale()}


def _leaky_relu(d: Drawing) -> Drawn:
    shift = d.one((0, 1, 4, d.integer(0, 40)))
    alpha = d.one((0, 1, 1 << shift, d.near(1 << shift), d.size(48), 2**48 - 1))
    return (d.operand(0, 8),), {"shift": shift, "alpha": alpha * d.one((1, 1, -1))}


def _prelu(d: Drawing) -> Drawn:
    name = d.operand()
    x = d.tensors[name]
    shift = d.one((0, 1, 4, d.integer(0, 40)))
    slope = d.any(lambda tensor: tensor.scale == shift) if d.chance(30) else None
    if slope is None:
        slope = d.odd(d.narrower(x.shape), shift, d.small(x))
    return (name, slope), {"shift": shift}


def _distances(d: Drawing) -> Drawn:
    return (d.operand(1, 7),), {}


def _gather(d: Drawing) -> Drawn:
    table = d.any(lambda t: len(t.shape) == 2) if d.chance(40) else None
    if table is None:
        table = d.fresh((d.integer(1, 9), d.integer(1, 4)), d.scale(), weight=70)
    rows = d.tensors[table].shape[0]
    old = d.any(lambda t: not t.scale and 0 <= t.low and t.high < rows) if d.chance(40) else None
    if old is None:
        name = d.operand(0, 7)
        ends = {"low": d.one((0, 0, 1)), "high": rows - d.one((1, 1, 2, 0))}
        ends["low"] = min(ends.values())
        shift = max(min(d.tensors[name].scale, 62), 0)
        old = d.add(
            "requantize", name, shift=shift, **ends, low_saturates=True, high_saturates=True
        )
    return (table, old), {}


def _trees(d: Drawing) -> Drawn:
    x = d.any(lambda t: len(t.shape) == 2) if d.chance(40) else None
    if x is None:
        x = d.fresh((d.one((1, 1, 2, 3)), d.integer(1, 6)), d.scale(), weight=20)
    known = d.tensors[x]
    table = (d.integer(1, 4), d.one((1, 2, 4)))
    rows = math.prod(table)
    # no fold of a certificate's range but one of all its places is known to lie within a table
    features = _places(d, table, known.shape[1])
    children = _places(d, (*table, 2), rows)
    thresholds = d.any(lambda t: t.shape == table and t.scale == known.scale)
    if thresholds is None or d.chance(80):
        thresholds = d.odd(table, known.scale, min(61, known.high.bit_length() + 1))
    values = d.odd((*table, 2, d.integer(1, 3)), d.scale(), d.integer(1, 61))
    attrs = {"trees": d.integer(1, rows + d.chance(5)), "depth": d.integer(1, 4)}
    return (x, features, thresholds, children, values), attrs


def _places(d: Drawing, shape: Shape, extent: int) -> str:
    """Whole numbers that are places among so many."""
    name = f"w{len(d.weights)}"
    d.weights.append(name)
    low = d.one((0, 0, 0, min(1, extent - 1)))
    d.declared[name] = d.tensors[name] = FixedTensor(shape, 0, low, extent - d.one((1,) * 9 + (0,)))
    return name


def _interpolate(d: Drawing) -> Drawn:
    narrow = d.chance(60)
    name = d.fresh(d.extents(), d.scale(), weight=10, most=9) if narrow else d.operand(0, 8)
    x, shift = d.tensors[name], d.one((0, 1, 3, d.integer(0, 40)))
    low = x.low - d.one((0, 0, 1, d.integer(0, 1 << shift)))
    count = min(((x.high - low) >> shift) + d.one((1, 1, 1, 2, 0)), 4096)
    values = [d.one((0, d.near(0, 50), d.size(16), -d.size(39))) for _ in range(min(count, 9))]
    values = (values * count)[: count + 1] + values[: max(0, count + 1 - len(values) * count)]
    scale = d.one((0, 4, d.integer(-40, 62)))
    return (name,), {"first": low, "shift": shift, "scale": scale, "values": tuple(values)}


def _reduce_sum(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    rank = len(d.tensors[name].shape)
    axes = tuple(d.choices.shuffled(range(rank))[: d.integer(0, rank)])
    return (name,), {
        "axes": axes,
        "keepdims": d.chance(50),
        "multiplier": d.one((1, 1, 3, d.size(40))),
        "scale": d.one((0, 4, d.integer(0, 62))),
    }


def _reshape(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    left, shape = math.prod(d.tensors[name].shape), []
    while left > 1 and len(shape) < 7 and d.chance(80):
        shape.append(d.one([n for n in range(1, left + 1) if left % n == 0]))
        left //= shape[-1]
    if left > 1 or d.chance(30):
        shape.append(left)
    while len(shape) < 8 and d.chance(20):
        shape.insert(d.integer(0, len(shape)), 1)
    return (name,), {"shape": tuple(shape)}


def _transpose(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    rank = len(d.tensors[name].shape)
    return (name,), {"perm": tuple(d.choices.shuffled(range(rank)))}


def _slice(d: Drawing) -> Drawn:
    name = d.operand(1, 8)
    shape = d.tensors[name].shape
    axes = tuple(d.choices.shuffled(range(len(shape)))[: d.integer(0, len(shape))])
    bound = [d.one((d.integer(-e - 1, e + 1), 0, e, -e - 9, 2**62, -(2**62))) for e in shape]
    other = [d.one((d.integer(-e - 1, e + 1), 0, e, -e - 9, 2**62, -(2**62))) for e in shape]
    steps = tuple(d.one((1, 1, -1, 2, -2, 3, d.hostile() or 1)) for _ in axes)
    return (name,), {
        "axes": axes,
        "starts": tuple(bound[axis] for axis in axes),
        "stops": tuple(other[axis] for axis in axes),
        "steps": steps,
    }


def _concat(d: Drawing) -> Drawn:
    name = d.operand(1, 8)
    x = d.tensors[name]
    axis = d.integer(0, len(x.shape) - 1)

    def fits(tensor: FixedTensor) -> bool:
        sides = [s[:axis] + s[axis + 1 :] for s in (tensor.shape, x.shape)]
        return len(tensor.shape) == len(x.shape) and sides[0] == sides[1]

    narrow, parts = d.chance(20), []
    for _ in range(d.integer(60, 255) if d.chance(3) else d.integer(0, 4)):
        extent = d.one((1, 1, 2, 3, x.shape[axis]))
        shape = (*x.shape[:axis], extent, *x.shape[axis + 1 :])
        if narrow:
            shape = tuple(e if a == axis or d.chance(50) else 1 for a, e in enumerate(shape))
        old = d.any(lambda t: fits(t) and t.scale == x.scale) if d.chance(60) else None
        parts.append(old or d.odd(shape, x.scale))
    parts.insert(d.integer(0, len(parts)), name)
    return tuple(parts), {"axis": axis}


def _pad(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    x = d.tensors[name]
    pads = tuple(d.one((0, 0, 0, 1, 2)) for _ in range(2 * len(x.shape)))
    return (name,), {"pads": pads, "value": d.near(0, 0, x.low, x.high, 2**62 - 9, 9 - 2**62)}


def _windows(d: Drawing, extents: Shape, kernel: Shape) -> dict[str, Any]:
    rank = len(extents)
    strides = tuple(d.one((1, 1, k, d.integer(1, 9))) for k in kernel)
    dilations = tuple(d.one((1, 1, 1, 2, d.integer(1, 9))) for _ in range(rank))
    pads = [d.one((0, 0, 1, k - 1, d.integer(0, 9))) for k in (*kernel, *kernel)]
    if d.chance(30):
        pads = [0] * (2 * rank)
    for axis in range(rank):
        lacking = dilations[axis] * (kernel[axis] - 1) + 1 - extents[axis]
        pads[axis] += max(0, lacking - pads[axis] - pads[axis + rank]) if d.chance(90) else 0
    return {"strides": strides, "dilations": dilations, "pads": tuple(pads)}


def _pooled(d: Drawing) -> str:
    """A tensor of three axes or more."""
    if d.chance(50):
        return d.operand(3, 8)
    return d.fresh((d.integer(1, 2), d.integer(1, 2), *d.extents(1, 2)), d.scale(), weight=10)


def _max_pool(d: Drawing) -> Drawn:
    name = _pooled(d)
    extents = d.tensors[name].shape[2:]
    divisors = [[n for n in range(1, e + 1) if e % n == 0] for e in extents]
    if d.chance(40):  # windows that tile
        kernel = tuple(map(d.one, divisors))
        rank = len(kernel)
        tiling = {"strides": kernel, "dilations": (1,) * rank, "pads": (0,) * (2 * rank)}
        return (name,), {"kernel": kernel, **tiling}
    kernel = tuple(d.integer(1, 3) for _ in extents)
    return (name,), {"kernel": kernel, **_windows(d, extents, kernel)}


def _average_pool(d: Drawing) -> Drawn:
    name = _pooled(d)
    extents = d.tensors[name].shape[2:]
    kernel = tuple(d.integer(1, 3) for _ in extents)
    attrs = _windows(d, extents, kernel)
    rank, multipliers = len(kernel), []
    for axis in range(rank):
        room = extents[axis] + attrs["pads"][axis] + attrs["pads"][axis + rank]
        count = (room - attrs["dilations"][axis] * (kernel[axis] - 1) - 1) // attrs["strides"][axis]
        series = [d.one((0, 1, d.size(8), d.size(40))) for _ in range(count + 1)]
        if d.chance(40):
            series = series[:1] * len(series)
        multipliers.append(tuple(series))
    scale = d.one((0, 8, d.integer(0, 62)))
    return (name,), {"kernel": kernel, **attrs, "multipliers": tuple(multipliers), "scale": scale}


def _bias(d: Drawing, shape: Shape, scale: int) -> tuple[str, ...]:
    if d.chance(40):
        return ()
    old = d.any(lambda t: t.scale == scale and t.shape == shape) if d.chance(50) else None
    return (old or d.odd(shape, scale),)


def _conv(d: Drawing) -> Drawn:
    name = d.operand(3, 4)
    x = d.tensors[name]
    groups = d.one([n for n in range(1, x.shape[1] + 1) if x.shape[1] % n == 0])
    filters = groups * d.integer(1, 2)
    kernel = tuple(d.integer(1, 3) for _ in x.shape[2:])
    shape = (filters, x.shape[1] // groups, *kernel)
    kernels = d.any(lambda t: t.shape == shape) if d.chance(30) else None
    w = kernels or d.odd(shape, d.scale(), max(1, d.small(x) - 4))
    bias = _bias(d, (filters,), x.scale + d.tensors[w].scale)
    return (name, w, *bias), {**_windows(d, x.shape[2:], kernel), "groups": groups}


def _matmul(d: Drawing) -> Drawn:
    a = d.operand(1, 5)
    x = d.tensors[a]
    rows = x.shape if len(x.shape) > 1 else (1, *x.shape)
    shape = (*d.narrower(rows[:-2]), x.shape[-1], *((d.integer(1, 4),) if d.chance(80) else ()))
    if len(shape) > 1 and math.prod(shape[:-2]) == 1 and d.chance(20):
        shape = (d.integer(1, 3), *shape)
    if d.chance(20):
        shape = x.shape[::-1]
    old = d.any(lambda t: t.shape == shape) if d.chance(40) else None
    other = old or d.odd(shape, d.scale(), max(1, d.small(x) - 3))
    try:
        out = np.matmul(np.zeros(x.shape), np.zeros(d.tensors[other].shape)).shape
    except ValueError:
        out = ()
    return (a, other, *_bias(d, d.narrower(out), x.scale + d.tensors[other].scale)), {}


DRAW: dict[str, Callable[[Drawing], Drawn]] = {
    "add": _add,
    "average_pool": _average_pool,
    "concat": _concat,
    "conv": _conv,
    "gather": _gather,
    "trees": _trees,
    "interpolate": _interpolate,
    "distances": _distances,
    "divide": _divide,
    "is_negative": _unary,
    "label": _label,
    "leaky_relu": _leaky_relu,
    "matmul": _matmul,
    "max_pool": _max_pool,
    "mul": _mul,
    "neg": _unary,
    "pad": _pad,
    "prelu": _prelu,
    "reduce_sum": _reduce_sum,
    "requantize": _requantize,
    "rescale": _rescale,
    "reshape": _reshape,
    "slice": _slice,
    "sqrt": _sqrt,
    "sub": _add,
    "transpose": _transpose,
}
